"""Granian: HTTP in Rust, the application in processes that it starts itself."""

from __future__ import annotations

from .base import Command, Interface, Launch, Server, ServerError
from .options import Options


class Granian(Server):
    name = "granian"
    title = "Granian"
    distribution = extra = "granian"
    interfaces = frozenset({"wsgi", "asgi"})
    can = frozenset({"threads", "https", "unix"})
    forks = True
    waits = True
    logs_requests = False

    def check(self, options: Options, interface: Interface) -> None:
        super().check(options, interface)
        if interface == "asgi" and options.threads not in (None, 1):
            raise ServerError(f"{self.title} runs ASGI applications in one thread a worker: leave --threads out.")

    def command(self, launch: Launch) -> Command:
        options = launch.options
        argv = [*launch.python, "-m", "django_gateway.workers.granian", "--fd", str(launch.sockets[0])]
        argv += ["--interface", launch.interface, "--workers", str(options.workers), "--log-level", "error"]
        argv += ["--workers-kill-timeout", f"{launch.grace:.0f}"]
        if options.workers > 1:
            argv.append("--respawn-failed-workers")
        if options.threads is not None:
            argv += ["--blocking-threads", str(options.threads)]
        if launch.certificate is not None:
            argv += ["--ssl-certificate", str(launch.certificate.chain)]
            argv += ["--ssl-keyfile", str(launch.certificate.key), "--ssl-protocol-min", "tls1.2"]
        return Command(argv=(*argv, *options.arguments, launch.application))


server = Granian()
