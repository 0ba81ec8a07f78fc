"""The proxy's lane, and what the panel says of requests that only a proxy has seen."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import factories
from django_gateway.exchange import Exchange, Split, summarise
from django_gateway.panel.rows import bar, chain, row
from django_gateway.panel.story import sentence
from django_gateway.panel.timeline import picture, read, timeline
from django_gateway.panel.timeline.pieces import Picture
from django_gateway.proxied import front

LEAD = 3_000_000


def seen(**changes: Any) -> dict[str, Any]:
    told = {
        "name": "nginx",
        "title": "nginx",
        "version": "1.22",
        "reason": None,
        "started_at": 0,
        "total": 900_000_000,
        "upstream": "unix:/a.sock",
        "asked": 1_000_000,
        "connect": 0,
        "first_byte": 400_000_000,
        "last_byte": 500_000_000,
        "status": 200,
        "sent_bytes": 12_345,
        "client": "192.0.2.9",
        "pid": 77,
    }
    return {**told, **changes}


def behind(exchange: Exchange, **changes: Any) -> Exchange:
    part = seen(started_at=exchange.started_at - LEAD, **changes)
    return msgspec.structs.replace(exchange, parts={"proxy": part})


def alone(**changes: Any) -> Exchange:
    return factories.wsgi_page(
        interface="proxy",
        handover=None,
        match=None,
        headers=None,
        trail=[],
        scheduler=None,
        split=Split(),
        vantage="proxy",
        unseen=["Only nginx has seen this request."],
        parts={"proxy": seen(upstream=None, reason="A file, which nginx served itself.", **changes)},
    )


def drawn(exchange: Exchange) -> Picture:
    return picture(exchange, read(exchange))


@pytest.mark.parametrize("make", factories.EVERY_KIND, ids=lambda make: str(make.__name__))
def test_the_lane_is_above_the_servers_and_everything_else_is_later(make: Any) -> None:
    exchange = make()
    before, after = drawn(exchange), drawn(behind(exchange))
    assert [lane.key for lane in after.lanes] == ["client", "proxy", "queue", *(lane.key for lane in before.lanes[1:])]
    assert after.extent == max(900_000_000, before.extent + LEAD)
    for old, new in zip(before.lanes[1:], after.lanes[3:], strict=True):
        pieces = [(piece.started, piece.finished) for line in old.rows for piece in line]
        moved = [(piece.started - LEAD, piece.finished - LEAD) for line in new.rows for piece in line]
        assert moved == pieces
    assert [link.at - LEAD for link in after.links] == [link.at for link in before.links]
    timeline(after)


def test_the_pieces_of_the_lane() -> None:
    lane = drawn(behind(factories.wsgi_page())).lanes[1]
    told = [(piece.name, piece.started, piece.finished) for piece in lane.rows[0]]
    assert (lane.title, lane.subtitle) == ("nginx", "pid 77")
    assert told == [
        ("request received", 0, 1_000_000),
        ("waiting for the first byte", 1_000_000, 401_000_000),
        ("answer passed on", 401_000_000, 501_000_000),
        ("sent to the client", 501_000_000, 900_000_000),
    ]
    assert "2 ms of it no worker had taken the request" in lane.rows[0][1].text.replace(".00", "")


def test_what_stood_in_the_sockets_queue_is_drawn_where_the_clocks_tell_it_apart() -> None:
    lane = drawn(behind(factories.wsgi_page())).lanes[2]
    (piece,) = lane.rows[0]
    assert (lane.key, lane.title) == ("queue", "Socket, queue")
    assert (piece.started, piece.finished, piece.works) == (1_000_000, LEAD, ())
    assert "about 2.00 ms later the application was called" in piece.text
    at_once = drawn(behind(factories.wsgi_page(), asked=LEAD))
    assert "queue" not in {lane.key for lane in at_once.lanes}


def test_what_only_a_proxy_has_seen() -> None:
    exchange = alone()
    lanes = drawn(exchange).lanes
    assert [lane.key for lane in lanes] == ["client", "proxy"]
    text = "".join(word.text for word in sentence(exchange, read(exchange)))
    assert text.startswith("This request did not reach the project: nginx answered 200 after ")
    assert text.endswith(". A file, which nginx served itself.")
    told = row(summarise(exchange))
    assert told["tag"] == "PROXY"
    assert "only" in told["note"]
    assert [segment["place"] for segment in bar(told, 1)] == ["server"]
    assert len(chain("nginx", "1.22", [77], "proxy", "6.0")) == 1


def test_an_answer_in_no_time_is_still_drawn() -> None:
    exchange = msgspec.structs.replace(alone(total=0), ended=0, started=0)
    assert len(timeline(drawn(exchange)).shapes) >= 2
    assert row(summarise(exchange))["duration"] == "< 1 ms"
    assert "less than 1 ms" in "".join(word.text for word in sentence(exchange, read(exchange)))


def test_where_the_proxy_answered_something_else_the_sentence_says_so() -> None:
    exchange = behind(factories.wsgi_page(), status=504, reason="The application had answered nothing.")
    assert "".join(word.text for word in sentence(exchange, read(exchange))).endswith("had answered nothing.")


def test_the_proxy_is_the_first_in_the_chain() -> None:
    exchange = behind(factories.wsgi_page())
    assert front(exchange) == "nginx 1.22"
    told = "".join(word.text for word in sentence(exchange, read(exchange)))
    assert told.startswith("nginx passed this request on to ")
    assert front(factories.wsgi_page()) is None
    assert front(alone()) is None
    links = chain("gunicorn", "27.0", [7], "wsgi", "6.1", "nginx 1.22.1")
    assert [link["text"] for link in links] == ["nginx 1.22.1", "gunicorn 27.0 · pid 7", "wsgi.py", "Django 6.1"]
