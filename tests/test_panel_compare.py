"""Two exchanges side by side: what corresponds, under which names, and in how much time."""

from __future__ import annotations

from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

import factories
import trails
from django_gateway.exchange import Handover, format_id, summarise
from django_gateway.panel.comparison import Pair, Side, align, facts
from django_gateway.panel.comparison.answer import answers, times
from django_gateway.panel.views.compare import choice, invited
from django_gateway.stores import Capacity
from django_gateway.stores.memory import MemoryStore
from panels import installed


def pairs_of(left: Handover, right: Handover) -> dict[str, Pair]:
    return {(pair.left or pair.right).topic: pair for pair in align(facts(left), facts(right))}  # type: ignore[union-attr]


# What corresponds


def test_an_environ_and_a_scope_tell_the_same_under_other_names() -> None:
    environ = trails.handover(
        "environ",
        PATH_INFO="/b\u00c3\u00bcro/",
        SERVER_PROTOCOL="HTTP/1.1",
        REMOTE_ADDR="127.0.0.1",
        SCRIPT_NAME="",
        HTTP_ACCEPT="*/*",
        CONTENT_TYPE="text/plain",
    )
    headers = [["host", "shop.local:8000"], ["accept", "*/*"], ["content-type", "text/plain"]]
    scope = trails.handover(
        "scope", path="/b\u00fcro/", http_version="1.1", client=["127.0.0.1", 5], root_path="", headers=headers
    )
    found = pairs_of(environ, scope)
    for topic, left, right in [
        ("method", "REQUEST_METHOD", "method"),
        ("path", "PATH_INFO", "path"),
        ("query", "QUERY_STRING", "query_string"),
        ("version", "SERVER_PROTOCOL", "http_version"),
        ("scheme", "wsgi.url_scheme", "scheme"),
        ("root", "SCRIPT_NAME", "root_path"),
        ("client address", "REMOTE_ADDR", "client[0]"),
        ("header host", "HTTP_HOST", "headers: host"),
        ("header accept", "HTTP_ACCEPT", "headers: accept"),
        ("header content-type", "CONTENT_TYPE", "headers: content-type"),
    ]:
        pair = found[topic]
        assert pair.left is not None, topic
        assert pair.right is not None, topic
        assert (pair.left.key, pair.right.key, pair.relation) == (left, right, "form"), topic


def test_what_differs_and_what_only_one_has() -> None:
    left = trails.handover("environ", HTTP_ACCEPT="text/html", HTTP_DNT="1")
    right = trails.handover("scope", headers=[["accept", "*/*"], ["x-real-ip", "10.0.0.1"]])
    found = pairs_of(left, right)
    assert found["header accept"].relation == "differs"
    assert found["header dnt"].relation == "left"
    assert found["header x-real-ip"].relation == "right"
    assert found["key wsgi.errors" if "key wsgi.errors" in found else "key wsgi.input"].relation == "left"


def test_two_environs_are_held_together_by_key() -> None:
    found = pairs_of(trails.handover("environ"), trails.handover("environ", HTTP_HOST="other"))
    assert found["header host"].relation == "differs"
    assert found["method"].relation == "same"


def test_a_header_that_came_twice_is_joined_as_a_server_joins_it() -> None:
    environ = trails.handover("environ", HTTP_ACCEPT="a,b", HTTP_COOKIE="c=1; d=2")
    headers = [["accept", "a"], ["accept", "b"], ["cookie", "c=1"], ["cookie", "d=2"]]
    found = pairs_of(environ, trails.handover("scope", headers=headers))
    assert found["header accept"].relation == "form"
    assert found["header cookie"].relation == "form"


def test_two_names_for_one_topic_stay_two_facts() -> None:
    sides = facts(Handover("environ", [["RAW_URI", "/a?x"], ["REQUEST_URI", "/a"], ["HTTP_CONTENT_TYPE", "x"]]))
    assert [side.key for side in sides] == ["RAW_URI", "REQUEST_URI", "HTTP_CONTENT_TYPE"]
    assert len({side.topic for side in sides}) == 3


def test_what_only_the_right_side_has_stays_where_it_stood() -> None:
    def sides(*topics: str) -> list[Side]:
        return [Side(topic, topic, "", "") for topic in topics]

    found = align(sides("a", "b", "c"), sides("x", "a", "y", "z", "c"))
    assert [(pair.left or pair.right).topic for pair in found] == ["x", "a", "y", "z", "b", "c"]  # type: ignore[union-attr]
    assert [pair.relation for pair in found] == ["right", "same", "right", "right", "left", "same"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    st.sampled_from(["headers", "client", "path", "PATH_INFO", "HTTP_A", "HTTP_a", "REQUEST_URI", "RAW_URI"])
    | st.text()
)
HANDOVERS = st.builds(
    Handover, st.sampled_from(["environ", "scope"]), st.lists(st.tuples(KEYS, JSON).map(list), max_size=8)
)


@given(HANDOVERS, HANDOVERS)
def test_no_fact_is_lost_whatever_was_handed_over(left: Handover, right: Handover) -> None:
    first, second = facts(left), facts(right)
    found = align(first, second)
    assert [pair.left for pair in found if pair.left] == first
    assert sorted((pair.right for pair in found if pair.right), key=str) == sorted(second, key=str)
    assert all(pair.relation in ("same", "form") for pair in align(first, first))


# Answers and times


def test_answers_are_compared_header_by_header() -> None:
    left = factories.wsgi_page(headers=[["Content-Type", "text/html"], ["Set-Cookie", "a"], ["Set-Cookie", "b"]])
    right = factories.asgi_page(
        headers=[["content-type", "text/html"], ["set-cookie", "a"], ["x-more", "1"]], status=404
    )
    found = {(pair.left or pair.right).topic: pair.relation for pair in answers(left, right)}  # type: ignore[union-attr]
    assert found["status"] == "differs"
    assert found["header content-type 0"] == "form"
    assert found["header set-cookie 0"] == "form"
    assert found["header set-cookie 1"] == "left"
    assert found["header x-more 0"] == "right"


def test_times_stand_on_one_scale() -> None:
    left, right = factories.wsgi_page(), factories.asgi_page()
    found = {time.name: time for time in times(left, right)}
    whole = found["All of it"]
    assert (whole.left, whole.right) == (left.duration, right.duration)
    assert whole.right_bar == 100
    assert whole.left_bar == round(100 * (left.duration or 0) / (right.duration or 1), 2)
    assert found["View"].left == left.split.view
    assert found["View"].difference == right.split.view - left.split.view
    assert "New process" not in found
    unfinished = {time.name: time for time in times(left, factories.in_flight())}
    assert unfinished["All of it"].right is None
    assert unfinished["All of it"].difference is None


# Which two


def test_pairs_that_invite_were_asked_for_alike_and_served_otherwise() -> None:
    wsgi, asgi, other = factories.wsgi_page(), factories.asgi_page(), factories.wsgi_page(path="/else/")
    newest = [summarise(each) for each in (asgi, other, wsgi, factories.wsgi_page())]
    assert [(first.id, second.id) for first, second in invited(newest)] == [(wsgi.id, asgi.id)]
    assert invited(newest[1:]) == []


def test_the_same_path_comes_first() -> None:
    chosen = factories.wsgi_page()
    listed = choice([summarise(each) for each in (factories.failure(), chosen, factories.asgi_page())], chosen)
    assert "/orders/" in listed[0]["label"]
    assert len(listed) == 2


def test_the_page(tmp_path: Path) -> None:
    store = MemoryStore(Capacity())
    attack = "<script>alert(1)</script>"
    exchanges = [factories.wsgi_page(), factories.hostile(attack), *(make() for make in factories.EVERY_KIND)]
    exchanges.append(msgspec.structs.replace(factories.wsgi_page(), handover=None, headers=None))
    factories.keep(store, *exchanges)
    with installed(store, tmp_path) as client:
        for each in exchanges[1:]:
            response = client.get(f"/compare/?a={format_id(exchanges[0].id)}&b={format_id(each.id)}")
            assert response.status_code == 200
            assert attack not in response.content.decode()
        text = client.get("/compare/").content.decode()
        assert "Asked for alike, served otherwise" in text
        text = client.get(f"/compare/?a={format_id(exchanges[0].id)}").content.decode()
        assert "With which one?" in text
        gone = client.get(f"/compare/?a={'0' * 15}1&b={format_id(exchanges[0].id)}").content.decode()
        assert "A is not here." in gone
        assert client.get("/compare/?a=nonsense").status_code == 404
    with installed(MemoryStore(Capacity()), tmp_path) as client:
        assert "It takes two recorded exchanges." in client.get("/compare/").content.decode()
