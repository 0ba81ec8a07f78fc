"""Trails of what is in flight grow together only so far; what finds no room is counted."""

from __future__ import annotations

import pytest

from django_gateway.exchange import WEBSOCKET
from django_gateway.recording import Recording
from recorders import Recorded

#: Four places of a trail, as most events take.
EVENT = ("websocket.connect", 1, 2, 3)
ONE = 1_000
ASSURED = 100


def begun(recorded: Recorded, count: int) -> list[Recording]:
    found = [Recording(recorded.recorder, "asgi", WEBSOCKET, "wrapper", "/") for _ in range(count)]
    for recording in found:
        recording.begun()
    return found


def fill(recordings: list[Recording], events: int) -> None:
    for _ in range(events):
        for recording in recordings:
            recording.note(EVENT)


def kept(recording: Recording) -> int:
    return len(recording.trail) // len(EVENT)


@pytest.mark.parametrize(("count", "share"), [(1, ONE), (16, ONE), (32, ONE // 2), (100, 160), (1_000, ASSURED)])
def test_each_has_its_share(count: int, share: int) -> None:
    recorded = Recorded(max_events=ONE)
    recordings = begun(recorded, count)
    fill(recordings, ONE + 5)
    assert {kept(recording) for recording in recordings} == {share}
    assert {recording.dropped for recording in recordings} == {ONE + 5 - share}


def test_a_low_limit_holds_for_each() -> None:
    recorded = Recorded(max_events=10)
    recordings = begun(recorded, 3)
    fill(recordings, 30)
    assert {(kept(recording), recording.dropped) for recording in recordings} == {(10, 20)}


def test_who_stays_has_the_room_of_those_who_left() -> None:
    recorded = Recorded(max_events=ONE)
    stays, *leave = begun(recorded, 100)
    fill([stays, *leave], ONE)
    before = kept(stays)
    for recording in leave:
        recording.finish()
    fill([stays], 2 * ONE)
    assert before < kept(stays) == ONE
    assert stays.dropped == 3 * ONE - kept(stays)
