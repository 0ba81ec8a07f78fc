"""gatewayserve, from what was given on the command line to the exit code."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..panel import tokens
from ..servers import ServerError, settle
from ..servers.options import merged
from . import plan as plans
from . import project as projects
from .addresses import Address, AddressError
from .console import Console
from .plan import Listening, Plan
from .project import ProjectError
from .supervisor import Supervisor

#: What stops it before anything is started, each with a message for the person who typed the command.
REFUSALS = (AddressError, ProjectError, ServerError, ValueError)


def serve(given: Mapping[str, Any], *, color: bool, no_color: bool = False) -> int:
    """Serve the project of the settings in force until told to end. Raises one of REFUSALS."""
    project = projects.read()
    if not project.debug and not project.hosts[3:]:
        raise ProjectError("ALLOWED_HOSTS has to be set where DEBUG is False: no request would be answered.")
    options = merged(settle(project.gateway.serve, given), given)
    plan = plans.make(project, options, command=_typed())
    console = Console(color=color)
    if no_color:
        plan.environment["DJANGO_COLORS"] = "nocolor"
    if options.dry_run:
        show(plan, console)
        return 0
    prepare(project.gateway.folder)
    token = panel_token(project.gateway.folder) if plan.panel is not None else None
    greet(plan, console, token)
    return asyncio.run(Supervisor(plan, console, token).run())


def prepare(folder: Path) -> None:
    """The folder for what runs leave behind, which ignores itself for git. Raises ProjectError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")
    except OSError as error:
        raise ProjectError(f"{folder} can't be made: {error.strerror}. GATEWAY_FOLDER names another place.") from error


def panel_token(folder: Path) -> str:
    try:
        return tokens.load_token(folder)
    except tokens.TokenError as error:
        raise ProjectError(str(error)) from error


def greet(plan: Plan, console: Console, token: str | None) -> None:
    from django import get_version

    versions = f"django-gateway {__version__} · Django {get_version()} · settings {plan.project.settings_module}"
    server = plan.server.title if plan.server.distribution == "django" else f"{plan.server.title} {plan.version}"
    workers = "" if plan.options.workers == 1 else f" · {plan.options.workers} workers"
    reload = "restarts when a file changes" if plan.options.reload else "no restart when a file changes"
    address = plan.serving.address
    urls = [("Project", address.url(), elsewhere(address))]
    if plan.panel is not None:
        urls.append(("Panel", f"{reachable(plan.panel).url()}?token={token}", ""))
    console.banner(versions, f"{plan.interface.upper()} on {server}{workers} · {reload}", urls, "Quit with CONTROL-C.")


def reachable(listening: Listening) -> Address:
    """An address to open here, where the socket listens on every one."""
    address = listening.address
    if not address.wide:
        return address
    return Address("::1" if address.ipv6 else "127.0.0.1", address.port, address.ipv6)


def elsewhere(address: Address) -> str:
    """What to open, where the socket listens on every address of the machine."""
    if not address.wide:
        return ""
    here = reachable(Listening(address=address, socket=None)).url()
    machine = _own_address(address)
    return f"every address of this machine: here {here}" + (f", elsewhere {machine.url()}" if machine else "")


def _own_address(address: Address) -> Address | None:
    """The address by which others reach this machine, as the routing table has it; nothing is sent."""
    family, far = (socket.AF_INET6, "2001:db8::1") if address.ipv6 else (socket.AF_INET, "192.0.2.1")
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            return Address(probe.getsockname()[0], address.port, address.ipv6)
    except OSError:
        return None


def show(plan: Plan, console: Console) -> None:
    """--dry-run: the commands with what they add to the environment, and the files."""
    inherited = os.environ
    for command in (plan.command(), plan.panel_command()):
        if command is None:
            continue
        added = {
            name: value for name, value in (plan.environment | command.env).items() if inherited.get(name) != value
        }
        for name, value in sorted(added.items()):
            console.line(f"{name}={shlex.quote(value)} \\")
        console.line(shlex.join(command.argv))
        console.line()
        for path, text in command.files.items():
            console.line(f"# {path}\n{text}")


def _typed() -> str:
    """How the command was typed, up to its name."""
    program = Path(sys.argv[0]).name if sys.argv else "manage.py"
    return f"{program} gatewayserve" if program != "__main__.py" else "python -m django gatewayserve"
