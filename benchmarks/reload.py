"""From saving a file to the first response of the new code: gatewayserve beside runserver.

    python benchmarks/reload.py              a table
    python benchmarks/reload.py --json       everything measured

A fresh project for each contender, all of them running, one saved at a time; medians over the rounds. Connections that
were refused or broken off meanwhile are counted. benchmarks/README.md says more, and has the results.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from measuring import facts
from measuring.contenders import PROJECT, start_project

#: Share of runserver's time that is to be reached.
GOAL = 0.3
CONTENDERS = {
    "runserver": ["runserver"],
    "gatewayserve --wsgi": ["gatewayserve", "--wsgi", "--nopanel"],
    "gatewayserve --asgi": ["gatewayserve", "--asgi", "--nopanel"],
    "gatewayserve --wsgi --nospare": ["gatewayserve", "--wsgi", "--nopanel", "--nospare"],
}
URLS = """
from django.contrib import admin
from django.http import HttpResponse
from django.urls import path

VERSION = {version}
urlpatterns = [path("admin/", admin.site.urls), path("", lambda request: HttpResponse(VERSION))]
"""
_PAUSE = 0.005  # seconds between two requests
_DEADLINE = 60.0


class Contender:
    """A project and the server that runs it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        folder.mkdir()
        start_project(folder)
        if name.startswith("gatewayserve"):
            settings = folder / PROJECT / "settings.py"
            settings.write_text(f"{settings.read_text()}\nINSTALLED_APPS += ['django_gateway']\n")
        self.version = 0
        self.save()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", CONTENDERS[name][0], str(self.port), *CONTENDERS[name][1:]],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.seconds: list[float] = []
        self.lost = 0
        self.wait_for_version()
        self.lost = 0

    def save(self) -> None:
        self.version += 1
        (self.folder / PROJECT / "urls.py").write_text(URLS.format(version=self.version))

    def wait_for_version(self) -> None:
        end = time.monotonic() + _DEADLINE
        while self.ask() != str(self.version):
            if time.monotonic() > end:
                raise SystemExit(f"{self.name} did not answer with the new code")
            time.sleep(_PAUSE)

    def ask(self) -> str | None:
        """The version that answers; None, counted, where the connection is refused or broken off."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_DEADLINE)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            self.lost += 1
            return None
        finally:
            connection.close()

    def measure(self) -> None:
        self.save()
        began = time.perf_counter()
        self.wait_for_version()
        self.seconds.append(time.perf_counter() - began)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def result(self, runserver: float | None) -> dict[str, Any]:
        low, median, high = statistics.quantiles(self.seconds, n=4)
        return {
            "contender": self.name,
            "median_s": median,
            "quartiles_s": [low, high],
            "of_runserver": None if runserver is None else median / runserver,
            "lost_connections": self.lost,
            "seconds": self.seconds,
        }


def main() -> int:
    options = parse()
    contenders: list[Contender] = []
    with tempfile.TemporaryDirectory(prefix="reload-", ignore_cleanup_errors=True) as made:
        try:
            for number, name in enumerate(options.contenders):
                contenders.append(Contender(name, Path(made) / str(number)))
            for round_number in range(options.rounds):
                for contender in random.sample(contenders, len(contenders)):
                    # Long enough for everything to have come to rest, and at no fixed time of runserver's polling.
                    threading.Event().wait(options.pause + random.random())
                    contender.measure()
                say(f"round {round_number + 1} of {options.rounds}")
        finally:
            say("")
            for contender in contenders:
                contender.end()
    beside = next((statistics.median(one.seconds) for one in contenders if one.name == "runserver"), None)
    report = {
        "machine": facts.machine(),
        "versions": facts.versions(["Django", "daphne", "watchfiles"]),
        "rounds": options.rounds,
        "results": [one.result(beside) for one in contenders],
    }
    print(json.dumps(report, indent=2) if options.json else "\n".join(lines(report)))
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="From saving a file to the first response of the new code.")
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS), metavar="NAME",
                        help=f"some of them only: {', '.join(CONTENDERS)}")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=15, help="files saved for each (default: %(default)s)")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds before each (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="everything measured, as JSON")
    return parser.parse_args()


def say(text: str) -> None:
    """Progress, on one line of a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def lines(report: dict[str, Any]) -> Iterable[str]:
    cpu, cores, kernel, python, load = report["machine"].values()
    yield f"{cpu}, {cores} cores · {kernel} · {python} · load {load}"
    yield " · ".join(f"{package} {version}" for package, version in report["versions"].items())
    yield ""
    yield f"Seconds from saving a file to the first response of the new code; medians of {report['rounds']}"
    yield f"{'':32}{'s':>8}{'quartiles':>18}{'× runserver':>14}{'lost':>8}"
    for row in report["results"]:
        low, high = row["quartiles_s"]
        share = "–" if row["of_runserver"] is None else f"{row['of_runserver']:.2f}"
        quartiles = f"{low:.2f} … {high:.2f}"
        yield f"{row['contender']:32}{row['median_s']:8.3f}{quartiles:>18}{share:>14}{row['lost_connections']:8}"
    yield f"to reach: ≤ {GOAL} × runserver, no connection lost"


if __name__ == "__main__":
    sys.exit(main())
