"""Environs told by what is new in them: the same entries as the redactor alone makes, in fewer bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import factories
import recorders
from django_gateway.concealment import HIDDEN
from django_gateway.exchange import Handover
from django_gateway.familiar import Environs
from django_gateway.redaction import Redactor
from django_gateway.vocabulary import Vocabulary, expand

VALUES = st.one_of(
    st.sampled_from(["", "text/html", "https://shop.example.org/?token=abc", "a" * 600, "caf\xc3\xa9", "0"]),
    st.text(max_size=20),
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False),
    st.none(),
    st.binary(max_size=8),
    st.tuples(st.integers(), st.text(max_size=4)),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
    st.builds(object),
)
KEYS = st.sampled_from(
    "REQUEST_METHOD PATH_INFO QUERY_STRING REMOTE_ADDR REMOTE_PORT HTTP_ACCEPT HTTP_COOKIE HTTP_AUTHORIZATION HTTP_HOST "  # noqa: SIM905
    "HTTP_USER_AGENT HTTP_ORIGIN wsgi.input wsgi.errors wsgi.version wsgi.multithread X_TOKEN SERVER_NAME".split()
)


class Told:
    """What a store gives back of what was told."""

    def __init__(self, *hide: str) -> None:
        self.words = Vocabulary()
        self.alone = Redactor(hide)
        self.environs = Environs(Redactor(hide, self.words.add), self.words.add)

    def __call__(self, environ: dict[str, Any]) -> tuple[list[Any], list[Any]]:
        """The entries as they are kept, and as they come out."""
        kept = self.environs.entries(environ)
        exchange = msgspec.structs.replace(factories.wsgi_page(), handover=Handover("environ", kept), trail=[])
        handover = expand(exchange, self.words).handover
        assert handover is not None
        return kept, plain(handover.entries)

    def expected(self, environ: dict[str, Any]) -> list[Any]:
        return plain(self.alone.environ(environ))


def plain(entries: list[Any]) -> list[Any]:
    decoded: list[Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(entries))
    return decoded


@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=12), min_size=1, max_size=4), st.integers(3, 5))
def test_any_environs_again_and_again(environs: list[dict[str, Any]], times: int) -> None:
    told = Told()
    for _ in range(times):
        for environ in environs:
            _, entries = told(environ)
            assert entries == told.expected(environ)


@pytest.fixture
def browser() -> dict[str, Any]:
    return recorders.environ("/articles/", HTTP_ACCEPT="text/html", HTTP_USER_AGENT="Firefox", HTTP_COOKIE="a=secret")


def test_what_a_client_always_sends_is_one_word(browser: dict[str, Any]) -> None:
    told = Told()
    for port in range(3):
        told({**browser, "REMOTE_PORT": str(port)})
    kept, entries = told({**browser, "REMOTE_PORT": "4711"})
    assert len(kept) < len(browser) / 2
    assert ["REMOTE_PORT", "4711"] in entries
    assert ["HTTP_ACCEPT", "text/html"] in entries
    assert ["HTTP_COOKIE", f"a={HIDDEN}"] in entries


def test_another_value_is_told(browser: dict[str, Any]) -> None:
    told = Told()
    for _ in range(4):
        told(browser)
    for name, value in (("HTTP_ACCEPT", "application/json"), ("wsgi.multithread", "no"), ("wsgi.input", 1)):
        _, entries = told({**browser, name: value})
        assert [name, value] in entries


def test_the_order_is_the_environs_own(browser: dict[str, Any]) -> None:
    told = Told()
    for _ in range(4):
        _, entries = told(browser)
        _, backwards = told(dict(reversed(browser.items())))
        assert [name for name, _ in entries] == list(browser)
        assert [name for name, _ in backwards] == list(reversed(browser))


def test_no_secret_is_in_any_word(browser: dict[str, Any]) -> None:
    told = Told("customer")
    secret = "hunter2"
    environ = {**browser, "HTTP_X_CUSTOMER": secret, "HTTP_ORIGIN": f"https://me:{secret}@shop.example.org"}
    for _ in range(5):
        kept, _ = told(environ)
        assert secret not in str(kept)
    assert not any(secret.encode() in word for word in told.words.words)
    assert secret not in str([vars(told.environs), [shape.common for shape in told.environs._shapes.values()]])


@pytest.mark.parametrize("name", ["REMOTE_ADDR", "REMOTE_PORT", "CONTENT_LENGTH"])
def test_what_is_open_is_looked_at(browser: dict[str, Any], name: str) -> None:
    told, hiding = Told(), Told(name)
    for value in ("https://me:hunter2@shop.example.org", "/?token=hunter2", "/#token=hunter2") * 4:
        for environs in (told, hiding):
            kept, entries = environs({**browser, name: value})
            assert "hunter2" not in str(kept)
            assert entries == environs.expected({**browser, name: value})
    _, entries = hiding({**browser, name: "4711"})
    assert [name, HIDDEN] in entries


def test_a_client_that_comes_once_leaves_no_word(browser: dict[str, Any]) -> None:
    told = Told()
    for _ in range(4):
        told(browser)
    words = len(told.words.words)
    for number in range(50):
        told({**browser, "HTTP_USER_AGENT": f"visitor {number}"})
    assert len(told.words.words) == words


def test_without_room_for_words_everything_is_spelled_out(browser: dict[str, Any]) -> None:
    environs = Environs(Redactor(), lambda word: None)
    for _ in range(5):
        assert environs.entries(browser) == Redactor().environ(browser)
