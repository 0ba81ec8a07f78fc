"""Listening on a Unix socket: a file that outlives whoever made it, unless somebody removes it."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .addresses import AddressError

_BACKLOG = 2048
_LONGEST = 107  # bytes; sun_path of unix(7) without its final zero


def fits(path: Path, longest: int = _LONGEST) -> bool:
    """Whether the path is short enough for a socket, and for who takes so many bytes at most."""
    return len(os.fsencode(path)) <= min(longest, _LONGEST)


def listen(path: Path) -> socket.socket:
    """A listening socket in place of one that nobody listens on any more. Raises AddressError."""
    if not fits(path):
        raise AddressError(f"{path} is too long for a Unix socket: {_LONGEST} bytes are the most.")
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(os.fspath(path))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise AddressError(f"Listening on {path} failed: {error.strerror or error}.") from error
    listener.setblocking(False)
    return listener


@contextmanager
def removed_at_the_end(path: Path | None) -> Iterator[None]:
    """Remove the socket that is there now, and no other that may have taken its place by then."""
    if path is None:
        yield
        return
    made = path.stat()
    try:
        yield
    finally:
        with suppress(OSError):
            if os.path.samestat(made, path.stat()):
                path.unlink()


def _clear(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise AddressError(f"{path} can't be used: {error.strerror}.") from error
    if not stat.S_ISSOCK(found.st_mode):
        raise AddressError(f"{path} is there already, and is no socket. Take another path.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            with suppress(FileNotFoundError):
                path.unlink()
            return
        except OSError as error:
            raise AddressError(f"{path} can't be used: {error.strerror or error}.") from error
    raise AddressError(f"Somebody listens on {path} already. End that process, or take another path.")
