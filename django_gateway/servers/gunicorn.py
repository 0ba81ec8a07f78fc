"""Gunicorn: an arbiter with prefork workers; sync and threads for WSGI, and a worker of its own for ASGI."""

from __future__ import annotations

from .base import Command, Interface, Launch, Server, ServerError
from .options import Options


class Gunicorn(Server):
    name = "gunicorn"
    title = "Gunicorn"
    distribution = extra = "gunicorn"
    least = "25.1"  # the first with --no-control-socket
    interfaces = frozenset({"wsgi", "asgi"})
    can = frozenset({"threads", "https", "unix"})
    forks = True
    waits = True
    logs_requests = False

    def check(self, options: Options, interface: Interface) -> None:
        super().check(options, interface)
        if interface == "asgi" and options.threads is not None:
            raise ServerError(f"{self.title}'s worker for ASGI has no setting for threads: leave --threads out.")

    def command(self, launch: Launch) -> Command:
        options = launch.options
        argv = [*launch.python, "-m", "django_gateway.workers.gunicorn", "--bind", f"fd://{launch.sockets[0]}"]
        argv += ["--workers", str(options.workers), "--graceful-timeout", f"{launch.grace:g}"]
        # Its control socket would be a file under the home folder.
        argv += ["--no-control-socket", "--log-level", "warning"]
        if launch.interface == "asgi":
            argv += ["--worker-class", "asgi"]
        elif options.threads is not None:
            argv += ["--worker-class", "gthread" if options.threads > 1 else "sync", "--threads", str(options.threads)]
        if launch.certificate is not None:
            argv += ["--certfile", str(launch.certificate.chain), "--keyfile", str(launch.certificate.key)]
            # The sync worker would let a client negotiate HTTP/2, and not speak it.
            if launch.interface == "asgi" or (options.threads or 1) > 1:
                argv += ["--http-protocols", "h2,h1"]
        return Command(argv=(*argv, *options.arguments, launch.application))


server = Gunicorn()
