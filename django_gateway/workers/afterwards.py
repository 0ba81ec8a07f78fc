"""What a worker does once it serves, beside the requests: nobody waits for any of it."""

from __future__ import annotations

import os
import re
import sys
import threading
from io import StringIO
from itertools import islice

from .channel import channel
from .environment import CHECKS

#: Seconds between two looks for modules that were imported since.
_INTERVAL = 2.0
#: Modules in one message.
_BATCH = 150

_reported: set[str] = set()


def serving() -> None:
    """Tell the supervisor that this worker answers, and start what comes after that."""
    channel.send("serving")
    threading.Thread(target=_afterwards, name="gateway-afterwards", daemon=True).start()


def _afterwards() -> None:
    report_modules()
    if os.environ.get(CHECKS) != "0":
        _notice_migrations()
    pause = threading.Event()
    while channel.connected:
        report_modules()
        pause.wait(_INTERVAL)


def report_modules() -> None:
    """Tell the supervisor which modules are here and from which files, so that it can watch them and import ahead."""
    if len(sys.modules) == len(_reported):
        return
    fresh = {
        name: getattr(module, "__file__", None)
        for name, module in list(sys.modules.items())
        if name not in _reported and name != "__main__"
    }
    _reported.update(sys.modules)
    names = iter(fresh)
    while batch := list(islice(names, _BATCH)):
        channel.send("modules", files={name: fresh[name] for name in batch})
    channel.send("modules", files={}, complete=True)


def _notice_migrations() -> None:
    """Unapplied migrations, in runserver's words."""
    from django.core.management.base import BaseCommand
    from django.db import connections

    said = StringIO()
    try:
        BaseCommand(stdout=said).check_migrations()
    except Exception as error:  # a database that is away, a broken migration: the project serves all the same
        said.write(f"Migrations could not be checked: {type(error).__name__}: {error}")
    finally:
        connections.close_all()
    notice("migrations", said.getvalue())


def notice(topic: str, text: str) -> None:
    """Say something that need not be said again after each restart, as long as it stays the same."""
    # Django begins with an empty line, in colour on a terminal.
    text = re.sub(r"^((?:\x1b\[[0-9;]*m)*)\s+", r"\1", text).rstrip()
    if channel.connected:
        channel.send("notice", topic=topic, text=text)
    elif text:
        sys.stderr.write(f"{text}\n")
