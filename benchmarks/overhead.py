"""What recording costs: CPU for each request, beside plain Django and beside other tools; or memory.

    python benchmarks/overhead.py              a table for WSGI and one for ASGI
    python benchmarks/overhead.py --memory     a worker's memory over 200,000 requests

benchmarks/README.md says how it is measured, and has the results.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from measuring import facts, memory, rounds
from measuring.contenders import ContenderError, start_project
from measuring.tools import TOOLS

#: What is to be reached: microseconds, and the share of what OpenTelemetry adds.
GOALS = {"wsgi": (30, 0.2), "asgi": (80, 0.5)}
GOAL_MEMORY = 5 * 2**20
#: A request under ASGI takes ten times as long.
REQUESTS = {"wsgi": 500, "asgi": 200}


def main() -> int:
    options = parse()
    missing = {name: found for name in options.contenders if (found := TOOLS[name].missing())}
    names = [name for name in TOOLS if name in options.contenders and name not in missing]
    packages = sorted({"Django", "asgiref", *(package for name in names for package in TOOLS[name].packages)})
    report: dict[str, Any] = {
        "machine": facts.machine(),
        "versions": facts.versions(packages),
        "not_installed": missing,
        "failed": {},
    }
    with tempfile.TemporaryDirectory(prefix="overhead-") as made:
        folder = Path(made)
        start_project(folder)
        try:
            if options.memory:
                report["memory"] = [
                    memory.measure(name, interface, folder, say, options.memory)
                    for interface in options.interface
                    for name in names
                    if name in ("plain", "gateway")
                ]
            else:
                for interface in options.interface:
                    requests = options.requests or REQUESTS[interface]
                    plan = rounds.Plan(options.processes, options.rounds, requests)
                    measured = rounds.measure(names, interface, plan, folder, say)
                    report["failed"] |= measured.failed
                    report[interface] = {**plan._asdict(), "results": rounds.results(measured)}
        except ContenderError as error:
            say("")
            print(error, file=sys.stderr)
            return 1
        say("")
    print(json.dumps(report, indent=2) if options.json else "\n".join(lines(report)))
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU that recording adds to each request, beside other tools.")
    parser.add_argument("--interface", choices=["wsgi", "asgi"], action="append", help="one of them only")
    parser.add_argument("--contenders", nargs="+", choices=list(TOOLS), default=list(TOOLS), metavar="NAME",
                        help=f"some of them only: {', '.join(TOOLS)}")  # fmt: skip
    parser.add_argument("--processes", type=int, default=5, help="started anew so often (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=12, help="rounds in each process (default: %(default)s)")
    parser.add_argument("--requests", type=int, help="requests in a round (default: 500 under WSGI, 200 under ASGI)")
    parser.add_argument("--memory", type=int, nargs="?", const=memory.LAST, metavar="REQUESTS",
                        help="memory over so many requests instead (default: %(const)s)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="everything measured, as JSON")
    options = parser.parse_args()
    # A request under ASGI takes ten times as long: 200,000 of them are to be asked for.
    options.interface = options.interface or (["wsgi"] if options.memory else ["wsgi", "asgi"])
    if not options.memory and "plain" not in options.contenders:
        options.contenders.append("plain")
    return options


def say(text: str) -> None:
    """Progress, on one line of a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def lines(report: dict[str, Any]) -> Iterable[str]:
    yield from facts.heading(report["machine"], report["versions"])
    for interface in ("wsgi", "asgi"):
        if interface in report:
            yield ""
            yield from table(interface, report[interface])
    for row in report.get("memory", ()):
        yield ""
        yield from growth(row)
    for name, packages in report["not_installed"].items():
        yield f"{TOOLS[name].title}: not installed ({', '.join(packages)}): pip install 'django-gateway[benchmarks]'"
    for error in report["failed"].values():
        yield f"left out: {error}"


def table(interface: str, measured: dict[str, Any]) -> Iterable[str]:
    sample = f"{measured['processes']} × {measured['rounds']} rounds of {measured['requests']} requests"
    yield f"{interface.upper()}: µs of CPU for a request; medians of {sample}"
    yield f"{'':22}{'µs':>10}{'added':>10}{'quartiles':>20}{'× OpenTelemetry':>18}"
    for row in measured["results"]:
        line = f"{row['title']:22}{row['us']:10,.1f}"
        if row["contender"] != "plain":
            low, high = row["added_quartiles_us"]
            share = "–" if row["of_opentelemetry"] is None else f"{row['of_opentelemetry']:.2f}"
            line += f"{row['added_us']:10,.1f}{f'{low:,.1f} … {high:,.1f}':>20}{share:>18}"
        yield line
    for row in measured["results"]:
        if row["contender"] == "gateway":
            most, part = GOALS[interface]
            yield f"to reach: django-gateway adds ≤ {most} µs and ≤ {part} × OpenTelemetry"
            kept = row["recorded"]
            yield (
                f"recorded of each request: {kept['handover']} keys handed over, {kept['middleware']} middleware, "
                f"{kept['crossings']} crossings, {kept['events']} events, {kept['bytes_each']:,} bytes in the store; "
                f"{kept['dropped']} dropped"
            )


def growth(row: dict[str, Any]) -> Iterable[str]:
    first, last, grown = (row[name] / 2**20 for name in ("first_bytes", "last_bytes", "grown_bytes"))
    yield (
        f"{row['interface'].upper()}, {row['title']}: {first:.1f} MiB after {memory.FIRST:,} requests, "
        f"{last:.1f} MiB after {row['requests']:,}: {grown:+.1f} MiB"
    )
    if row["contender"] == "gateway":
        yield f"to reach: ≤ {GOAL_MEMORY / 2**20:.0f} MiB more; {row['recorded']:,} recorded, {row['dropped']} dropped"


if __name__ == "__main__":
    sys.exit(main())
