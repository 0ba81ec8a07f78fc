"""A proxy's log, read once whatever happens, and put beside what the recorder has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import factories
from contract import keep, opened
from django_gateway.document import document
from django_gateway.proxies.base import Sight
from django_gateway.redaction import Redactor
from django_gateway.stores import Store
from django_gateway.supervisor.following import Follower
from django_gateway.supervisor.sightings import PATIENCE, About, Sightings

Follow = Callable[[], Follower]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


@pytest.fixture
def follow(log: Path) -> Iterator[Follow]:
    """Makes a follower of the log, as a process does that starts."""
    made: list[Follower] = []

    def start() -> Follower:
        made.append(Follower(log))
        return made[-1]

    yield start
    for follower in made:
        follower.close()


def write(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_whole_lines_once_each(log: Path, follow: Follow) -> None:
    follower = follow()
    assert follower.lines() == []
    write(log, "one\ntwo\nthr")
    assert follower.lines() == [b"one", b"two"]
    assert follower.lines() == [b"one", b"two"]  # nobody has dealt with them
    follower.done()
    assert follower.lines() == []
    write(log, "ee\n")
    assert follower.lines() == [b"three"]


def test_another_process_goes_on_where_one_was(log: Path, follow: Follow) -> None:
    write(log, "one\ntwo\n")
    first = follow()
    first.lines()
    first.done()
    write(log, "three\n")
    first.lines()  # and it ends before it has dealt with it
    second = follow()
    assert second.lines() == [b"three"]


@pytest.mark.parametrize("note", ["", "nonsense", "[]", '{"a": 1}', '{"1": null}'])
def test_a_note_that_is_damaged_costs_nothing(log: Path, follow: Follow, note: str) -> None:
    write(log, "one\n")
    log.with_name("access.log.offsets").write_text(note)
    assert follow().lines() == [b"one"]


def test_a_log_that_is_moved_away_is_read_on(log: Path, follow: Follow) -> None:
    follower = follow()
    write(log, "one\n")
    follower.lines()
    follower.done()
    writer = log.open("a", encoding="utf-8")
    assert follower.move_away()
    writer.write("two\n")
    writer.flush()
    write(log, "three\n")
    writer.write("four\n")
    writer.close()
    assert follower.lines() == [b"two", b"four", b"three"]
    follower.done()
    for number in range(6):
        assert follower.move_away()
        write(log, f"more {number}\n")
        assert follower.lines() == [f"more {number}".encode()]
        follower.done()
    assert len(list(log.parent.glob("access.log*"))) == 5  # this one, three older, and the note


def test_a_log_that_is_emptied_is_read_from_its_start(log: Path, follow: Follow) -> None:
    follower = follow()
    write(log, "one\ntwo\n")
    follower.lines()
    follower.done()
    log.write_text("new\n")
    assert follower.lines() == [b"new"]


# Beside the exchanges


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = opened(request.param, tmp_path)
    yield store
    store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sightings(store: Store, clock: Clock) -> Sightings:
    about = About("nginx", "nginx", "1.22", "unix:/a.sock", ("/static/",))
    return Sightings(store, about, Redactor(), clock=clock)


def sight(
    request_id: str = "r-1", target: str = "/a", upstream: str | None = "unix:/a.sock", status: int = 200
) -> Sight:
    return Sight(
        request_id=request_id,
        started_at=1_700_000_000_000_000_000,
        total=5_000_000,
        client="127.0.0.1",
        method="GET",
        target=target,
        protocol="HTTP/1.1",
        status=status,
        complete=True,
        upstream=upstream,
        upstream_status=status,
    )


def interfaces(store: Store) -> list[str]:
    return [summary.interface for summary in store.page()]


@pytest.mark.parametrize("first", ["proxy", "recorder"])
def test_one_exchange_where_both_saw_it(store: Store, sightings: Sightings, clock: Clock, first: str) -> None:
    exchange = factories.wsgi_page(request_id="r-1")
    if first == "recorder":
        keep(store, exchange)
    sightings.add([sight()])
    sightings.settle()
    keep(store, exchange)
    clock.now += PATIENCE + 1
    sightings.settle()
    assert interfaces(store) == ["wsgi"]
    found = store.get(exchange.id)
    assert found is not None
    assert document(found)["proxy"]["upstream"] == "unix:/a.sock"


def test_what_nobody_else_has_seen_is_an_exchange_of_the_proxy(
    store: Store, sightings: Sightings, clock: Clock
) -> None:
    sightings.add([sight("r-1"), sight("r-2", "/static/a.css?token=secret", None)])
    sightings.settle()
    assert interfaces(store) == ["proxy"]
    assert store.page()[0].path == "/static/a.css"
    assert "secret" not in store.page()[0].query
    clock.now += PATIENCE + 1
    sightings.settle()
    assert sorted(summary.path for summary in store.page()) == ["/a", "/static/a.css"]
    number = next(summary.id for summary in store.page() if summary.path == "/a")
    found = store.get(number)
    assert found is not None
    assert found.parts["proxy"]["request_id"] == "r-1"


def test_a_recorder_that_comes_late_is_right(store: Store, sightings: Sightings, clock: Clock) -> None:
    sightings.add([sight()])
    clock.now += PATIENCE + 1
    sightings.settle()
    assert interfaces(store) == ["proxy"]
    keep(store, factories.wsgi_page(request_id="r-1"))
    sightings.settle()
    assert interfaces(store) == ["wsgi"]


def test_at_the_end_nothing_is_waited_for(store: Store, sightings: Sightings) -> None:
    sightings.add([sight()])
    sightings.settle(finally_=True)
    assert interfaces(store) == ["proxy"]
    assert not sightings.waits
