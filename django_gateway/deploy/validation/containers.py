"""Schemas for compose files and for Kubernetes, Docker's own linter, and honcho's reading of a Procfile."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..installed import find
from .base import Result, Verdict, absent, run
from .proxies import nginx_site

_ENTRY: Final = re.compile(r"[A-Za-z0-9_-]+:\s*\S")
_EXTRA: Final = "pip install 'django-gateway[deploy]'"


def docker(folder: Path) -> Iterator[Result]:
    for name, check in (("Dockerfile", _dockerfile), ("compose.yaml", _compose), ("nginx.conf", nginx_site)):
        file = folder / "docker" / name
        if file.exists():
            yield from check(file, f"docker/{name}")


def _compose(file: Path, path: str) -> Iterator[Result]:
    tool = "compose-spec schema"
    if importlib.util.find_spec("check_jsonschema") is None:
        yield absent(path, tool, _EXTRA)
        return
    schema = ["--builtin-schema", "vendor.compose-spec", "--output-format", "json", "--no-cache"]
    done = run([sys.executable, "-m", "check_jsonschema", *schema, str(file)])
    if done.code == 0:
        yield Result(path=path, verdict="right", tool=tool)
        return
    try:
        report = json.loads(done.output[done.output.index("{") :])
    except ValueError:
        report = {}
    problems = [f"{one['path']}: {one['message']}" for one in report.get("errors", [])]
    problems += [str(one.get("message", one)) for one in report.get("parse_errors", [])]
    for problem in problems or done.lines[-1:]:
        yield Result(path=path, verdict="wrong", tool=tool, message=problem)


def _dockerfile(file: Path, path: str) -> Iterator[Result]:
    tool = "docker build --check"
    program = find("docker")
    if program is None or run([program, "buildx", "version"]).code:
        yield absent(path, tool, "Docker with buildx")
        return
    done = run([program, "buildx", "build", "--check", "--file", str(file), str(file.parent)])
    if done.code == 0:
        yield Result(path=path, verdict="right", tool=tool)
    elif "daemon" in done.output or "connect" in done.output:
        yield Result(path=path, verdict="unknown", tool=tool, message="Docker's daemon does not answer")
    else:
        yield Result(path=path, verdict="wrong", tool=tool, message=done.lines[-1] if done.lines else "")


def kubernetes(folder: Path) -> Iterator[Result]:
    tool = "Kubernetes schema"
    for file in sorted((folder / "kubernetes").glob("*.yaml")):
        path = f"kubernetes/{file.name}"
        if importlib.util.find_spec("kubernetes_validate") is None:
            yield absent(path, tool, _EXTRA)
            continue
        done = run([sys.executable, "-W", "ignore", "-m", "kubernetes_validate", "--strict", "--quiet", str(file)])
        if done.code == 0:
            yield Result(path=path, verdict="right", tool=tool)
            continue
        for line in done.lines:
            yield Result(path=path, verdict="wrong", tool=tool, message=re.sub(r"^.*?ERROR\s+", "", line))


def procfile(folder: Path) -> Iterator[Result]:
    file = folder / "procfile" / "Procfile"
    if not file.exists():
        return
    if importlib.util.find_spec("honcho") is None:
        yield absent("procfile/Procfile", "honcho check", _EXTRA)
        return
    done = run([sys.executable, "-m", "honcho", "check", "--procfile", file.name], folder=file.parent)
    verdict: Verdict = "right" if done.code == 0 else "wrong"
    message = "" if done.code == 0 or not done.lines else done.lines[-1]
    strange = [
        number
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if line.strip() and not line.startswith("#") and not _ENTRY.match(line)
    ]
    for number in strange:
        said = "honcho passes over it: a line is NAME: COMMAND"
        yield Result(path="procfile/Procfile", verdict="wrong", tool="honcho check", message=said, line=number)
    if verdict == "wrong" or not strange:
        yield Result(path="procfile/Procfile", verdict=verdict, tool="honcho check", message=message)
