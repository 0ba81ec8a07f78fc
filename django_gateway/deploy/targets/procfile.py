"""A Procfile, for platforms that start processes by name."""

from __future__ import annotations

from ..plan import Plan
from ..quoting import shell
from ..rendering import render
from ..servers import command
from .base import File, Target


def _files(plan: Plan) -> list[File]:
    words = " ".join(shell(part) for part in command(plan.server, relative=True))
    values = {"server": plan.server, "command": words, "folder": plan.server.folder or "."}
    return [File("procfile/Procfile", render("procfile/Procfile", values))]


target = Target(name="procfile", summary="A Procfile for Heroku, Dokku, honcho and their kind.", files=_files)
