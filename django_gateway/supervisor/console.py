"""What gatewayserve says on the terminal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import TextIO

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Console:
    """Lines of its own, between those of the workers."""

    def __init__(self, stream: TextIO | None = None, *, color: bool = False) -> None:
        self._stream = stream or sys.stdout
        self._color = color

    def styled(self, text: str, *styles: str) -> str:
        if not self._color:
            return text
        return f"\x1b[{';'.join(_STYLES[style] for style in styles)}m{text}\x1b[0m"

    def line(self, text: str = "") -> None:
        try:
            self._stream.write(f"{text}\n")
            self._stream.flush()
        except (OSError, ValueError):  # a terminal that was closed, a pipe that nobody reads any more
            pass

    def note(self, text: str) -> None:
        self.line(self.styled(text, "dim"))

    def good(self, text: str) -> None:
        self.line(self.styled(text, "green"))

    def warn(self, text: str) -> None:
        self.line(self.styled(text, "yellow"))

    def fail(self, text: str) -> None:
        self.line(self.styled(text, "red"))

    def banner(self, versions: str, server: str, addresses: Sequence[tuple[str, str, str]], quit_with: str) -> None:
        """``addresses`` are (name, URL, remark)."""
        self.line(versions)
        self.line(server)
        self.line()
        width = max(len(name) for name, _, _ in addresses)
        for name, url, remark in addresses:
            self.line(f"  {self.styled(f'{name:<{width}}', 'bold')}  {self.styled(url, 'cyan')}")
            if remark:
                self.note(f"  {'':<{width}}  {remark}")
        self.line()
        self.line(quit_with)


def listed(names: Sequence[str], most: int = 3) -> str:
    """A few names, and how many more there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code < 0:
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"
    return f"ended with exit code {code}" if code else "ended"
