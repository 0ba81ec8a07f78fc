"""What the supervisor knows of the project, read once from its settings: nothing else of the project is imported."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from .. import conf
from ..servers.base import Interface
from ..workers.application import application_path, split
from .files import Tree


class ProjectError(Exception):
    """The project can't be served as asked; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Project:
    root: Path
    settings_module: str
    debug: bool
    asgi_by_default: bool
    #: ALLOWED_HOSTS, in lower case.
    hosts: tuple[str, ...]
    tree: Tree
    gateway: conf.Settings


def read() -> Project:
    """The project of the settings in force."""
    from django.conf import settings

    root = Path(os.path.abspath(getattr(settings, "BASE_DIR", None) or Path.cwd()))
    data = [Path(folder) for name in ("MEDIA_ROOT", "STATIC_ROOT") if (folder := getattr(settings, name, None))]
    templates = [
        Path(folder) for engine in settings.TEMPLATES for folder in cast("Sequence[str]", engine.get("DIRS", ()))
    ]
    return Project(
        root=root,
        settings_module=settings.SETTINGS_MODULE,
        debug=bool(settings.DEBUG),
        asgi_by_default=bool(getattr(settings, "ASGI_APPLICATION", None)),
        hosts=tuple(host.lower() for host in settings.ALLOWED_HOSTS),
        tree=Tree(roots=(root,), data=tuple(data), templates=tuple(templates)),
        gateway=conf.current(),
    )


def check_application(interface: Interface, path: str | None) -> None:
    """Raises ProjectError where it is certain that there is no application to serve through the interface."""
    from django.conf import settings

    path = path or application_path(interface, settings)
    try:
        if path:
            split(path)
    except ImportError as error:
        raise ProjectError(str(error)) from error
