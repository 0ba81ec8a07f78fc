"""What the kernel says of a thread, in words; and what a process is here for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: The kernel's letter: in one word, and in a sentence.
STATES: Final = {
    "R": ("running", "It has a CPU, or is ready and waits for one."),
    "S": ("sleeping", "It waits for something, and uses no CPU until that comes."),
    "D": ("waiting for a disk", "It waits for a device and can't be interrupted."),
    "T": ("stopped", "A signal has stopped it, until another one wakes it."),
    "t": ("stopped", "A debugger holds it."),
    "Z": ("ended", "It has ended, and its parent has not asked how."),
    "I": ("idle", "A thread of the kernel's with nothing to do."),
}
#: Beginnings or parts of the kernel's functions, and what a thread in one waits for.
_CHANNELS: Final = (
    ("epoll", "waits for any of its sockets (epoll)"),
    ("accept", "waits for a connection (accept)"),
    ("futex", "waits for another thread (a lock)"),
    ("poll", "waits for a socket (poll)"),
    ("select", "waits for a socket (select)"),
    ("nanosleep", "waits for time to pass (sleep)"),
    ("do_wait", "waits for a child process"),
    ("wait_", "waits for a socket's data"),
    ("pipe", "waits at a pipe"),
    ("skb", "waits for data on a socket (recv)"),
    ("inotify", "waits for a file to change"),
    ("sigsuspend", "waits for a signal"),
    ("do_sigtimedwait", "waits for a signal"),
)

_SECRET: Final = ("pass", "secret", "token", "key", "auth")


def state(letter: str) -> tuple[str, str]:
    return STATES.get(letter, (letter, ""))


def waits_for(channel: str) -> str:
    return next((words for part, words in _CHANNELS if part in channel), "")


#: Ours that start a program which is no Python of ours, and see to its end.
_KEEPERS: Final = ("cgi_server", "mod_wsgi", "uwsgi")


def role(arguments: Sequence[str], name: str, *, root: bool) -> str:
    """One of "supervisor", "panel", "relay", "proxy", "files", "keeper" and "worker"."""
    line = " ".join(arguments[:12])
    if root and "gatewayserve" in line:
        return "supervisor"
    if "django_gateway.panel" in line:
        return "panel"
    if "django_gateway.wire" in line:
        return "relay"
    if any(f"django_gateway.workers.{keeper} " in line for keeper in _KEEPERS):
        return "keeper"
    if "django_gateway.workers.static_links" in line:
        return "files"
    program = name.lower()
    if any(proxy in program or proxy in line.partition(" ")[0] for proxy in ("nginx", "caddy", "apache2", "httpd")):
        return "proxy"
    return "supervisor" if root else "worker"


def command(arguments: Sequence[str], most: int = 400) -> str:
    """As one line, without the values of options that sound secret."""
    words: list[str] = []
    hide = False
    for word in arguments:
        option, equals, _ = word.partition("=")
        secret = option.startswith("-") and any(part in option.lower() for part in _SECRET)
        words.append("•••••" if hide else f"{option}=•••••" if secret and equals else word)
        hide = secret and not equals
    return " ".join(words)[:most]
