"""The panel's token: where it comes from, what is derived from it, and how often it may be guessed.

The token itself goes nowhere but into the link that was printed: a browser is given values derived from it by HMAC,
from which it can't be computed back.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..stores.connection import make_folder

VARIABLE: Final = "GATEWAY_PANEL_TOKEN"
FILE: Final = "token"
#: Bytes of a token made here.
ENTROPY: Final = 32


class TokenError(Exception):
    """There is no token to compare with; the message says what to do, in one sentence."""


def load_token(folder: Path) -> str:
    """GATEWAY_PANEL_TOKEN from the environment, or else what the file ``token`` in ``folder`` holds.

    The file is made where it is missing; of several processes that try, all end up with the same one.

    Raises TokenError.
    """
    if given := os.environ.get(VARIABLE, "").strip():
        return given
    path = folder / FILE
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise TokenError(
            f"The token file {path} can't be read ({error.strerror}): remove it, or set {VARIABLE}."
        ) from error
    try:
        return _make(path)
    except OSError as error:
        raise TokenError(f"The token file {path} can't be written ({error.strerror}): set {VARIABLE}.") from error


def _read(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, encoding="ascii", errors="replace") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in (os.geteuid(), 0):
            raise TokenError(f"The token file {path} is not a file of this user: remove it, or set {VARIABLE}.")
        if status.st_mode & 0o077 and status.st_uid == os.geteuid():
            os.fchmod(descriptor, 0o600)
        token = file.read(1024).strip()
    if len(token) < 22:  # 128 bits in base64
        raise TokenError(f"The token file {path} is damaged: remove it, and a new one is made.")
    return token


def _make(path: Path) -> str:
    """A hard link appears with its content or not at all, and never replaces what another process put there."""
    make_folder(path.parent)
    token = secrets.token_urlsafe(ENTROPY)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(token + "\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            return _read(path)
    finally:
        draft.unlink()
    return token


def same(given: str, expected: str) -> bool:
    """Compared in constant time; ``given`` may hold anything."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def _derive(token: str, *parts: str) -> str:
    return hmac.new(token.encode("utf-8", "replace"), "\0".join(parts).encode(), "sha256").hexdigest()


def cookie_name(token: str) -> str:
    """Of its own for each token: browsers keep cookies by host, and several panels may share localhost."""
    return f"gateway_{_derive(token, 'name')[:8]}"


def new_cookie(token: str) -> str:
    session = secrets.token_hex(16)
    return f"{session}.{_derive(token, 'cookie', session)}"


def session_of(token: str, cookie: str) -> str | None:
    """The session that a cookie of ``new_cookie`` stands for; None where it was not made with this token."""
    session, _, proof = cookie.partition(".")
    if not session.isascii() or not same(proof, _derive(token, "cookie", session)):
        return None
    return session


def csrf_token(token: str, session: str) -> str:
    """Of use to this session only; different each time, so that compression over it tells nothing."""
    salt = secrets.token_hex(8)
    return f"{salt}.{_derive(token, 'csrf', session, salt)}"


def csrf_valid(token: str, session: str, given: str) -> bool:
    salt, _, proof = given.partition(".")
    return salt.isascii() and same(proof, _derive(token, "csrf", session, salt))


class Tries:
    """Wrong tries share one budget, whoever makes them: ``burst`` at once, then one in each ``interval`` seconds.

    Addresses play no part: behind a proxy everybody has the same one, and who guesses may have many. A browser session
    that was let in before stays in, so guessing can't lock out who is at work.
    """

    def __init__(self, burst: int = 10, interval: float = 6.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._interval = interval
        self._clock = clock
        self._left = float(burst)
        self._at = clock()
        self._lock = threading.Lock()
        self._known: dict[str, None] = {}

    def wait(self) -> float:
        """Seconds until the next try is looked at; 0 means now."""
        with self._lock:
            self._refill()
            return 0.0 if self._left >= 1 else (1 - self._left) * self._interval

    def failed(self) -> None:
        with self._lock:
            self._refill()
            self._left = max(self._left - 1, 0.0)

    def _refill(self) -> None:
        now = self._clock()
        self._left = min(self._left + (now - self._at) / self._interval, float(self._burst))
        self._at = now

    def remember(self, cookie: str) -> None:
        with self._lock:
            self._known[cookie] = None
            while len(self._known) > 256:
                del self._known[next(iter(self._known))]

    def knows(self, cookie: str) -> bool:
        return cookie in self._known
