"""What every contender is: the project as it comes from startproject, plain or with one tool that watches it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..requests import BODY


class Tool:
    """The project without any tool. Methods run in the contender's own process, in the order they stand here."""

    name = "plain"
    title = "plain Django"
    #: Distributions that have to be installed; their versions are printed.
    packages: tuple[str, ...] = ()
    #: Takes milliseconds for a request, so a tenth of the requests of a round has to do.
    slow = False
    database = False

    def __init__(self, interface: str, folder: Path) -> None:
        self.interface = interface
        self.folder = folder

    @classmethod
    def missing(cls) -> list[str]:
        return [package for package in cls.packages if version_of(package) is None]

    def settings(self, apps: list[str], middleware: list[str]) -> dict[str, Any]:
        """What differs from startproject's settings, of which its apps and middleware are given."""
        return {}

    def patterns(self) -> list[Any]:
        """URLs besides the view's own."""
        return []

    def start(self) -> None:
        """After the settings, before Django's apps are loaded."""

    def wrap(self, application: Any) -> Any:
        return application

    def drain(self, sent: int) -> None:
        """Wait until what was recorded is where the tool keeps it; part of what is measured."""

    def recorded(self) -> int | None:
        """How many requests the tool has recorded; None for none at all."""
        return None

    def verify(self, sent: int) -> dict[str, Any]:
        """What is worth printing of what was recorded. Raises AssertionError where something is missing."""
        recorded = self.recorded()
        assert recorded in (None, sent), f"{recorded} of {sent} requests were recorded"
        return {"recorded": recorded}


def view(request: Any) -> Any:
    from django.http import HttpResponse

    return HttpResponse(BODY.decode())


def version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
