"""Requests per second of each server with recording, over the same server without.

    python benchmarks/throughput.py                        a table
    python benchmarks/throughput.py --server gunicorn/wsgi --rounds 9 --json

Each server runs twice, side by side, on the command line that gatewayserve gives it, without its request log; wrk asks
one and then the other, in turns, so that what else the machine does meets both; between two turns what was recorded is
written, so that neither pays for the other. The share is the median of the rounds' shares. A recorder that drops what
it cannot write would look fast: the last column says what part of the exchanges was kept. startproject's seven
middleware, a view that says "hello", the SQLite store, everything recorded.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

from django_gateway import servers
from django_gateway.servers.base import Interface, Launch
from django_gateway.stores import account
from measuring import facts
from measuring.contenders import PROJECT, start_project

GOAL = 0.9
#: Seconds in which what was recorded is written, and in which a process tells how much that was.
_REST = 0.5
_TOLD = 1.5
#: Held to the goal.
HELD = {"gunicorn/wsgi", "uvicorn/asgi", "granian/wsgi", "granian/asgi"}
THREADS = {"gunicorn/wsgi": 4, "granian/wsgi": 4, "uwsgi/wsgi": 4, "waitress/wsgi": 4, "cheroot/wsgi": 4}
EVERY = [
    f"{name}/{interface}"
    for interface in get_args(Interface)
    for name in servers.names()
    if interface in servers.get(name).interfaces and not servers.get(name).binds and interface != "cgi"
]
URLS = """
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("", lambda request: HttpResponse("hello"))]
"""
SETTINGS = """
INSTALLED_APPS += ["django_gateway"]
DEBUG = False
ALLOWED_HOSTS = ["*"]
"""


class Running:
    """One server on a port of its own, recording or not."""

    def __init__(self, which: str, folder: Path, *, recording: bool) -> None:
        name, interface = which.split("/")
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(1024)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        own = folder / f"{name}-{interface}-{recording}"
        own.mkdir()
        self.own = own
        options = servers.Options(threads=THREADS.get(which))
        launch = Launch(
            interface=interface,  # type: ignore[arg-type]  # one of its values
            options=options,
            sockets=(self.listener.fileno(),),
            python=(sys.executable,),
            folder=own,
        )
        command = servers.get(name).command(launch)
        environment = {
            "DJANGO_SETTINGS_MODULE": f"{PROJECT}.settings",
            "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]),
            "GATEWAY_ENABLED": "1" if recording else "0",
            "GATEWAY_STORE": f"sqlite:///{own}/exchanges.sqlite3",
            "GATEWAY_FOLDER": str(own),
            "GATEWAY_CHECKS": "0",
            "GATEWAY_STATIC": "never",
        }
        self.output = open(own / "output", "w+b")  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen(
            command.argv,
            env={**os.environ, **environment, **command.env},
            cwd=folder,
            pass_fds=[self.listener.fileno()],
            stdout=self.output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        self.wait()

    def wait(self) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                connection.request("GET", "/")
                if connection.getresponse().read() == b"hello":
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)
            finally:
                connection.close()
        self.output.seek(0)
        raise SystemExit(f"{self.process.args!r} does not serve:\n{self.output.read().decode()}")

    def ask(self, seconds: int, connections: int) -> float:
        """Requests per second."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"http://127.0.0.1:{self.port}/"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(r"Requests/sec:\s+([\d.]+)", said)
        if found is None or "Non-2xx" in said:
            raise SystemExit(f"{' '.join(command)} said:\n{said}")
        return float(found[1])

    def rest(self) -> None:
        """Let it write what it has recorded."""
        time.sleep(_REST)

    def kept(self) -> float | None:
        """The part of what was recorded that was written, as its processes tell it; None where they tell nothing."""
        time.sleep(_TOLD)
        told = account.reports(self.own)
        written, dropped = sum(one.written for one in told), sum(one.dropped for one in told)
        return written / (written + dropped) if written + dropped else None

    def end(self) -> None:
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.listener.close()
        self.output.close()


def measure(which: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    plain = Running(which, folder, recording=False)
    try:
        recording = Running(which, folder, recording=True)
        try:
            for one in (plain, recording):
                one.ask(1, options.connections)  # warm
            recording.rest()
            pairs = []
            for number in range(options.rounds):
                order = (plain, recording) if number % 2 else (recording, plain)
                asked = {}
                for one in order:
                    asked[one] = one.ask(options.seconds, options.connections)
                    recording.rest()
                pairs.append((asked[plain], asked[recording]))
            kept = recording.kept()
        finally:
            recording.end()
    finally:
        plain.end()
    shares = [recorded / without for without, recorded in pairs]
    return {
        "server": which,
        "without": statistics.median(without for without, _ in pairs),
        "with": statistics.median(recorded for _, recorded in pairs),
        "share": statistics.median(shares),
        "lowest": min(shares),
        "highest": max(shares),
        "kept": kept,
        "goal": GOAL if which in HELD else None,
    }


def main() -> int:
    options = parse()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed (Debian's package wrk).")
    results = []
    with tempfile.TemporaryDirectory(prefix="throughput-") as made:
        folder = Path(made)
        start_project(folder)
        (folder / PROJECT / "urls.py").write_text(URLS, encoding="utf-8")
        with open(folder / PROJECT / "settings.py", "a", encoding="utf-8") as settings:
            settings.write(SETTINGS)
        for which in options.server:
            print(f"\r\033[K{which} …", end="", file=sys.stderr, flush=True)
            results.append(measure(which, folder, options))
    print("\r\033[K", end="", file=sys.stderr)
    installed = sorted({servers.get(row["server"].split("/")[0]).distribution for row in results} | {"django"})
    report = {"machine": facts.machine(), "versions": facts.versions(installed), "results": results}
    print(json.dumps(report, indent=2) if options.json else "\n".join(lines(report)))
    return 0 if all(row["goal"] is None or row["share"] >= row["goal"] for row in results) else 1


def lines(report: dict[str, Any]) -> Iterable[str]:
    yield from facts.heading(report["machine"], report["versions"])
    yield ""
    yield f"{'requests a second':20}{'without':>10}{'with':>10}{'share':>8}{'lowest-highest':>18}{'goal':>8}{'kept':>8}"
    for row in report["results"]:
        spread = f"{row['lowest']:.2f}-{row['highest']:.2f}"
        goal = "" if row["goal"] is None else f"≥ {row['goal']:g}"
        kept = "?" if row["kept"] is None else f"{row['kept']:.0%}"
        numbers = f"{row['without']:10.0f}{row['with']:10.0f}{row['share']:8.2f}"
        yield f"{row['server']:20}{numbers}{spread:>18}{goal:>8}{kept:>8}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", choices=EVERY, help="measure only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each turn")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.server = options.server or EVERY
    return options


if __name__ == "__main__":
    sys.exit(main())
