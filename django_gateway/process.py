"""What one process has once: its settings, its recorder, its writer. Made when first asked for."""

from __future__ import annotations

import threading

from . import conf
from .blackbox import BlackBox
from .recording import Recorder, faults
from .stores import open_store
from .stores.account import Account
from .stores.connection import make_folder
from .stores.writer import Writer
from .vocabulary import WORDS

_lock = threading.Lock()
_recorder: Recorder | None = None
_writer: Writer | None = None


def enabled() -> bool:
    return conf.current().enabled


def recorder() -> Recorder:
    """The process' recorder; its exchanges go through the process' writer to the store of the settings."""
    global _recorder, _writer
    if _recorder is None:
        with _lock:
            if _recorder is None:
                settings = conf.current()
                store = open_store(settings.store, settings.capacity)
                _writer = Writer(store)
                _recorder = Recorder(
                    _writer.submit,
                    hide=settings.hide,
                    max_events=settings.max_events,
                    body_bytes=settings.body_bytes,
                    watch=_writer.wake,
                    box=None if store.flight is None else BlackBox(store.flight, WORDS, make_folder),
                )
                _writer.in_flight = _recorder.in_flight
                _writer.account = Account(settings.folder, lambda: (faults.count, faults.last))
    return _recorder


def writer() -> Writer:
    recorder()
    assert _writer is not None
    return _writer


def reset() -> None:
    """Forget all of it, for tests that change the settings."""
    global _recorder, _writer
    with _lock:
        if _writer is not None:
            _writer.flush()
            _writer.store.close()
        if _recorder is not None and _recorder.box is not None:
            _recorder.box.close()
        _recorder = _writer = None
