"""The same view through CGI, WSGI and ASGI: how long a request takes, what CPU it costs, and how much memory is held.

    python benchmarks/gateways.py               a table
    python benchmarks/gateways.py --requests 50 --recorded --json

gatewayserve starts each server on startproject's project with a view that says "hello"; all of them run side by side,
and each is asked once in each round, so that what else the machine does meets all alike. Recording is off unless
``--recorded`` asks for it. benchmarks/README.md says more, and has the results.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from django_gateway import servers
from django_gateway.servers.base import ServerError
from django_gateway.servers.options import Options
from measuring import facts
from measuring.contenders import PROJECT, start_project

CONTENDERS = {
    "CGI, lighttpd": ["--cgi", "--server", "lighttpd"],
    "CGI, Apache": ["--cgi", "--server", "apache"],
    "CGI, nginx and fcgiwrap": ["--cgi", "--server", "fcgiwrap"],
    "CGI, embedded host": ["--cgi", "--server", "embedded"],
    "WSGI, Gunicorn": ["--wsgi", "--server", "gunicorn"],
    "ASGI, uvicorn": ["--asgi", "--server", "uvicorn"],
}
URLS = """
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("", lambda request: HttpResponse("hello"))]
"""
# A process that serves one request says itself what it used: nobody else knows once it has ended.
SETTINGS = """
INSTALLED_APPS += ["django_gateway"]
DEBUG = False
ALLOWED_HOSTS = ["*"]

if "GATEWAY_INTERFACE" in os.environ:
    import atexit
    import resource

    def tell():
        used = resource.getrusage(resource.RUSAGE_SELF)
        line = f"{used.ru_utime + used.ru_stime} {used.ru_maxrss}\\n"
        with open(os.environ["SCRIPTS"], "a") as file:
            file.write(line)

    atexit.register(tell)
"""
_DEADLINE = 60.0


class Contender:
    """One server, from its start to its end."""

    def __init__(self, name: str, folder: Path, *, recorded: bool) -> None:
        self.name = name
        self.own = folder / re.sub(r"\W+", "-", name)
        self.own.mkdir()
        self.seconds: list[float] = []
        self._scripts = self.own / "scripts"
        self._scripts.touch()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("DJANGO_", "GATEWAY_"))}
        environment = {
            "GATEWAY_ENABLED": "1" if recorded else "0",
            "GATEWAY_FOLDER": str(self.own),
            "GATEWAY_STORE": f"sqlite:///{self.own}/exchanges.sqlite3",
            "SCRIPTS": str(self._scripts),
            # Bytecode is kept, as it is where nobody says otherwise.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONUNBUFFERED": "1",
        }
        arguments = ["gatewayserve", "127.0.0.1:0", "--nopanel", "--noreload", "--nostatic", "--skip-checks"]
        self._output = (self.own / "output").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments, *CONTENDERS[name]],
            cwd=folder,
            env={**kept, **environment},
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._until(lambda: re.search(rb"Project +http://(\S+)/", self._said()))
        found = re.search(rb"Project +(http://\S+)/", self._said())
        address = urlsplit(found[1].decode() if found else "")
        self._host, self._port = address.hostname or "", address.port or 0
        self._until(self._answers)

    def _said(self) -> bytes:
        return (self.own / "output").read_bytes()

    def _answers(self) -> bool:
        try:
            self.ask()
        except OSError:
            return False
        return True

    def _until(self, condition: Any) -> None:
        end = time.monotonic() + _DEADLINE
        while not condition():
            if time.monotonic() > end or self._process.poll() is not None:
                raise SystemExit(f"{self.name} does not serve:\n{self._said().decode()}")
            time.sleep(0.05)

    def ask(self) -> float:
        """Seconds from connecting to the last byte."""
        begun = time.perf_counter()
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_DEADLINE)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse().read()
        finally:
            connection.close()
        if answer != b"hello":
            raise SystemExit(f"{self.name} answered {answer!r}")
        return time.perf_counter() - begun

    def _family(self) -> Iterator[psutil.Process]:
        """What serves: everything but the supervisor."""
        yield from psutil.Process(self._process.pid).children(recursive=True)

    def cpu(self) -> float:
        """Seconds that the server's own processes have used; scripts tell theirs at their end."""
        used = 0.0
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used += times.user + times.system
        return used

    def scripts(self) -> list[tuple[float, int]]:
        """Of each script that has ended: seconds of CPU, and the most memory that it had, in bytes."""
        lines = (line.split() for line in self._scripts.read_text().splitlines())
        return [(float(cpu), int(memory) * 1024) for cpu, memory in lines]

    def idle(self) -> int:
        """Bytes held while nothing is asked; what processes share is counted once."""
        held = 0
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                held += process.memory_full_info().pss
        return held

    def close(self) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        self._process.wait(_DEADLINE)
        self._output.close()


def measure(contenders: list[Contender], requests: int) -> list[dict[str, Any]]:
    for contender in contenders:
        for _ in range(3):
            contender.ask()
    time.sleep(1)  # scripts end after their responses
    before = [(contender.cpu(), len(contender.scripts())) for contender in contenders]
    for _ in range(requests):
        for contender in contenders:
            contender.seconds.append(contender.ask())
    for contender, (_, ended) in zip(contenders, before, strict=True):
        if contender.scripts():
            contender._until(lambda contender=contender, ended=ended: len(contender.scripts()) >= ended + requests)
    return [
        result(contender, cpu, contender.scripts()[ended:], requests)
        for contender, (cpu, ended) in zip(contenders, before, strict=True)
    ]


def result(contender: Contender, cpu: float, scripts: list[tuple[float, int]], requests: int) -> dict[str, Any]:
    milliseconds = [seconds * 1000 for seconds in contender.seconds]
    low, _, high = statistics.quantiles(milliseconds, n=4)
    used = contender.cpu() - cpu + sum(seconds for seconds, _ in scripts)
    return {
        "contender": contender.name,
        "requests": len(contender.seconds),
        "latency_ms": statistics.median(milliseconds),
        "latency_quartiles_ms": [low, high],
        "cpu_ms": used * 1000 / requests,
        "idle_bytes": contender.idle(),
        "request_bytes": statistics.median(memory for _, memory in scripts) if scripts else None,
    }


def server_of(name: str) -> servers.Server:
    return servers.get(CONTENDERS[name][2])


def usable(name: str) -> bool:
    server, interface = server_of(name), CONTENDERS[name][0].removeprefix("--")
    try:
        server.version()
        server.check(Options(), interface)  # type: ignore[arg-type]  # one of its values
    except ServerError as error:
        print(f"{name}: left out. {error}", file=sys.stderr)
        return False
    return True


def lines(report: dict[str, Any]) -> Iterable[str]:
    yield from facts.heading(report["machine"], report["versions"])
    yield f"medians of {report['requests']} requests, recording {'on' if report['recorded'] else 'off'}"
    yield f"{'':26}{'latency, ms':>12}{'quartiles':>20}{'CPU, ms':>10}{'idle, MiB':>12}{'a request, MiB':>17}"
    for row in report["results"]:
        low, high = row["latency_quartiles_ms"]
        memory = "–" if row["request_bytes"] is None else f"+{row['request_bytes'] / 2**20:.0f}"
        yield (
            f"{row['contender']:26}{row['latency_ms']:12.1f}{f'{low:.1f} … {high:.1f}':>20}{row['cpu_ms']:10.1f}"
            f"{row['idle_bytes'] / 2**20:12.0f}{memory:>17}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description="One view through CGI, WSGI and ASGI.")
    parser.add_argument("--requests", type=int, default=100, help="to each of them (default: %(default)s)")
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS), metavar="NAME")
    parser.add_argument("--recorded", action="store_true", help="record every exchange")
    parser.add_argument("--json", action="store_true", help="everything measured, as JSON")
    options = parser.parse_args()
    names = [name for name in options.contenders if usable(name)]
    with tempfile.TemporaryDirectory(prefix="gateways-") as made, ExitStack() as running:
        folder = Path(made)
        start_project(folder)
        settings = folder / PROJECT / "settings.py"
        settings.write_text(f"import os\n{settings.read_text()}\n{SETTINGS}")
        (folder / PROJECT / "urls.py").write_text(URLS)
        contenders = []
        for name in names:
            contender = Contender(name, folder, recorded=options.recorded)
            running.callback(contender.close)
            contenders.append(contender)
        report = {
            "machine": facts.machine(),
            "versions": {
                **facts.versions(["Django", "gunicorn", "uvicorn"]),
                **{web.title: web.version() for web in map(server_of, names) if "cgi" in web.interfaces},
            },
            "requests": options.requests,
            "recorded": options.recorded,
            "results": measure(contenders, options.requests),
        }
    print(json.dumps(report, indent=2) if options.json else "\n".join(lines(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
