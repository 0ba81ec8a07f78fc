"""The guided tour: whole, told with the reader's own exchanges, and careful with what its buttons ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

import factories
from django_gateway import served
from django_gateway.exchange import format_id, summarise
from django_gateway.panel.learn import CHAPTERS, FIGURES, STEPS, facts, newest
from django_gateway.panel.replay import ReplayError, Target, converse, plan
from django_gateway.panel.replay.upgrading import TEXT, frame
from django_gateway.panel.replay.upgrading import count as frames
from django_gateway.panel.views.exchange import TABS
from django_gateway.panel.views.learn import own_path, pieces
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from exchange_pages import text_of
from panels import installed, signed_in
from test_panel_replay import listening


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


def test_every_step_has_a_figure_and_leads_somewhere() -> None:
    tabs = {tab.key for tab in TABS} | {"topology", "compare"}
    assert set(FIGURES) == set(STEPS)
    for step in STEPS.values():
        assert step.question.endswith("?")
        assert step.tab in tabs
        assert step.action
        assert len(step.answer) == 2
        assert all(text.count("`") % 2 == 0 for text in step.answer)
    assert sum(len(steps) for _, steps in CHAPTERS) == len(STEPS)


@pytest.mark.parametrize("key", FIGURES)
def test_boxes_of_a_figure_stand_apart_and_inside(key: str) -> None:
    figure = FIGURES[key]
    for number, box in enumerate(figure.boxes):
        assert box.x >= 0
        assert box.x + box.width <= figure.width
        assert box.y >= 0
        assert box.y + box.height <= figure.height
        # A letter of the figure's type takes seven of its units at most.
        assert 7 * len(box.text) <= box.width
        assert 6.2 * len(box.sub) <= box.width
        for other in figure.boxes[number + 1 :]:
            apart = box.x + box.width <= other.x or other.x + other.width <= box.x
            assert apart or box.y + box.height <= other.y or other.y + other.height <= box.y
    for arrow in figure.arrows:
        assert {0 <= x <= figure.width for x in (arrow.x1, arrow.x2)} == {True}
        assert {0 <= y <= figure.height for y in (arrow.y1, arrow.y2)} == {True}


def test_numbers_are_the_readers_own() -> None:
    exchanges = [make() for make in factories.EVERY_KIND]
    summaries = [summarise(each) for each in exchanges]
    by_id = {each.id: each for each in exchanges}
    told = {}
    for key in STEPS:
        found = newest(key, summaries)
        if found is not None:
            told[key] = {fact.text: fact.value for fact in facts(key, by_id[found.id])}
    assert told["scheduler"]["running, with a CPU"] == "3.90 ms"
    assert told["hops"]["on the way"] == "16 thread hops"
    assert told["websocket"]["from the client"] == "14 messages"
    assert told["process"]["of all the time it took"].endswith(" %")
    assert "socket" not in told
    assert newest("cgi", summaries[:2]) is None


def test_the_path_that_is_asked_for_is_a_harmless_one_of_the_readers_own() -> None:
    assert own_path([]) == "/"
    posted = summarise(factories.failure())
    stream = summarise(factories.stream())
    page = summarise(factories.wsgi_page(path="/b\u00fcro/ x"))
    assert own_path([posted, stream, page]) == "/b%C3%BCro/%20x"
    assert own_path([posted, stream]) == "/"


def test_code_in_answers() -> None:
    assert pieces("call `accept()` now") == [("", "call "), ("code", "accept()"), ("", " now")]


def test_the_page_tells_all_of_it_without_any_exchange(program: Client) -> None:
    text = text_of(program.get("/learn/").content.decode())
    for step in STEPS.values():
        assert step.question in text
    assert "Open a page of your project" in text


def test_the_page_shows_the_readers_own(program: Client, store: Store) -> None:
    exchanges = [make() for make in factories.EVERY_KIND]
    factories.keep(store, *exchanges, factories.hostile("<script>alert(1)</script>"))
    html = program.get("/learn/").content.decode()
    assert "<script>alert" not in html
    assert "16 thread hops" in text_of(html)
    assert f"/exchanges/{format_id(exchanges[4].id)}/?tab=messages" in html


def test_a_button_makes_the_request_and_shows_it(store: Store, tmp_path: Path) -> None:
    page, new = factories.wsgi_page(), factories.wsgi_page()
    factories.keep(store, page)
    with listening() as listener:
        listener.on_request = lambda: factories.keep(store, new)
        about = served.Served(host="127.0.0.1", port=listener.port, interface="wsgi", server="Gunicorn")
        with installed(store, tmp_path, served=lambda: about) as client:
            answer = client.post("/learn/", {"step": "wsgi"})
            assert answer.status_code == 303
            assert answer.headers["Location"] == f"/exchanges/{format_id(new.id)}/?tab=handover"
            assert client.post("/learn/", {"step": "server"}).status_code == 409
            assert client.post("/learn/", {"step": "../x"}).status_code == 404
            assert signed_in().post("/learn/", {"step": "wsgi"}).status_code == 403
        assert [head.split(b"\r\n")[0] for head in listener.heard] == [b"GET /orders/ HTTP/1.1"]


def test_without_a_proxy_the_line_that_starts_one_is_told(store: Store, tmp_path: Path) -> None:
    factories.keep(store, factories.wsgi_page())
    with listening() as listener:
        about = served.Served(host="127.0.0.1", port=listener.port, interface="wsgi", server="Gunicorn")
        with installed(store, tmp_path, served=lambda: about) as client:
            text = text_of(client.get("/learn/").content.decode())
            assert "python manage.py gatewayserve --behind nginx" in text
            assert client.post("/learn/", {"step": "proxy"}).status_code == 409
        assert listener.heard == []


def test_a_websocket_is_asked_for_at_a_recorded_address_alone(store: Store, tmp_path: Path) -> None:
    new = factories.websocket()
    factories.keep(store, factories.wsgi_page(), factories.websocket(path="/ws/b\u00fcro/ x"))
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    with listening(refusal) as listener:
        listener.on_request = lambda: factories.keep(store, new)
        about = served.Served(host="127.0.0.1", port=listener.port, interface="asgi", server="Daphne")
        with installed(store, tmp_path, served=lambda: about) as client:
            answer = client.post("/learn/", {"step": "websocket", "path": "/elsewhere/", "say": "1"})
        assert answer.headers["Location"] == f"/exchanges/{format_id(new.id)}/?tab=messages"
        (head,) = listener.heard
    lines = head.decode().split("\r\n")
    assert lines[0] == "GET /ws/b%C3%BCro/%20x HTTP/1.1"
    assert f"Origin: http://127.0.0.1:{listener.port}" in lines
    assert not any(line.lower().startswith("cookie") for line in lines)


def test_frames_are_masked_and_counted() -> None:
    sent = frame(TEXT, b"hello")
    assert sent[:2] == b"\x81\x85"
    assert bytes(byte ^ sent[2 + place % 4] for place, byte in enumerate(sent[6:])) == b"hello"
    long = frame(TEXT, b"x" * 300)
    assert long[:4] == b"\x81\xfe\x01\x2c"
    whole = b"\x81\x02hi" + b"\x82\x7e\x00\xc8" + bytes(200)
    assert (frames(whole), frames(whole[:-1]), frames(whole + b"\x81")) == (2, 1, 2)


def test_an_answer_of_another_key_is_no_websocket() -> None:
    for answer in (b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: x\r\n\r\n", b"nonsense\r\n\r\n"):
        with listening(answer) as listener, pytest.raises(ReplayError, match="handshake was"):
            converse(Target("127.0.0.1", listener.port), plan("GET", "/ws/", [], body=0))


def test_without_gatewayserve_nothing_is_sent(program: Client, store: Store) -> None:
    factories.keep(store, factories.wsgi_page())
    assert program.post("/learn/", {"step": "wsgi"}).status_code == 409
