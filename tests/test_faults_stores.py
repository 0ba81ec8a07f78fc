"""A store that fails, or cannot take an exchange, costs what it must and no more."""

from __future__ import annotations

from typing import Any

import pytest

import recorders
from django_gateway.interfaces import wsgi
from django_gateway.recording import Recorder
from django_gateway.stores import Capacity, StoreError
from django_gateway.stores.sqlite import SQLiteStore
from django_gateway.stores.writer import Writer
from recorders import serve


class Internal(Exception):
    """An error of the recorder's own, made by these tests."""


# Stores and the writer


@pytest.mark.parametrize("error", [StoreError("full"), Internal("broken"), OSError(28, "No space left")])
def test_a_store_that_fails_costs_its_exchanges_and_nothing_else(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    store = SQLiteStore(tmp_path / "exchanges.sqlite3", Capacity())
    writer = Writer(store)
    recorder = Recorder(writer.submit)
    application = wsgi.RecordedWSGI(lambda environ, start_response: [b"answer"], recorder)

    def write(*args: Any, **kwargs: Any) -> None:
        raise error

    with monkeypatch.context() as patched, recorders.strictly():
        patched.setattr(SQLiteStore, "write", write)
        for _ in range(3):
            assert serve(application).body == b"answer"
            writer.flush()
    assert (writer.written, writer.dropped) == (0, 3)
    assert writer.error is not None
    assert str(error) in writer.error
    # Said once, on the server's own error stream.
    assert capfd.readouterr().err.count("django-gateway: ") == 1
    assert serve(application).body == b"answer"
    writer.flush()
    assert (writer.written, writer.dropped) == (1, 3)
    assert not writer.error
    store.close()


def test_one_exchange_that_no_store_takes_costs_no_other(tmp_path: Any, capfd: pytest.CaptureFixture[str]) -> None:
    store = SQLiteStore(tmp_path / "exchanges.sqlite3", Capacity())
    writer = Writer(store)
    recorder = Recorder(writer.submit)

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [b"answer"]

    with recorders.strictly():
        for number in range(5):
            recording = wsgi.begin(recorder, recorders.environ(f"/{number}"), "wrapper")
            # No server can do this: it stands for what nobody thought of.
            recording.status = 2**63 if number == 2 else 200
            recording.finish()
        writer.flush()
    assert sorted(summary.path for summary in store.page()) == ["/0", "/1", "/3", "/4"]
    assert (writer.written, writer.dropped) == (4, 1)
    assert "recording is off" not in capfd.readouterr().err
    store.close()
