"""From options to files, and what is said about them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from . import advice, writing
from . import project as projects
from .options import Options
from .plan import Plan, PlanError, make
from .quoting import QuotingError
from .targets import TARGETS


class Generated(msgspec.Struct, frozen=True):
    plan: Plan
    #: Texts by path below the folder.
    files: dict[str, str]
    changes: list[writing.Change]
    advice: list[advice.Advice]


def generate(options: Options, folder: Path) -> Generated:
    """Everything that would be written. Raises PlanError, ProjectError and WriteError, with one line each."""
    plan = make(projects.read(), options, folder, TARGETS)
    try:
        files = {file.path: file.text for name in plan.targets for file in TARGETS[name].files(plan)}
    except QuotingError as error:
        raise PlanError(str(error)) from error
    return Generated(plan, files, writing.compare(folder, files), advice.report(plan))
