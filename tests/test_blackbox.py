"""The file in which what is in flight outlives its process: who has one, how far it grows, and when it goes."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from django_gateway import blackbox
from django_gateway.blackbox import SLOTS, BlackBox
from django_gateway.exchange import INTERRUPTED, Exchange
from django_gateway.recording import Recorder, Recording
from django_gateway.stores.salvage import Wreck, wrecks
from django_gateway.vocabulary import CODES, Vocabulary

OURS = frozenset({os.geteuid()})


class Process:
    """A recorder with a box of its own; ``kill`` lets go of the lock, as the kernel does when a process dies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "exchanges.sqlite3-flight"
        self.words = Vocabulary()
        self.box = BlackBox(self.folder, self.words, lambda _: None)
        self.recorder = Recorder(lambda _: None, box=self.box)

    def begin(self, path: str = "/", **known: Any) -> Recording:
        recording = Recording(self.recorder, "wsgi", "http", "wrapper", path)
        for name, value in known.items():
            setattr(recording, name, value)
        recording.begun()
        return recording

    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir()) if self.folder.exists() else []

    def let_go(self) -> None:
        assert self.box._descriptor is not None
        fcntl.flock(self.box._descriptor, fcntl.LOCK_UN)

    def kill(self) -> Wreck:
        self.let_go()
        (found,) = wrecks(self.folder, OURS)
        return found


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path)
    yield made
    made.box.close()


def told(wreck: Wreck) -> list[Exchange]:
    return [wreck.interrupted(slot) for slot in wreck.slots]


def test_nothing_is_made_before_something_begins(process: Process) -> None:
    assert process.files() == []
    process.begin().finish()
    assert len(process.files()) == 1


def test_its_owner_alone_can_read_it(process: Process) -> None:
    process.begin()
    (path,) = process.files()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.stat().st_size == blackbox.SIZE
    assert path.stat().st_blocks * 512 >= blackbox.SIZE, "a page without room on the disk would kill the process"


def test_what_is_in_flight_is_told_and_nothing_else(process: Process) -> None:
    process.begin("/gone/", server=("gunicorn", "25")).finish()
    recording = process.begin("/übrig/?", method="POST", server=("gunicorn", "25"), query="secret=planted")
    started = process.words.event("django.middleware.started", "a.Middleware", "sync")
    recording.mark[0], recording.mark[1] = process.words.mark(started), recording.started + 5
    (exchange,) = told(process.kill())
    assert (exchange.id, exchange.started_at, exchange.started) == (
        recording.id,
        recording.started_at,
        recording.started,
    )
    assert (exchange.state, exchange.ended, exchange.method, exchange.path) == (INTERRUPTED, None, "POST", "/übrig/?")
    assert (exchange.server.name, exchange.server.version, exchange.server.pid) == ("gunicorn", "25", os.getpid())
    assert exchange.trail == [["django.middleware.started", recording.started + 5, "a.Middleware", "sync"]]
    assert exchange.query == ""


def test_words_that_come_while_it_is_in_flight(process: Process) -> None:
    process.words.event("django.view.started", "before", "sync")
    recording = process.begin()
    for name in ("one", "two", "three"):
        number = process.words.event("django.view.started", name, "async")
    recording.mark[0], recording.mark[1] = process.words.mark(number), recording.started
    assert told(process.kill())[0].trail == [["django.view.started", recording.started, "three", "async"]]


def test_an_event_without_room_in_the_vocabulary_has_its_name(process: Process) -> None:
    recording = process.begin()
    recording.note(('django.view.finished\0["a.view"]', recording.started))
    assert told(process.kill())[0].trail == [["django.view.finished", recording.started, None]]


def test_a_crossing_under_way(process: Process) -> None:
    recording = process.begin()
    word = process.words.event("crossing.to_thread", "a.function")
    recording.note((CODES["http.request"], recording.started + 1, 3, False))
    mark = recording.mark
    mark[blackbox.CROSSING], mark[blackbox.SET_OUT] = process.words.mark(word), recording.started + 2
    events = told(process.kill())[0].trail
    assert [event[0] for event in events] == ["http.request", "crossing.under_way"]
    assert events[1] == ["crossing.under_way", recording.started + 2, "to_thread", "a.function"]


def test_what_has_finished_is_written_to_no_more(process: Process) -> None:
    first = process.begin("/first/")
    mark = first.mark
    first.finish()
    first.note((CODES["wsgi.close"], first.started))
    second = process.begin("/second/")
    assert second.mark is mark, "its slot is somebody else's now"
    assert second.mark[0] == 0


def test_what_is_not_to_be_kept_leaves_no_trace(process: Process) -> None:
    process.begin("/panel/").hide()
    process.begin("/project/")
    assert [exchange.path for exchange in told(process.kill())] == ["/project/"]


def test_where_all_slots_are_taken(process: Process) -> None:
    taken = [process.begin(f"/{number}/") for number in range(SLOTS)]
    without = process.begin("/without/")
    without.note((CODES["wsgi.close"], without.started))
    taken[7].finish()
    process.begin("/again/")
    process.begin("/without-again/")
    paths = {exchange.path for exchange in told(process.kill())}
    assert paths == {f"/{number}/" for number in range(SLOTS) if number != 7} | {"/again/"}


def test_more_words_than_it_has_room_for(process: Process) -> None:
    recording = process.begin()
    for number in range(8_000):
        word = process.words.event("django.view.started", f"{number:>100}", "sync")
    recording.mark[0], recording.mark[1] = process.words.mark(word), recording.started
    wreck = process.kill()
    assert 1_000 < len(wreck.words) < 8_000
    assert told(wreck)[0].trail == [], "a word that found no room is not known"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/" + "a" * 500, "/" + "a" * 137 + "…"),
        ("/" + "ü" * 500, "/" + "ü" * 68 + "…"),
        ("/nul\0nul", "/nul\0nul"),
        ("/\udcff", "/?"),
        ("", ""),
    ],
)
def test_paths_of_all_kinds(process: Process, path: str, expected: str) -> None:
    process.begin(path, method="GET")
    assert told(process.kill())[0].path == expected


def test_many_threads_have_a_slot_each(process: Process) -> None:
    wrong: list[str] = []

    def run(name: str) -> None:
        for number in range(300):
            recording = process.begin(f"/{name}/{number}/")
            recording.mark[0] = number
            if recording.mark[0] != number or recording.mark[blackbox.ID] != recording.id:
                wrong.append(recording.path)
            recording.finish()

    threads = [threading.Thread(target=run, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert process.box._used <= 8


def test_a_process_that_ends_takes_its_file_away(process: Process) -> None:
    process.begin().finish()
    process.box.close()
    assert process.files() == []


def test_unless_something_is_in_flight(process: Process) -> None:
    process.begin("/left/")
    process.box.close()
    assert [exchange.path for exchange in told(process.kill())] == ["/left/"]


def test_a_living_process_keeps_its_own(process: Process) -> None:
    process.begin()
    assert list(wrecks(process.folder, OURS)) == []
    assert len(process.files()) == 1


def test_each_file_is_read_once(process: Process) -> None:
    process.begin()
    process.kill()
    assert list(wrecks(process.folder, OURS)) == []
    assert process.files() == []


def test_who_stops_before_it_is_kept_leaves_it(process: Process) -> None:
    process.begin("/again/")
    process.let_go()
    first = wrecks(process.folder, OURS)
    next(first)
    assert list(wrecks(process.folder, OURS)) == [], "somebody else is looking at it"
    first.close()
    (second,) = wrecks(process.folder, OURS)
    assert [exchange.path for exchange in told(second)] == ["/again/"]


def test_a_forked_child_has_a_file_of_its_own(process: Process) -> None:
    recording = process.begin("/parent/")
    pid = os.fork()
    if pid == 0:
        try:
            # What the child does with what it inherited must not be seen in the parent's slot.
            recording.note((CODES["wsgi.close"], recording.started + 1))
            recording.finish()
            child = process.begin("/child/")
            child.note((CODES["wsgi.body"], child.started + 1, 5))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert recording.mark[0] == 0
    assert recording.mark[blackbox.ID] == recording.id
    (dead,) = wrecks(process.folder, OURS)
    assert dead.pid == pid
    assert [(exchange.path, exchange.trail[-1][0]) for exchange in told(dead)] == [("/child/", "wsgi.body")]
    assert [exchange.path for exchange in told(process.kill())] == ["/parent/"]


def test_a_folder_that_others_write_is_not_used(tmp_path: Path) -> None:
    process = Process(tmp_path)
    process.folder.mkdir()
    process.folder.chmod(0o777)
    recording = process.begin()
    recording.note((CODES["wsgi.close"], 1))
    recording.finish()
    assert process.files() == []


@pytest.mark.parametrize("target", ["folder", "nowhere"])
def test_a_link_in_the_folders_place_is_not_followed(tmp_path: Path, target: str) -> None:
    process = Process(tmp_path)
    (tmp_path / "folder").mkdir()
    process.folder.symlink_to(tmp_path / target)
    process.begin().finish()
    assert list((tmp_path / "folder").iterdir()) == []
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        list(wrecks(process.folder, OURS))


def test_files_do_not_gather_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blackbox, "MOST", 3)
    processes = [Process(tmp_path) for _ in range(5)]
    for each in processes:
        each.begin().finish()
    assert len(processes[0].files()) == 3
    for each in processes:
        each.box.close()


def test_a_full_disk_costs_no_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    process = Process(tmp_path)
    for _ in range(3):
        recording = process.begin()
        recording.note((CODES["wsgi.close"], recording.started))
        recording.finish()
    assert process.files() == []
