"""``manage.py gatewaydeploy``: arguments only; what they mean is in ``deploy``."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...deploy import options as spelled
from ...deploy import validation, writing
from ...deploy.advice import Advice
from ...deploy.generate import Generated, generate
from ...deploy.plan import PlanError
from ...deploy.project import ProjectError
from ...deploy.targets import TARGETS


class Command(BaseCommand):
    help = (
        "Writes deployment files made from this project's settings, or checks them with the tools that will read them."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        spelled.add_arguments(parser)
        parser.add_argument("--output", metavar="DIR", default="deploy", help="Where to (default: deploy).")
        parser.add_argument("--force", action="store_true", help="Overwrite files that are there and differ.")
        parser.add_argument("--dry-run", action="store_true", help="Print the files, and write none.")
        parser.add_argument("--list", action="store_true", dest="explain", help="Explain the targets.")
        parser.add_argument(
            "--check",
            action="store_true",
            help="Check the files in DIR with their own tools (those of the targets named, else all), and write none.",
        )

    def handle(self, *args: Any, **given: Any) -> None:
        folder = Path(os.path.abspath(given["output"]))
        if given["explain"]:
            self._explain()
        elif given["check"]:
            self._check(folder, given["targets"])
        elif not given["targets"]:
            raise CommandError("Name a target. --list explains them.")
        else:
            self._generate(folder, given)

    def _explain(self) -> None:
        width = max(map(len, TARGETS))
        for target in TARGETS.values():
            self.stdout.write(f"{self.style.SUCCESS(target.name.ljust(width))}  {target.summary}")

    def _generate(self, folder: Path, given: dict[str, Any]) -> None:
        try:
            generated = generate(spelled.from_arguments(given), folder)
            if given["dry_run"]:
                self._print(generated)
            else:
                self._write(folder, generated, force=given["force"])
        except (PlanError, ProjectError, writing.WriteError) as error:
            raise CommandError(str(error)) from error
        for advice in generated.advice:
            self._advise(advice)

    def _print(self, generated: Generated) -> None:
        for path, text in generated.files.items():
            self.stdout.write(self.style.MIGRATE_HEADING(f"==> {path} <=="))
            self.stdout.write(text)

    def _write(self, folder: Path, generated: Generated, *, force: bool) -> None:
        others = [change for change in generated.changes if change.kind == "other"]
        for change in others:
            self.stdout.write(change.diff, ending="")
        if others and not force:
            names = ", ".join(change.path for change in others)
            raise CommandError(f"Nothing was written: {names} in {folder} would change as shown. --force does it.")
        wanted = {change.path for change in generated.changes if change.kind != "same"}
        if wanted:
            writing.write(folder, {path: text for path, text in generated.files.items() if path in wanted})
        for name in generated.plan.added:
            self.stdout.write(f"{name} was added: something has to serve the application.")
        for change in generated.changes:
            said = {"new": "written", "other": "overwritten", "same": "unchanged"}[change.kind]
            self.stdout.write(f"{said.ljust(11)} {folder / change.path}")

    def _advise(self, advice: Advice) -> None:
        style = self.style.ERROR if advice.level == "error" else self.style.WARNING
        self.stderr.write(style(f"{advice.setting}: {advice.problem}"), style_func=str)
        if advice.line:
            self.stderr.write(f"    {advice.line}", style_func=str)

    def _check(self, folder: Path, targets: list[str]) -> None:
        try:
            results = validation.check(folder, targets)
        except validation.NothingToCheck as error:
            raise CommandError(str(error)) from error
        failed = False
        for result in results:
            failed = failed or result.verdict == "wrong"
            style = {"right": self.style.SUCCESS, "wrong": self.style.ERROR, "unknown": self.style.WARNING}
            self.stdout.write(style[result.verdict](str(result)))
        if failed:
            sys.exit(1)
