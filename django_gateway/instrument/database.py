"""Database connections: opened, used though another request opened them, closed, and left open at the end.

Only what asks the database for a connection comes by here. Whether a connection is left open is looked at when the
exchange ends: by then Django's receivers of ``request_finished`` have closed those that they know of.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import wraps
from threading import get_ident
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from ..clocks import now
from ..failures import without_us
from ..legible import shortened
from ..recording import Recording, current, faults
from ..vocabulary import CODES

_OPENED: Final = CODES["django.database.opened"]
_REUSED: Final = CODES["django.database.reused"]
_CLOSED: Final = CODES["django.database.closed"]
_LEFT_OPEN: Final = CODES["django.database.left_open"]


def patches() -> Iterable[tuple[Any, str, Any]]:
    yield BaseDatabaseWrapper, "connect", _connecting(BaseDatabaseWrapper.connect)
    # Where every query comes by; ensure_connection() is called by Django's own housekeeping as well.
    yield BaseDatabaseWrapper, "_cursor", _using(vars(BaseDatabaseWrapper)["_cursor"])
    yield BaseDatabaseWrapper, "close", _closing(BaseDatabaseWrapper.close)


def _seen(recording: Recording, wrapper: Any) -> bool:
    """Whether the exchange knew of this connection; from now on it does."""
    if recording.connections is None:
        recording.connections = {}
        recording.at_end = [*(recording.at_end or ()), _over]
    if id(wrapper) in recording.connections:
        return True
    # Kept as long as the exchange lasts, so that its id is nobody else's.
    recording.connections[id(wrapper)] = (wrapper, _thread(recording))
    return False


def _thread(recording: Recording) -> int:
    thread = get_ident()
    names = recording.threads
    if names is None:
        names = recording.threads = {}
    if thread not in names:
        names[thread] = shortened(threading.current_thread().name)
    return thread


def _connecting(original: Any) -> Any:
    @wraps(original)
    def connect(self: Any, *args: Any, **kwargs: Any) -> Any:
        recording = current.get()
        if recording is None or recording.done:
            return original(self, *args, **kwargs)
        started = now()
        failed = None
        try:
            return original(self, *args, **kwargs)
        except BaseException as error:
            without_us(error)
            failed = type(error).__name__
            raise
        finally:
            try:
                _seen(recording, self)
                values = (shortened(str(self.alias)), str(self.vendor), _thread(recording), failed, now())
                recording.note((_OPENED, started, *values))
            except Exception as fault:
                faults.note(fault)

    return connect


def _using(original: Any) -> Any:
    @wraps(original)
    def _cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
        recording = current.get()
        if recording is not None and self.connection is not None and not recording.done:
            try:
                if not _seen(recording, self):
                    values = (shortened(str(self.alias)), str(self.vendor), _thread(recording))
                    recording.note((_REUSED, now(), *values))
            except Exception as fault:
                faults.note(fault)
        try:
            return original(self, *args, **kwargs)
        except BaseException as error:
            without_us(error)
            raise

    return _cursor


def _closing(original: Any) -> Any:
    @wraps(original)
    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        recording = current.get()
        if recording is None or self.connection is None:
            return original(self, *args, **kwargs)
        try:
            return original(self, *args, **kwargs)
        except BaseException as error:
            without_us(error)
            raise
        finally:
            try:
                if self.connection is None and not recording.done:
                    recording.note((_CLOSED, now(), shortened(str(self.alias)), _thread(recording)))
            except Exception as fault:
                faults.note(fault)

    return close


def _over(recording: Recording) -> None:
    for wrapper, thread in (recording.connections or {}).values():
        if wrapper.connection is not None:
            age = wrapper.settings_dict.get("CONN_MAX_AGE")
            recording.note((_LEFT_OPEN, now(), shortened(str(wrapper.alias)), thread, age))
