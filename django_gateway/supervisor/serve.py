"""gatewayserve, from what was given on the command line to the exit code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..panel import tokens
from ..servers import ServerError, settle
from ..servers.options import OptionError, merged
from . import plan as plans
from . import project as projects
from . import unix
from .addresses import AddressError
from .certificates import CertificateError
from .console import Console
from .greeting import greet, show
from .project import ProjectError
from .supervisor import Supervisor

#: What stops it before anything is started, each with a message for the person who typed the command.
REFUSALS = (AddressError, CertificateError, OptionError, ProjectError, ServerError)


def serve(given: Mapping[str, Any], *, color: bool, no_color: bool = False) -> int:
    """Serve the project of the settings in force until told to end. Raises one of REFUSALS."""
    project = projects.read()
    if not project.debug and not project.hosts:
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
    plan.folder.mkdir(exist_ok=True)
    with unix.removed_at_the_end(plan.socket_file):
        if plan.front is not None:
            plan.front.check()
        token = panel_token(project.gateway.folder) if plan.panel is not None else None
        greet(plan, console, token)
        for remark in plan.remarks_on_certificate():
            console.warn(remark)
        for remark in plan.wired.remarks if plan.wired is not None else []:
            console.warn(remark)
        if plan.front is not None and plan.front.advice:
            console.warn(plan.front.advice)
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


def _typed() -> str:
    """How the command was typed, up to its name."""
    program = Path(sys.argv[0]).name if sys.argv else "manage.py"
    return f"{program} gatewayserve" if program != "__main__.py" else "python -m django gatewayserve"
