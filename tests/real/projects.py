"""Fresh projects: as their own commands make them, with the one line in INSTALLED_APPS."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from serving import environment

USER: Final = "ada"
PASSWORD: Final = "correct-Horse-battery-9"
LINE: Final = '    "django_gateway",\n'


class Project:
    """``settings`` is the file that has INSTALLED_APPS; ``module`` is what manage.py names."""

    def __init__(self, folder: Path, settings: str, module: str) -> None:
        self.folder = folder
        self.settings = settings
        self.module = module

    def manage(self, *arguments: str, **more: str) -> str:
        """What ``manage.py`` printed."""
        return self._run(*arguments, **more).stdout

    def manage_both(self, *arguments: str, **more: str) -> str:
        """What it said on both of its outputs."""
        ended = self._run(*arguments, **more)
        return ended.stdout + ended.stderr

    def _run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        ended = subprocess.run(
            command, cwd=self.folder, env=environment(**more), capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended

    @property
    def middleware(self) -> list[str]:
        """What its settings file lists."""
        tree = ast.parse((self.folder / self.settings).read_text(encoding="utf-8"))
        for statement in tree.body:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "MIDDLEWARE":
                found: list[str] = ast.literal_eval(statement.value)
                return found
        raise AssertionError(f"{self.settings} has no MIDDLEWARE")

    @property
    def store(self) -> Path:
        return self.folder / ".gateway"

    def add_line(self) -> None:
        path = self.folder / self.settings
        before, opening, after = path.read_text(encoding="utf-8").partition("INSTALLED_APPS = [\n")
        assert opening
        path.write_text(before + opening + LINE + after, encoding="utf-8")

    def prepare(self) -> None:
        """Its database, with somebody who may enter the admin."""
        self.manage("migrate", "--verbosity", "0")
        person = ("--username", USER, "--email", "ada@example.com")
        self.manage("createsuperuser", "--noinput", *person, DJANGO_SUPERUSER_PASSWORD=PASSWORD)

    def copy(self, folder: Path) -> Project:
        shutil.copytree(self.folder, folder)
        return Project(folder, self.settings, self.module)


def fresh_django(folder: Path) -> Project:
    """``django-admin startproject``."""
    return _made(folder, "django-admin", "startproject", "mysite/settings.py", "mysite.settings")


def fresh_wagtail(folder: Path) -> Project:
    """``wagtail start``."""
    return _made(folder, "wagtail", "start", "mysite/settings/base.py", "mysite.settings.dev")


def _made(folder: Path, program: str, action: str, settings: str, module: str) -> Project:
    folder.mkdir()
    script = os.path.join(os.path.dirname(sys.executable), program)
    made = [script, action, "mysite", str(folder)]
    subprocess.run(made, env=environment(), capture_output=True, check=True)
    project = Project(folder, settings, module)
    project.add_line()
    project.prepare()
    return project
