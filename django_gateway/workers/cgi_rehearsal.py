"""Under CGI nothing stays loaded: a process of its own loads the project once, as each request will, and tells of it.

At the start and after each change it runs the system checks, looks for unapplied migrations, says why the project can't
be loaded if it can't, and reports the modules, so that their files are watched.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress

from . import afterwards, failures, tether
from .channel import channel
from .environment import CHANNEL, CHECKS


class Rehearsals:
    """One at a time: a change makes what the last one would say old."""

    def __init__(self, changes: str) -> None:
        #: The file for the scripts with variables that have changed.
        self._changes = changes
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(FileNotFoundError):
            os.unlink(changes)

    def start(self) -> None:
        self.end()
        if not channel.connected:
            return  # nobody to tell
        flags = sys.orig_argv[1 : sys.orig_argv.index("-m")]
        self._process = subprocess.Popen(
            [sys.executable, *flags, "-m", __name__, str(os.getpid()), self._changes],
            env={**os.environ, CHANNEL: str(channel.fileno())},
            pass_fds=[channel.fileno()],
            stdin=subprocess.DEVNULL,
        )

    def changed(self, variables: Mapping[str, str | None]) -> None:
        """Something of the project has changed; ``variables`` are those that differ from our environment."""
        if variables:
            entries = [name if value is None else f"{name}={value}" for name, value in variables.items()]
            with open(f"{self._changes}.new", "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write("".join(f"{entry}\0" for entry in entries))
            os.replace(f"{self._changes}.new", self._changes)
        self.start()

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def main() -> None:
    parent, changes = sys.argv[1:]
    tether.end_with_parent(int(parent))
    from .cgi import apply_changes

    apply_changes(changes)
    try:
        from .application import bare, check

        bare("wsgi")
        if os.environ.get(CHECKS) != "0":
            check()
    except (Exception, SystemExit) as error:
        afterwards.notice("load", _told(error))
        afterwards.report_modules()
        return
    afterwards.notice("load", "")
    afterwards.report_modules()
    if os.environ.get(CHECKS) != "0":
        afterwards._notice_migrations()


def _told(error: BaseException) -> str:
    from django.core.management.base import SystemCheckError

    if isinstance(error, SystemCheckError):
        return str(error)
    text, hint = failures.useful_traceback(error).strip(), failures.hint(error)
    told = f"{text}\n\n{hint}" if hint else text
    return f"The project can't be loaded:\n\n{told[-60_000:]}"


if __name__ == "__main__":
    main()
