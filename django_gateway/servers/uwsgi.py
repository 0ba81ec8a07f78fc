"""uWSGI: a master in C with prefork workers, which loads Python as a plugin."""

from __future__ import annotations

from .base import Command, Launch, Server


class UWSGI(Server):
    name = "uwsgi"
    title = "uWSGI"
    distribution = "pyuwsgi"
    also = ("uwsgi",)
    extra = "uwsgi"
    interfaces = frozenset({"wsgi"})
    can = frozenset({"threads", "unix"})
    forks = True
    logs_requests = False

    def command(self, launch: Launch) -> Command:
        options = launch.options
        argv = [*launch.python, "-m", "django_gateway.workers.uwsgi", "--http-socket", f"fd://{launch.sockets[0]}"]
        argv += ["--module", "django_gateway.workers.wsgi:application", "--need-app", "--lazy-apps", "--master"]
        argv += ["--processes", str(options.workers), "--threads", str(options.threads or 1), "--enable-threads"]
        # SIGTERM is to mean the end, after the requests that were begun.
        argv += ["--hook-master-start", "unix_signal:15 gracefully_kill_them_all", "--die-on-term"]
        argv += ["--worker-reload-mercy", f"{launch.grace:.0f}", "--reload-mercy", f"{launch.grace:.0f}"]
        # Its own log is long, and worth keeping: what it says of a worker that died stands there.
        argv += ["--disable-logging", "--logto", str(launch.folder / "uwsgi.log")]
        return Command(argv=(*argv, *options.arguments))


server = UWSGI()
