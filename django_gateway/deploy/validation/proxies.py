"""``nginx -t``, ``apache2 -t`` and ``caddy validate``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .. import fronts
from ..installed import apache as find_apache
from ..installed import find, front_process, has_mod_wsgi, nginx_version
from ..values import Address, Front, Upstream
from . import standins
from .base import Result, Run, Verdict, absent, run, substituted

_FRONT: Final = Front(name="check", listen=(Address(65000),), upstreams=(Upstream(path="/"),))


def nginx(folder: Path) -> Iterator[Result]:
    for file in sorted((folder / "nginx").glob("*.conf")):
        yield from nginx_site(file, file.relative_to(folder).as_posix())


def nginx_site(file: Path, path: str) -> Iterator[Result]:
    """``path`` is what the results call the file."""
    program = find("nginx")
    if program is None:
        yield absent(path, "nginx -t", "Debian's package nginx")
        return
    with standins.folder() as place:
        text = standins.certificates(
            file.read_text(encoding="utf-8"), r"\bssl_certificate\s+", r"\bssl_certificate_key\s+", place
        )
        # Names are looked up when nginx starts, and logs are opened: neither need be possible on this machine.
        rules = {
            r"^(\s*server )(?!unix:|\"|\d|\[|_)[A-Za-z][\w.-]*(:\d+)": r"\g<1>127.0.0.1\2",
            r"\b(access_log|error_log) (?!off|syslog)\S+": rf"\1 {place}/log",
        }
        if os.geteuid() != 0:
            rules[r"\b(listen (?:[\w.]+:|\[[0-9a-f:]+\]:)?)(\d{1,3}|10[01]\d|102[0-3])\b"] = r"\g<1>6\2"
        if (nginx_version() or ()) < (1, 25, 1):
            rules[r"^(\s*)http2 on;"] = r"\1# http2 on;"
        site = place / "site.conf"
        site.write_text(substituted(text, rules), encoding="utf-8")
        process = front_process(str(place))
        (place / "nginx.conf").write_text(fronts.nginx_process(process, str(site)), encoding="utf-8")
        done = run([program, "-p", f"{place}/", "-c", "nginx.conf", "-t", "-q", "-e", "stderr"])
        # The last line says only that the test has failed.
        said = [line for line in done.lines if not line.endswith("nginx.conf test failed")] or done.lines
        pattern = rf"\[\w+\] (?:\d+#\d+: )?(.*?)(?: in {re.escape(str(site))}:(\d+))?$"
        yield from _verdict(path, "nginx -t", Run(done.code, "\n".join(said)), pattern)


def apache(folder: Path) -> Iterator[Result]:
    yield from _apache(folder, "apache", wsgi=False)


def mod_wsgi(folder: Path) -> Iterator[Result]:
    yield from _apache(folder, "mod_wsgi", wsgi=True)


def _apache(folder: Path, target: str, *, wsgi: bool) -> Iterator[Result]:
    program = find_apache()
    for file in sorted((folder / target).glob("*.conf")):
        path = file.relative_to(folder).as_posix()
        if program is None:
            yield absent(path, "apachectl -t", "Debian's package apache2")
        elif wsgi and not has_mod_wsgi():
            yield absent(path, "apachectl -t", "Debian's package libapache2-mod-wsgi-py3")
        else:
            yield from _apache_site(file, path, program, wsgi=wsgi)


def _apache_site(file: Path, path: str, program: str, *, wsgi: bool) -> Iterator[Result]:
    with standins.folder() as place:
        text = standins.certificates(
            file.read_text(encoding="utf-8"), r"\bSSLCertificateFile\s+", r"\bSSLCertificateKeyFile\s+", place
        )
        rules = {r'\b(CustomLog|ErrorLog) (?:"[^"]*"|\S+)': rf'\1 "{place}/log"'}
        site = place / "site.conf"
        site.write_text(substituted(text, rules), encoding="utf-8")
        process = front_process(str(place), wsgi=wsgi)
        (place / "httpd.conf").write_text(fronts.apache_process(process, _FRONT, str(site)), encoding="utf-8")
        done = run([program, "-d", str(place), "-f", "httpd.conf", "-t"])
        done = Run(done.code, done.output.replace("Syntax OK", ""))
        joined = Run(done.code, re.sub(r":\n(?=\S)", ": ", done.output))
        yield from _verdict(path, "apachectl -t", joined, rf"AH\d+: (?:.*on line (\d+) of {site}: )?(.*)", flipped=True)


def caddy(folder: Path) -> Iterator[Result]:
    for file in sorted((folder / "caddy").glob("Caddyfile")):
        path = file.relative_to(folder).as_posix()
        program = find("caddy")
        if program is None:
            yield absent(path, "caddy validate", "Debian's package caddy")
            continue
        with standins.folder() as place:
            text = standins.certificates(file.read_text(encoding="utf-8"), r"^\ttls ", r"^\ttls \S+ ", place)
            rules = {r"\b(output file )\S+": rf"\1{place}/log"}
            copy = place / "Caddyfile"
            copy.write_text(substituted(text, rules), encoding="utf-8")
            done = run(
                [program, "validate", "--config", str(copy), "--adapter", "caddyfile"],
                XDG_DATA_HOME=str(place),
                XDG_CONFIG_HOME=str(place),
                HOME=str(place),
            )
            # Its log, which is JSON, is about what it does; the error comes after it.
            said = [line for line in done.lines if not line.startswith("{") and line != "Valid configuration"]
            yield from _verdict(
                path, "caddy validate", Run(done.code, "\n".join(said)), rf"(?:Error: )?(.*?{copy}:(\d+).*|.*)"
            )


def _verdict(path: str, tool: str, done: Run, pattern: str, *, flipped: bool = False) -> Iterator[Result]:
    """One result for each line in which the tool complains. ``pattern`` finds the message and the line's number."""
    if done.code == 0 and not done.lines:
        yield Result(path=path, verdict="right", tool=tool)
        return
    for line in done.lines:
        found = re.search(pattern, line)
        message, number = (found[2], found[1]) if found and flipped else (found[1], found[2]) if found else (line, None)
        verdict: Verdict = "wrong" if done.code else "right"
        yield Result(path=path, verdict=verdict, tool=tool, message=message or line, line=int(number or 0))
