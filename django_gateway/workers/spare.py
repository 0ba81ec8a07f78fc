"""A spare: a worker started ahead of time, which has imported what is installed and waits for the word to go on.

Only modules that the supervisor names are imported ahead, never the project's. Any that asks for the settings makes the
spare unfit, because what it would keep of them could be stale.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from .channel import Channel, channel
from .environment import CHANNEL, SPARE

_SETTINGS = "DJANGO_SETTINGS_MODULE"


def hold(descriptors: Sequence[int] = ()) -> None:
    """In a spare, wait here until this worker is wanted; in any other worker, go on at once.

    ``descriptors`` are those that must be there again if the process has to start anew.
    """
    if os.environ.pop(SPARE, None) is None:
        return
    asked: list[str] = []
    stamps = _stamps(_files())
    with _settings_out_of_reach(asked):
        while (message := _next_message())["kind"] == "preload":
            culprit = None if asked else _import_ahead(message["modules"], asked)
            stamps |= _stamps(file for file in _files() if file not in stamps)
            if culprit is not None:
                channel.send("unfit", module=culprit, reason=asked[0])
            elif not asked:
                channel.send("warm", modules=len(sys.modules))
    if asked or stamps != _stamps(stamps):
        _start_anew(channel, descriptors)
    importlib.invalidate_caches()


def _next_message() -> Mapping[str, Any]:
    message = channel.receive()
    if message is None:
        sys.exit(0)
    return message


def _import_ahead(names: Iterable[str], asked: list[str]) -> str | None:
    """Import them, up to the first that asks for the settings or for models, whose name is returned."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # it is imported again with the project, and says then what it has to say
            sys.modules.pop(name, None)
            if type(error).__module__.startswith("django."):
                asked.append(type(error).__name__)
        if asked:
            return name
    return None


@contextmanager
def _settings_out_of_reach(asked: list[str]) -> Iterator[None]:
    from django import conf

    settings: Any = conf.LazySettings

    def refuse(self: Any, name: str | None = None) -> NoReturn:
        asked.append(str(name))
        raise ImportError("The settings are out of reach while a spare imports ahead.")

    setup = settings._setup
    module = os.environ.pop(_SETTINGS, None)
    settings._setup = refuse
    try:
        yield
    finally:
        settings._setup = setup
        if module is not None:
            os.environ[_SETTINGS] = module


def _files() -> list[str]:
    return [file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))]


def _stamps(paths: Iterable[str]) -> dict[str, int]:
    """When each file was last changed; 0 for one that is gone."""
    stamps = {}
    for path in paths:
        try:
            stamps[path] = os.stat(path).st_mtime_ns
        except OSError:
            stamps[path] = 0
    return stamps


def _start_anew(channel: Channel, descriptors: Sequence[int]) -> NoReturn:
    """Become a fresh worker: something that was imported ahead has changed since."""
    os.environ[CHANNEL] = str(channel.fileno())
    for descriptor in (channel.fileno(), *descriptors):
        os.set_inheritable(descriptor, True)
    os.execv(sys.executable, sys.orig_argv)
