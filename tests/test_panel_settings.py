"""The settings in force, who set them, and what recording costs: as told, as read, as shown."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

import factories
from django_gateway import conf, process, served
from django_gateway.panel.views.settings import share, store
from django_gateway.recording import faults
from django_gateway.stores import Capacity, Statistics
from django_gateway.stores.account import FOLDER, SAMPLED_OF, Account, Report, reports
from django_gateway.stores.memory import MemoryStore
from django_gateway.stores.writer import Writer
from panels import installed
from written import one


def in_force(tmp_path: Path, gateway: Any, **environment: str) -> dict[str, served.Setting]:
    current = conf.settings_from(gateway, debug=True, base=tmp_path, environment=environment)
    return {each.key: each for each in served.in_force(gateway, current, environment)}


def test_each_setting_says_who_has_set_it(tmp_path: Path) -> None:
    gateway = {"MAX_EVENTS": 7, "MAX_EXCHANGES": "many", "PANEL": None, "HIDE": ["shoe"]}
    found = in_force(tmp_path, gateway, GATEWAY_STORE="sqlite:////elsewhere/x.sqlite3")
    assert set(found) == set(conf.KEYS)
    assert (found["MAX_EVENTS"].value, found["MAX_EVENTS"].source) == ("7", "GATEWAY")
    assert (found["STORE"].value, found["STORE"].source) == ("sqlite:////elsewhere/x.sqlite3", "environment")
    assert found["STORE"].detail == "GATEWAY_STORE"
    assert (found["MAX_EXCHANGES"].value, found["MAX_EXCHANGES"].source) == ("10,000", "refused")
    assert "a whole number above 0" in found["MAX_EXCHANGES"].detail
    assert (found["PANEL"].value, found["PANEL"].source) == ("True", "DEBUG")
    assert (found["BODY_BYTES"].value, found["BODY_BYTES"].source) == ("0", "default")
    assert found["HIDE"].value == "['shoe']"


def test_a_variable_that_cannot_be_used_sets_nothing(tmp_path: Path) -> None:
    found = in_force(tmp_path, {"ENABLED": True}, GATEWAY_ENABLED="perhaps")
    assert (found["ENABLED"].value, found["ENABLED"].source) == ("True", "GATEWAY")


def test_no_secret_is_told(tmp_path: Path) -> None:
    options = ["--password", "hunter2", "--token=hunter3", "--bind", "http://me:hunter4@host/"]
    found = in_force(tmp_path, {"SERVE": {"SERVER_OPTIONS": options, "API_KEY": "hunter5", "WORKERS": 2}})
    assert "hunter" not in str(found)
    assert "--bind" in found["SERVE"].value
    assert "'WORKERS': 2" in found["SERVE"].value


def test_what_is_served_survives_the_way_to_the_panel(tmp_path: Path) -> None:
    told = served.of_project()
    file = tmp_path / "served.json"
    file.write_text(served.write(told))
    assert served.read(file) == told
    assert told.most_exchanges == conf.current().capacity.exchanges
    file.write_text("{")
    assert served.read(file) is None
    assert served.read(tmp_path / "nowhere") is None


# What recording costs


class Counts:
    written = 3
    dropped = 1
    error: str | None = "the disk is full"
    in_flight: dict[int, object] = {}
    samples: tuple[int, ...] = (90_000, 5_000, 7_000)


def test_a_process_tells_what_recording_costs_it(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    gone = Report(2**22 + 1, 1, 0, 0, None, 0, None, 0, 0)
    (tmp_path / FOLDER / "4194305.json").write_bytes(msgspec.json.encode(gone))
    (tmp_path / FOLDER / "1.json").write_bytes(b"{")
    account = Account(tmp_path, lambda: (2, "ValueError: no"))
    account.settle(Counts())
    (report,) = reports(tmp_path)
    assert (report.pid, report.written, report.dropped, report.faults) == (os.getpid(), 3, 1, 2)
    assert report.error == "the disk is full"
    assert report.packing == 7_000
    assert not account.owes
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [f"{os.getpid()}.json"]


def test_a_process_tells_no_more_than_once_a_second_and_owes_the_rest(tmp_path: Path) -> None:
    counts = Counts()
    account = Account(tmp_path, lambda: (0, None))
    account.settle(counts)
    counts.written = 4
    account.settle(counts)
    assert account.owes
    assert reports(tmp_path)[0].written == 3


def test_one_in_many_is_timed() -> None:
    writer = Writer(MemoryStore(Capacity()))
    recording = one()
    recording.id = 5 * SAMPLED_OF
    for _ in range(2 * SAMPLED_OF):
        writer.submit(recording)
        recording.id += 1
    assert len(writer.samples) == 2
    assert all(0 < sample < 10**10 for sample in writer.samples)
    assert writer.flush()
    assert writer.written == 2 * SAMPLED_OF


def test_what_was_not_timed_yet_is_not_said_to_be_nothing(tmp_path: Path) -> None:
    counts = Counts()
    counts.samples = ()
    Account(tmp_path, lambda: (0, None)).settle(counts)
    assert reports(tmp_path)[0].packing is None


def test_no_folder_is_made_for_it(tmp_path: Path) -> None:
    Account(tmp_path / "none", lambda: (0, None)).settle(Counts())
    assert not (tmp_path / "none").exists()


def test_the_writer_keeps_the_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".gateway").mkdir()
    monkeypatch.setenv("GATEWAY_FOLDER", str(tmp_path / ".gateway"))
    monkeypatch.setenv("GATEWAY_STORE", f"sqlite:///{tmp_path}/exchanges.sqlite3")
    process.reset()
    try:
        writer = process.writer()
        assert writer.account is not None
        told = threading.Event()
        settle = writer.account.settle

        def settled(counted: Any) -> None:
            settle(counted)
            told.set()

        monkeypatch.setattr(writer.account, "settle", settled)
        writer.wake()
        assert told.wait(30)
        (report,) = reports(tmp_path / ".gateway")
        assert (report.pid, report.faults) == (os.getpid(), faults.count)
    finally:
        process.reset()


# The page


def test_how_full_the_store_is() -> None:
    half = store(Statistics("memory:", 50, 1000, Capacity(100, 4000)))
    assert (half["by_count"], half["by_bytes"], half["left"], half["full"]) == (50.0, 25.0, 50, False)
    full = store(Statistics("memory:", 100, 1000, Capacity(100, 4000)))
    assert full["full"]
    empty = store(Statistics("memory:", 0, 0, Capacity(100, 4000)))
    assert (empty["by_count"], empty["each"], empty["left"]) == (0.0, 0, 100)
    assert share(1, 1_000_000) == 0.5
    assert share(3, 2) == 100


def test_the_page_shows_them(tmp_path: Path) -> None:
    held = MemoryStore(Capacity())
    factories.keep(held, factories.wsgi_page())
    Account(tmp_path, lambda: (0, None)).settle(Counts())
    setting = served.Setting("STORE", "<script>", "GATEWAY", "", "words")
    told = served.Served(
        settings_module="shop.settings", settings=(setting,), server="Daphne", version="4.2", port=8000
    )
    with installed(held, tmp_path, served=lambda: told) as client:
        text = client.get("/settings/").content.decode()
    assert "1 exchange dropped." in text
    assert "the disk is full" in text
    assert re.search(r'for each">7 µs</td>', text)
    assert f"the median of one in {SAMPLED_OF}" in text
    assert "&lt;script&gt;" in text
    assert "<script>" not in text
    assert "shop.settings" in text
    with installed(held, tmp_path / "none") as client:
        text = client.get("/settings/").content.decode()
    assert "No process that lives has recorded anything yet." in text
    assert "has not told it" in text


def test_the_page_names_processes_that_record_in_python_alone(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()

    def shown(**compiled: bool) -> str:
        """With reports of this process and of its parent."""
        for pid, is_compiled in zip((os.getpid(), os.getppid()), compiled.values(), strict=True):
            report = Report(pid, time.time_ns(), 0, 0, None, 0, None, 0, 0, compiled=is_compiled)
            (folder / f"{pid}.json").write_bytes(msgspec.json.encode(report))
        with installed(MemoryStore(Capacity()), tmp_path) as client:
            return " ".join(client.get("/settings/").content.decode().split())

    assert "in Python alone" not in shown(this=True, parent=True)
    assert f"Process {os.getppid()} records in Python alone" in shown(this=True, parent=False)
    assert "These processes record in Python alone" in shown(this=False, parent=False)
