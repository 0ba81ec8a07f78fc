"""The handover in C: what Python makes of the same environs in the same order, to the last byte."""

from __future__ import annotations

import asyncio
import functools
import gc
import socket
import sys
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_gateway import native
from django_gateway.concealment import HIDDEN
from django_gateway.familiar import Environs
from django_gateway.fields import Fields
from django_gateway.interfaces import asgi, descriptors, wsgi_handover
from django_gateway.recording import Recorder
from django_gateway.redaction import Redactor
from django_gateway.vocabulary import Vocabulary

pytestmark = pytest.mark.skipif(native.core is None, reason="the compiled module is not there")

Environ = dict[str, Any]


class Text(str):
    __slots__ = ()


class Number(int):
    pass


COOKIES = st.one_of(
    st.sampled_from(
        [
            "",
            "a=1",
            "a=1; b=2",
            "a=1;b=2",
            "a=1; b",
            "a=1; ",
            "=",
            "=x; =y",
            "a =1",
            "a=1; b\t=2",
            "a=b=c; d=\u00e9",
            "a=" + "x" * 9_000,
            "; ".join(["name=value"] * 200),
            "; ".join(["n" * 200 + "=v"] * 50),
        ]
    ),
    st.text("a=; \t\n\x1c\u00e9", max_size=12),
)
TEXTS = st.one_of(
    st.sampled_from(
        ["", "GET", "/", "/a?token=b", "/a#b", "me@host", "a=1&token=b", "a=1", "x" * 63, "x" * 513, "0", "12"]
    ),
    st.text("a?=&#@/%4\u00e9\udc80", max_size=6),
)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 2),
    st.floats(0, 1),
    st.just(1.0),
    st.builds(Text, st.sampled_from(["", "a", "text/html"])),
    st.builds(Number, st.integers(0, 2)),
    st.sampled_from(
        [b"a", (1, 0), (1, 0.0), (True, False), ("a", None), ([],), [], [1], {}, {"a": 1}, object(), sys.stderr]
    ),
)
STEADY = ["HTTP_ACCEPT", "HTTP_HOST", "HTTP_USER_AGENT", "SERVER_NAME", "wsgi.version", "wsgi.multithread"]
CHANGING = [
    *("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "RAW_URI", "HTTP_REFERER", "HTTP_X_REQUEST_ID", "REMOTE_ADDR"),
    *("REMOTE_PORT", "CONTENT_LENGTH", "HTTP_AUTHORIZATION", "X_TOKEN"),
]


def browser() -> Environ:
    """New objects, as a server makes them for each request."""
    return {
        "wsgi.errors": sys.stderr,
        "wsgi.version": (1, int("0")),
        "wsgi.multithread": False,
        "wsgi.input": iter(()),
        "SERVER_NAME": "".join(["local", "host"]),
        "SERVER_SOFTWARE": "gunicorn/27.0.1",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/articles/",
        "REQUEST_METHOD": "GET",
        "QUERY_STRING": "page=1",
        "RAW_URI": "/articles/?page=1",
        "REMOTE_ADDR": "203.0.113.9",
        "REMOTE_PORT": str(4711),
        "CONTENT_LENGTH": "12",
        **{"HTTP_" + name: "".join(["text/", "html"]) for name in ("ACCEPT", "HOST", "USER_AGENT", "REFERER")},
        "HTTP_COOKIE": "csrftoken=abc; sessionid=def",
        "HTTP_AUTHORIZATION": "Bearer abc",
        "HTTP_X_REQUEST_ID": "7f3a",
        "X_TOKEN": "abc",
    }


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.one_of(TEXTS, ODD) for name in CHANGING},
        **{name: st.one_of(st.sampled_from(["text/html", "image/png"]), TEXTS, ODD) for name in STEADY},
        "HTTP_COOKIE": st.one_of(COOKIES, ODD),
        "wsgi.errors": ODD,
        "wsgi.input": ODD,
        "SCRIPT_NAME": st.one_of(TEXTS, ODD),
        "SERVER_SOFTWARE": st.one_of(TEXTS, st.builds(Text, TEXTS), st.just(1)),
        "gunicorn.socket": ODD,
    },
)


class Both:
    """The same environs through C and through Python, with a vocabulary each."""

    def __init__(self, *hide: str) -> None:
        self.words = Vocabulary(), Vocabulary()
        self.compiled, self.python = (Environs(Redactor(hide, words.add), words.add) for words in self.words)
        self.python._familiar = None

    def __call__(self, environ: Any) -> list[Any]:
        told = self.compiled.entries(environ)
        assert told == self.python.entries(environ)
        assert self.words[0].words == self.words[1].words
        return told


@given(st.lists(CHANGES, min_size=1, max_size=6), st.integers(0, 3))
def test_the_same_history_gives_the_same_entries(changes: list[Environ], before: int) -> None:
    both = Both()
    for _ in range(before):
        both(browser())
    for change in changes * 3:
        both({**browser(), **change})


@given(st.lists(st.lists(st.sampled_from(sorted(browser())), min_size=1, unique=True), max_size=4))
def test_any_order_of_keys(orders: list[list[str]]) -> None:
    both = Both("customer")
    for order in orders * 4:
        environ = browser()
        both({key: environ[key] for key in order})


def test_what_is_known_is_found_in_c() -> None:
    both = Both()
    for _ in range(4):
        told = both(browser())
    assert len(told) < len(browser())
    assert both.compiled._familiar.find(browser()) == told
    assert both.compiled._familiar.find({**browser(), "HTTP_ACCEPT": "image/png"}) is None
    assert both.compiled._familiar.find({**browser(), "wsgi.errors": 1}) is None
    assert both.compiled._familiar.find(MappingProxyType(browser())) is None


def test_what_is_forgotten_in_python_is_forgotten_in_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_gateway.familiar._SHAPES", 3)
    monkeypatch.setattr("django_gateway.familiar._COMMON", 3)
    both = Both()
    for number in (1, 2, 3, 4, 5, 1, 2):
        for _ in range(4):
            both({**browser(), "HTTP_ACCEPT": f"text/{number}"})
    for number in (1, 2, 3, 4, 5, 1, 2):
        for _ in range(4):
            both({**browser(), f"HTTP_{number}": "a"})


@pytest.mark.parametrize(
    ("name", "value"), [("HTTP_ACCEPT", Text("text/html")), ("wsgi.multithread", 0), ("wsgi.multithread", 0.0)]
)
def test_equal_values_of_another_type(name: str, value: Any) -> None:
    both = Both()
    for _ in range(4):
        for change in ({}, {name: value}, {name: value, "wsgi.errors": None}):
            both({**browser(), **change})


def test_more_words_than_a_table_keeps() -> None:
    both = Both()
    for environs in (both.compiled, both.python):
        environs._redactor._environ.update(dict.fromkeys(range(4_085), 0))
        environs._redactor._once.update(range(4_085))
    for number in range(60):
        for _ in range(2 + number % 3):
            both({**browser(), "PATH_INFO": f"/{number % 37}", "HTTP_REFERER": f"/{number % 7}"})
        redactors = both.compiled._redactor, both.python._redactor
        assert redactors[0]._once == redactors[1]._once
        assert redactors[0]._environ == redactors[1]._environ
    assert len(redactors[0]._once) < 1_000


def test_one_key_more_than_it_knows() -> None:
    both = Both()
    for more in (130, 160, 300):
        for _ in range(5):
            both({**browser(), **{f"HTTP_{number}": "a" for number in range(more)}})


def test_no_secret_stays_in_memory() -> None:
    """Not in what C keeps either: nothing refers to the value once its request is over."""
    both = Both()
    secrets = ["hunter" + str(number) for number in range(6)]
    before = [sys.getrefcount(each) for each in secrets]
    for secret in secrets * 2:
        both({**browser(), "X_TOKEN": secret, "HTTP_AUTHORIZATION": secret, "HTTP_COOKIE": secret})
        both({**browser(), "HTTP_ORIGIN": f"https://me:{secret}@shop.example.org"})
    del secret
    assert [sys.getrefcount(each) for each in secrets] == before
    assert "hunter" not in repr(gc.get_referents(both.compiled._familiar))


def test_the_values_of_cookies_are_hidden() -> None:
    both = Both()
    for _ in range(4):
        told = both(browser())
    assert ("HTTP_COOKIE", f"csrftoken={HIDDEN}; sessionid={HIDDEN}") in told


def test_an_error_in_the_redactor_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Both()
    for _ in range(4):
        both(browser())

    def fail(*_: Any) -> Any:
        raise LookupError("redactor")

    monkeypatch.setattr(Redactor, "_environ_entry", fail)
    with pytest.raises(LookupError, match="redactor"):
        both.compiled.entries(browser())


# begin


def recorder() -> Recorder:
    return Recorder(lambda recording: None)


FILLED = (
    "interface type vantage path handover method query request_id client bytes_in descriptor server trail done "  # noqa: SIM905
    "status headers task".split()
)


def filled(recording: Fields) -> dict[str, Any]:
    return {name: getattr(recording, name) for name in FILLED}


class BothBegin:
    def __init__(self) -> None:
        self.compiled, self.python = recorder(), recorder()
        self.python.environs._familiar = self.python.redactor._tables = None

    def __call__(self, environ: Any) -> dict[str, Any]:
        return self._told(wsgi_handover.begin, wsgi_handover._begin, environ)

    def asgi(self, scope: Any, kind: str = "http") -> dict[str, Any]:
        return self._told(asgi.begin, asgi._begin, scope, kind)

    def _told(self, compiled: Any, python: Any, *given: Any) -> dict[str, Any]:
        told = []
        for begin, made in ((compiled, self.compiled), (python, self.python)):
            try:
                told.append(filled(begin(made, *given, "wrapper")))
            except Exception as error:
                told.append({"raised": repr(error)})
        assert told[0] == told[1]
        assert repr(told[0]) == repr(told[1])
        return told[0]


@given(st.lists(CHANGES, min_size=1, max_size=5), st.integers(0, 3))
def test_a_recording_begins_the_same(changes: list[Environ], before: int) -> None:
    both = BothBegin()
    for _ in range(before):
        both(browser())
    for change in changes * 2:
        both({**browser(), **change})


@given(st.lists(st.sampled_from(sorted(browser())), unique=True))
def test_a_recording_of_less(keys: list[str]) -> None:
    environ = browser()
    BothBegin()({key: environ[key] for key in keys})


def test_a_recording_of_another_mapping() -> None:
    both = BothBegin()
    assert both(MappingProxyType(browser()))["path"] == "/articles/"
    assert both({**browser(), "SCRIPT_NAME": "/app", 1: 2})["path"] == "/app/articles/"
    assert both({**browser(), "PATH_INFO": "/" + "a" * 9_000})["path"].endswith("… (9001 characters)")


@pytest.fixture
def pair() -> Iterator[socket.socket]:
    one, other = socket.socketpair()
    with one, other:
        yield one


def test_the_descriptor(pair: socket.socket) -> None:
    both = BothBegin()
    assert both({**browser(), "gunicorn.socket": pair})["descriptor"] == pair.fileno()
    pair.close()
    assert both({**browser(), "gunicorn.socket": pair})["descriptor"] is None


def test_nothing_is_lost_or_kept(pair: socket.socket) -> None:
    made = recorder()
    environ = {**browser(), "gunicorn.socket": pair}
    for _ in range(5):
        wsgi_handover.begin(made, environ, "wrapper")
    watched = [*environ.values(), *environ, made, environ]
    before = [sys.getrefcount(each) for each in watched]
    for _ in range(2_000):
        wsgi_handover.begin(made, environ, "wrapper")
    assert [sys.getrefcount(each) for each in watched] == before


# Headers


PAIRS = st.one_of(
    st.tuples(st.sampled_from(["Content-Type", "Set-Cookie", "X-Token", Text("a")]), TEXTS),
    st.tuples(st.sampled_from([b"content-type", b"cookie"]), st.binary(max_size=3)),
    st.tuples(TEXTS, ODD),
    st.lists(TEXTS, max_size=3),
    ODD,
)


class BothRedactors:
    def __init__(self, *hide: str) -> None:
        self.words = Vocabulary(), Vocabulary()
        self.compiled, self.python = (Redactor(hide, words.add) for words in self.words)
        self.python._tables = None

    def headers(self, headers: list[Any]) -> list[Any]:
        return self._same(self.compiled.headers(headers), self.python.headers(headers))

    def scope(self, scope: Any) -> list[Any]:
        return self._same(self.compiled.scope(scope), self.python.scope(scope))

    def _same(self, compiled: list[Any], python: list[Any]) -> list[Any]:
        assert compiled == python
        assert repr(compiled) == repr(python)
        for table in ("_headers", "_scope", "_once", "_innocent", "_names", "_secret"):
            assert getattr(self.compiled, table) == getattr(self.python, table), table
        assert self.words[0].words == self.words[1].words
        return compiled


@given(st.lists(st.lists(PAIRS, max_size=5), max_size=4))
def test_headers_are_told_the_same(lists: list[list[Any]]) -> None:
    both = BothRedactors("x-customer")
    for headers in lists * 3:
        both.headers(headers)


def test_headers_that_many_words_are_kept_of() -> None:
    both = BothRedactors()
    for redactor in (both.compiled, both.python):
        redactor._headers.update(dict.fromkeys(range(4_085), 0))
        redactor._once.update(range(4_070))
    for number in range(90):
        for _ in range(2 + number % 3):
            both.headers([(b"referer", b"/%d" % (number % 37)), ("X-Way", str(number % 7)), ("X-Way", "1")])
    assert len(both.compiled._headers) < 1_000


# Scopes


def scope() -> Environ:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "".join(["2", ".3"])},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("203.0.113.9", 4711),
        "scheme": "http",
        "root_path": "",
        "headers": [(bytes(name), bytes(value)) for name, value in HEADERS],
        "state": {},
        "method": "GET",
        "path": "/articles/",
        "raw_path": b"/articles/",
        "query_string": b"page=1",
    }


HEADERS = [
    (b"host", b"shop.example.org"),
    (b"accept", b"text/html"),
    (b"cookie", b"a=1; b=2"),
    (b"x-request-id", b"7f3a"),
]
BYTES = TEXTS.map(lambda text: text.encode("utf-8", "surrogateescape"))
ANY = st.one_of(TEXTS, BYTES, ODD)
SCOPES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(scope(), ANY),
        "headers": st.one_of(
            ANY,
            st.lists(
                st.one_of(
                    st.tuples(st.sampled_from([b"cookie", b"Cookie", b"x-token", b"QUERY_STRING", b"\xe9"]), BYTES),
                    st.tuples(st.just(b"cookie"), COOKIES.map(str.encode)),
                    st.tuples(st.sampled_from([b"x-request-id", b"accept"]), st.sampled_from([b"", b"7f3a", b"a b"])),
                    st.lists(BYTES, min_size=2, max_size=2),
                    PAIRS,
                ),
                max_size=4,
            ),
        ),
        "client": st.one_of(ANY, st.tuples(TEXTS, ODD), st.lists(TEXTS, max_size=3), st.tuples(ODD, ODD)),
        "server": st.one_of(ANY, st.tuples(TEXTS, ODD)),
        "asgi": st.one_of(ANY, st.dictionaries(TEXTS, TEXTS, max_size=2), st.just({"version": []})),
        "state": st.one_of(ANY, st.dictionaries(TEXTS, ODD, max_size=2)),
        "extensions": ODD,
        "subprotocols": st.lists(TEXTS, max_size=2),
        "x-other": ANY,
        "session": st.just({"user": "abc"}),
    },
)


@given(st.lists(SCOPES, max_size=5), st.integers(0, 2))
def test_scopes_are_told_the_same(changes: list[Environ], before: int) -> None:
    both = BothRedactors()
    for _ in range(before):
        both.scope(scope())
    for change in changes * 3:
        both.scope({**scope(), **change})


def test_awkward_scopes() -> None:
    both, hiding = BothRedactors(), BothRedactors("path", "client")
    awkward: list[Any] = [
        MappingProxyType(scope()),
        {**scope(), Text("method"): "GET"},
        {Text("method"): "GET"},
        {1: 2},
        {**scope(), **{str(number): number for number in range(40)}},
        {**scope(), "client": ("a" * 9_000, 2**70)},
        {**scope(), "path": "/" + "a" * 9_000},
        {**scope(), "raw_path": b"/" * 8_192},
        scope(),
    ]
    for each in awkward * 4:
        both.scope(each)
        hiding.scope(each)


@given(st.lists(SCOPES, max_size=4), st.integers(0, 2), st.sampled_from(["http", "websocket", "lifespan"]))
def test_a_recording_of_a_scope_begins_the_same(changes: list[Environ], before: int, kind: str) -> None:
    both = BothBegin()
    for _ in range(before):
        assert both.asgi(scope())["request_id"] == "7f3a"
    for change in changes * 2:
        both.asgi({**scope(), **change}, kind)


@given(st.lists(st.sampled_from(sorted(scope())), unique=True))
def test_a_recording_of_less_of_a_scope(keys: list[str]) -> None:
    both = BothBegin()
    both.asgi({key: scope()[key] for key in keys})
    both.asgi(MappingProxyType({key: scope()[key] for key in keys}))


@pytest.mark.parametrize(
    "client",
    [("a", 0), ("", 0), ("", None), ("a", None), ("a", 999_999), ("a", 1_000_000), ("a", -1), ("a", True), None, ()],
)
def test_clients(client: Any) -> None:
    BothBegin().asgi({**scope(), "client": client})


async def test_the_task_of_a_scope() -> None:
    assert BothBegin().asgi(scope())["task"] is asyncio.current_task()


def test_nothing_of_a_scope_is_lost_or_kept() -> None:
    made, given = recorder(), scope()
    for _ in range(5):
        asgi.begin(made, given, "http", "wrapper")
    watched = [*given.values(), *given, made, given, *given["headers"]]
    before = [sys.getrefcount(each) for each in watched]
    for _ in range(2_000):
        asgi.begin(made, given, "http", "wrapper")
    assert [sys.getrefcount(each) for each in watched] == before


class Owner:
    """What a server's ``send`` may be a method of."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)

    async def send(self, message: Any) -> None:
        pass


class Broken:
    def __getattr__(self, name: str) -> Any:
        raise OSError(name)


def handing(number: Any) -> Any:
    return Owner(fileno=lambda: number)


OWNERS: list[Owner] = [
    Owner(),
    Owner(transport=None),
    Owner(transport=Broken()),
    Owner(transport=Owner()),
    Owner(transport=Owner(get_extra_info=None)),
    Owner(transport=Owner(get_extra_info=lambda name: None)),
    *[
        Owner(transport=Owner(get_extra_info={"socket": handing(number)}.get))
        for number in (7, 0, -1, True, None, "7", 2**70)
    ],
    *[Owner(transport=Owner(getHandle=lambda number=number: handing(number))) for number in (7, -1)],
    Owner(transport=Owner(get_extra_info=None, getHandle=lambda: handing(8))),
    Owner(transport=Owner(get_extra_info=lambda name: 1 / 0)),
]


@pytest.mark.parametrize("owner", OWNERS)
def test_the_descriptor_of_a_send(owner: Owner) -> None:
    for send in (owner.send, functools.partial(lambda owner, message: None, owner), owner, None):
        told = descriptors._of_send(send)
        for _ in range(3):
            assert descriptors.of_send(send) == told
            assert type(descriptors.of_send(send)) is type(told)
