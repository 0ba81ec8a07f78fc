"""Secrets never leave the request's thread: what is hidden, how, and that nothing else is touched."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from django.views.debug import SafeExceptionReporterFilter
from hypothesis import example, given, settings
from hypothesis import strategies as st

import recorders
from django_gateway import concealment
from django_gateway.concealment import HIDDEN
from django_gateway.document import document
from django_gateway.legible import LONGEST, decoded, plain, shortened, whole
from django_gateway.redaction import Redactor
from django_gateway.stores import Capacity
from django_gateway.stores.sqlite import SQLiteStore
from django_gateway.vocabulary import WORDS
from recorders import Recorded, connected, entries, recorded_process, scope, serve, serve_asgi

SECRET = "s3cr3t-Value"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


# Names


@pytest.mark.parametrize("part", SafeExceptionReporterFilter.hidden_settings.pattern.split("|"))
def test_what_django_hides_is_hidden(redactor: Redactor, part: str) -> None:
    for name in (part, part.lower(), f"MY_{part}_VALUE", f"x-{part.lower()}-y"):
        assert redactor.is_secret(name), name


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "HTTP_PROXY_AUTHORIZATION",
        "X-Api-Key",
        "x-amz-security-token",
        "X-Amz-Signature",
        "X-Amz-Credential",
        "sessionid",
        "PHPSESSIONID",
        "csrfmiddlewaretoken",
        "HTTP_X_CSRFTOKEN",
        "X-XSRF-TOKEN",
        "id_token",
        "access_token",
        "client_secret",
        "DATABASE_PASSWORD",
        "PGPASSWORD",
        "MYSQL_PWD",
        "SENTRY_DSN",
        "private_key",
        "otp",
        "jwt",
    ],
)
def test_names_that_hide_their_values(redactor: Redactor, name: str) -> None:
    assert redactor.is_secret(name)


@pytest.mark.parametrize(
    "name", ["HTTP_HOST", "User-Agent", "PATH_INFO", "wsgi.input", "Accept", "page", "Content-Type", "X-Request-ID"]
)
def test_names_that_do_not(redactor: Redactor, name: str) -> None:
    assert not redactor.is_secret(name)


def test_patterns_of_the_project_are_written_for_names_of_headers() -> None:
    redactor = Redactor(["IBAN", "^X-Customer"])
    assert redactor.headers([("x-customer-id", SECRET)]) == [("x-customer-id", HIDDEN)]
    assert redactor.environ({"HTTP_X_CUSTOMER_ID": SECRET}) == [("HTTP_X_CUSTOMER_ID", HIDDEN)]
    assert redactor.query(f"page=1&X-Customer-Id={SECRET}&iban={SECRET}&y=X-Customer") == (
        f"page=1&X-Customer-Id={HIDDEN}&iban={HIDDEN}&y=X-Customer"
    )
    assert not redactor.is_secret("MAX_CUSTOMERS")


# Forms of secrets


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("page=2&colour=orange", "page=2&colour=orange"),
        ("a=%20b&&=&c", "a=%20b&&=&c"),
        (f"a=1&token={SECRET}&b=2", f"a=1&token={HIDDEN}&b=2"),
        (f"to%6ben={SECRET}", f"to%6ben={HIDDEN}"),
        (f"token={SECRET}={SECRET}", f"token={HIDDEN}"),
        (f"next=/reset/%3Ftoken%3D{SECRET}", f"next={HIDDEN}"),
        (f"next=%252Freset%253Ftoken%253D{SECRET}&a=1", f"next={HIDDEN}&a=1"),
        (f"db=postgres%3A%2F%2Fada%3A{SECRET}%40db%2Fshop", f"db={HIDDEN}"),
        ("q=a=b", "q=a=b"),
        ("mail=ada%40example.org", "mail=ada%40example.org"),
        ("password", "password"),
    ],
)
def test_query_strings(redactor: Redactor, text: str, told: str) -> None:
    for _ in range(3):
        assert redactor.query(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("https://example.org/a?b=c#d", "https://example.org/a?b=c#d"),
        (f"/login/?next=/&token={SECRET}", f"/login/?next=/&token={HIDDEN}"),
        (
            f"https://app/cb#access_token={SECRET}&token_type=b",
            f"https://app/cb#access_token={HIDDEN}&token_type={HIDDEN}",
        ),
        (f"https://ada:{SECRET}@example.org/", f"https://{HIDDEN}@example.org/"),
        (f"https://{SECRET}@example.org", f"https://{HIDDEN}@example.org"),
        (f"redis://:{SECRET}@cache:6379/0", f"redis://{HIDDEN}@cache:6379/0"),
        (f"postgres://ada:p@{SECRET}@db/shop", f"postgres://{HIDDEN}@db/shop"),
        (f"postgres://ada:p/{SECRET}@db/shop", f"postgres://{HIDDEN}@db/shop"),
        (f"postgres://ada:p#{SECRET}?x@db/shop", f"postgres://{HIDDEN}@db/shop"),
        (f"a://u:{SECRET}@h, b://u:{SECRET}@h", f"a://{HIDDEN}@h, b://{HIDDEN}@h"),
        ("https://example.org:8000/users/ada@example.org", "https://example.org:8000/users/ada@example.org"),
        ("https://[::1]:8000/ada@example.org", "https://[::1]:8000/ada@example.org"),
        ("mailto:ada@example.org", "mailto:ada@example.org"),
        ("://@", f"://{HIDDEN}@"),
    ],
)
def test_urls(redactor: Redactor, text: str, told: str) -> None:
    assert redactor.url(text) == told
    for name in ("Referer", "location", "Refresh", "X-Original-URL"):
        assert redactor.headers([(name, text)]) == [(name, told)]
    for key in ("HTTP_REFERER", "RAW_URI", "REQUEST_URI", "DATABASE_URL"):
        assert redactor.environ({key: text}) == [(key, told)]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (("Cookie", f"sessionid={SECRET}; theme={SECRET}"), f"sessionid={HIDDEN}; theme={HIDDEN}"),
        (("Cookie", f"a={SECRET}={SECRET};b = {SECRET}"), f"a={HIDDEN}; b={HIDDEN}"),
        (("cookie", SECRET), HIDDEN),
        (("Cookie", f"a={SECRET}; {SECRET}"), f"a={HIDDEN}"),
        (("Set-Cookie", f"sessionid={SECRET}; Path=/; HttpOnly"), f"sessionid={HIDDEN}; Path=/; HttpOnly"),
        (("Set-Cookie", f"{SECRET}; Path=/"), HIDDEN),
        (("Authorization", f"Bearer {SECRET}"), f"Bearer {HIDDEN}"),
        (("authorization", f"Basic {SECRET}"), f"Basic {HIDDEN}"),
        (("Authorization", SECRET), HIDDEN),
        (("Authorization", f"{SECRET} {SECRET}"), HIDDEN),
        (("Proxy-Authorization", f"Digest username={SECRET}"), f"Digest {HIDDEN}"),
        (("X-Api-Key", SECRET), HIDDEN),
        (("X-Auth", f"Bearer {SECRET}"), HIDDEN),
    ],
)
def test_headers(redactor: Redactor, header: tuple[str, str], told: str) -> None:
    name, value = header
    assert redactor.headers([header]) == [(name, told)]
    assert redactor.headers([[name.encode(), value.encode()]]) == [(name, told)]
    if name.lower() != "set-cookie":
        key = f"HTTP_{name.upper().replace('-', '_')}"
        assert redactor.environ({key: value}) == [(key, told)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"user": "ada", "n": 1}', '{"user": "ada", "n": 1}'),
        (f'{{"password": "{SECRET}", "user": "ada"}}', f'{{"password": "{HIDDEN}", "user": "ada"}}'),
        (f'{{"password" : "a\\"{SECRET}", "n": 1}}', f'{{"password" : "{HIDDEN}", "n": 1}}'),
        (f'{{"tokens": ["{SECRET}", "{SECRET}"], "n": 1}}', f'{{"tokens": "{HIDDEN}", "n": 1}}'),
        (f'{{"credentials": {{"pin": "{SECRET}"}}, "n": 1}}', f'{{"credentials": "{HIDDEN}", "n": 1}}'),
        (f'{{"a": [{{"pass\\u0077ord": "{SECRET}"}}]}}', f'{{"a": [{{"pass\\u0077ord": "{HIDDEN}"}}]}}'),
        ('{"pin_token": 1234}', f'{{"pin_token": "{HIDDEN}"}}'),
        (f'{{"token": "{SECRET} cut o', f'{{"token": "{HIDDEN}"'),
        (f'{{"token": ["{SECRET}", {{"a": "{SECRET}', f'{{"token": "{HIDDEN}"'),
        (f"user=ada&password={SECRET}", f"user=ada&password={HIDDEN}"),
        (f'{{"url": "/a?token={SECRET}"}}', '{"url": "/a?token=' + HIDDEN),
    ],
)
def test_excerpts_of_messages(redactor: Redactor, text: str, told: str) -> None:
    assert redactor.excerpt(text, 1000) == told
    assert redactor.excerpt(text, 0) is None


def test_excerpts_are_cut_and_whatever_is_cut_off_stays_hidden(redactor: Redactor) -> None:
    text = json.dumps({"user": "ada", "session": {"id": SECRET, "more": [SECRET] * 3}, "n": 1})
    for limit in range(1, len(text) + 1):
        told = redactor.excerpt(text, limit)
        assert told is not None
        assert "s3cr3t" not in told
    assert redactor.excerpt("colour: orange", 6) == "colour"


def test_deep_json_is_no_trouble() -> None:
    text = '{"token": ' + "[" * 5_000
    assert concealment.json_members(text, lambda name: name == "token") == f'{{"token": "{HIDDEN}"'


def test_containers_are_searched_by_name(redactor: Redactor) -> None:
    given = {
        "state": {"db": {"password": SECRET, "host": "db"}, "token": 7, "debug": True},
        "session": {"user": SECRET},
        "cookies": {"theme": SECRET},
        "api_keys": [SECRET],
        "secret_bytes": SECRET.encode(),
        "pin_secret": 1234,
        "has_session": True,
        "session_object": object(),
    }
    told = {
        "state": {"db": {"password": HIDDEN, "host": "db"}, "token": HIDDEN, "debug": True},
        "session": HIDDEN,
        "cookies": HIDDEN,
        "api_keys": HIDDEN,
        "secret_bytes": HIDDEN,
        "pin_secret": HIDDEN,
        "has_session": True,
        "session_object": "<builtins.object>",
    }
    for _ in range(2):
        assert dict(redactor.scope(given)) == told
        assert dict(redactor.environ(given)) == told


# What is kept of the rest


def test_what_is_no_secret_arrives_as_it_came(redactor: Redactor) -> None:
    environ = {"PATH_INFO": "/caf\xc3\xa9", "wsgi.version": (1, 0), "wsgi.multithread": True, "n": 1.5, "none": None}
    assert redactor.environ(environ) == [
        ("PATH_INFO", "/caf\xc3\xa9"),
        ("wsgi.version", [1, 0]),
        ("wsgi.multithread", True),
        ("n", 1.5),
        ("none", None),
    ]


def test_what_is_seen_again_becomes_a_word() -> None:
    kept: list[Any] = []

    def keep(entry: Any) -> int:
        kept.append(entry)
        return 1000 + len(kept)

    redactor = Redactor((), keep)
    header = ("Content-Type", "text/html")
    assert redactor.headers([header]) == [header]
    assert redactor.headers([header]) == [1001]
    assert redactor.headers([header, ("Cookie", "a=b")]) == [1001, ("Cookie", f"a={HIDDEN}")]
    for _ in range(3):
        redactor.headers([("Cookie", "a=b"), ("X", "long" * 1000), ("N" * 1000, "long name")])
        redactor.environ({"HTTP_COOKIE": SECRET, "QUERY_STRING": f"token={SECRET}", "DSN": SECRET})
    assert kept == [header]


def test_long_values_are_cut_and_say_so(redactor: Redactor) -> None:
    ((name, value),) = redactor.headers([("X-Long", "a" * 61_440)])
    assert name == "X-Long"
    assert value == "a" * LONGEST + "… (61440 characters)"
    assert shortened("a" * LONGEST) == "a" * LONGEST


def test_a_cookie_of_60_kb_shows_names_alone(redactor: Redactor) -> None:
    ((_, value),) = redactor.headers([("Cookie", ";".join(f"c{n}={SECRET}" for n in range(4_000)))])
    assert SECRET not in value
    assert len(value) < 2 * LONGEST
    # Cut in the middle of a value: no piece of it may pass for a name.
    for length in range(LONGEST - 30, LONGEST + 30):
        ((_, value),) = redactor.headers([("Cookie", "a=" + "b" * (length - 20) + f";n={SECRET};m={SECRET}")])
        assert "s3cr3t" not in value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("\udcff\udc80", r"\xff\x80"),
        ("\ud800", r"\ud800"),
        ("ä\udcff", r"ä\xff"),
    ],
)
def test_text_that_no_encoding_takes(value: str, text: str) -> None:
    assert shortened(value) == text


def test_data_of_every_kind() -> None:
    def told(value: Any) -> Any:
        return plain(value, lambda name: False, HIDDEN)

    assert told([1, "a", b"\xff", None, True, 1.5]) == [1, "a", "\xff", None, True, 1.5]
    assert told({"a": {"b": {"c": {"d": 1}}}}) == {"a": {"b": {"c": "<builtins.dict>"}}}
    assert told(2**64) == "<builtins.int>"
    assert told(float("nan")) == "nan"
    assert told(range(3)) == "<builtins.range>"
    assert told(list(range(101)))[-1] == "… (101 items)"
    assert told({n: n for n in range(101)})["…"] == "(101 items)"
    assert decoded(bytearray(b"\xe9")) == "é"
    assert decoded(object()) == "<builtins.object>"
    assert [whole(value) for value in (200, True, -1, 2**31, "200", None, 1.0)] == [200, 1, *[None] * 5]


# Any environ and any scope


TEXTS = st.text(max_size=40) | st.text(st.characters(categories=["Cs", "Cc", "Ll"]), max_size=20)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary(max_size=20) | st.just(object())
    | st.builds(bytearray, st.binary(max_size=5)) | st.builds(set)
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
KEYS = st.sampled_from(
    ["REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_LENGTH", "CONTENT_TYPE", "REMOTE_ADDR", "REMOTE_PORT", "SERVER_SOFTWARE", "HTTP_COOKIE", "HTTP_AUTHORIZATION", "HTTP_REFERER", "wsgi.input", "wsgi.file_wrapper"]
)  # fmt: skip
SCOPE_KEYS = st.sampled_from(
    ["path", "raw_path", "query_string", "method", "client", "server", "headers", "root_path", "scheme", "http_version", "asgi", "extensions", "subprotocols", "state"]
)  # fmt: skip


class Spiteful:
    """Cannot be hashed, compared or shown."""

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __str__(self) -> str:
        raise RuntimeError("no words")

    def __repr__(self) -> str:
        return "Spiteful()"


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS | TEXTS, VALUES, max_size=12))
@example({"CONTENT_LENGTH": "9" * 30})
@example({"CONTENT_LENGTH": "٣"})
@example({"SERVER_SOFTWARE": ["a", "list"]})
@example({"x": Spiteful(), "HTTP_TOKEN": Spiteful()})
@example({"HTTP_X": "@://" + ":" * 60_000})
def test_any_environ_is_recorded_and_left_alone(environ: dict[str, Any]) -> None:
    before = list(environ.items())

    def application(given: Any, start_response: Any) -> Any:
        assert given is environ
        start_response("200 OK", [])
        return [b"answer"]

    recorded = Recorded()
    with recorders.strictly():
        answered = serve(recorded.wsgi(application), environ)
        if answered.error is not None:
            raise answered.error
    assert answered.body == b"answer"
    assert all(a is b for x, y in zip(before, environ.items(), strict=True) for a, b in zip(x, y, strict=True))
    json.dumps(document(recorded.only), allow_nan=False)
    msgspec.json.encode(recorded.only)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(SCOPE_KEYS | TEXTS | st.integers() | st.binary(max_size=9), VALUES, max_size=12))
@example({"path": "/", "headers": [(b"x", b"y"), (b"cookie",), None, 3, ["a", Spiteful()]]})
@example({"path": "/\ud800", "client": (Spiteful(), 1), "state": {"a": Spiteful()}})
async def test_any_scope_is_recorded_and_left_alone(scope: dict[Any, Any]) -> None:
    scope["type"] = "http"
    before = list(scope.items())

    async def application(given: Any, receive: Any, send: Any) -> None:
        assert given is scope
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answer"})

    recorded = Recorded()
    with recorders.strictly():
        connection = await serve_asgi(recorded.asgi(application), scope)
        connection.task.result()
    assert connection.body == b"answer"
    assert all(a is b for x, y in zip(before, scope.items(), strict=True) for a, b in zip(x, y, strict=True))
    json.dumps(document(recorded.only), allow_nan=False)


@given(TEXTS, st.booleans())
def test_a_secret_header_never_tells_its_value(value: str, hint: bool) -> None:
    redactor = Redactor()
    secret = f"{value}{SECRET}"
    told = repr(redactor.headers([("X-Token", secret), ("Authorization", f"Bearer {secret}" if hint else secret)]))
    assert SECRET not in told


@given(st.lists(st.tuples(st.sampled_from(["a", "token", "next", "%74oken"]), TEXTS), max_size=6))
def test_a_query_keeps_everything_but_secrets(fields: list[tuple[str, str]]) -> None:
    pairs = [(name, quote(value.encode("utf-8", "replace"))) for name, value in fields]
    query = "&".join(f"{name}={value}" for name, value in pairs)
    told = Redactor().query(query)
    for (name, value), field in zip(pairs, told.split("&"), strict=False):
        assert field in (f"{name}={HIDDEN}", f"{name}={value}")
        assert ("oken" in name) == (field == f"{name}={HIDDEN}")


# Linear work


def cost(work: Callable[[], Any]) -> float:
    """CPU time of the best of some rounds, in seconds."""
    found = []
    for _ in range(5):
        before = time.thread_time()
        work()
        found.append(time.thread_time() - before)
    return min(found)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: [("X-Same", f"value {i}") for i in range(n)],
        lambda n: [["X-List", f"value {i}"] for i in range(n)],
        lambda n: [("X-One", "://:" * n + "@")],
        lambda n: [("X-One", "@" + "://u:" * n)],
        lambda n: [("X-One", "@ ?" + "a=b&" * n)],
        lambda n: [("X-One", "@" + " ://a:b@c" * n)],
        lambda n: [("Cookie", "a=b; " * n)],
        lambda n: [("Location", "?" + "token=1&" * n + "#" * n)],
    ],
    ids=range(8),
)
def test_work_grows_with_the_headers(make: Callable[[int], Any]) -> None:
    """Tenfold input, tenfold work; a hundredfold would be the square."""
    small, large = make(1_000), make(10_000)
    assert cost(lambda: Redactor().headers(large)) < 35 * cost(lambda: Redactor().headers(small)) + 0.01


def test_work_grows_with_an_excerpt() -> None:
    def excerpt(n: int) -> Any:
        return Redactor().excerpt('{"token": [' * n, 10**9)

    assert cost(lambda: excerpt(10_000)) < 35 * cost(lambda: excerpt(1_000)) + 0.01


def test_tables_are_bounded() -> None:
    redactor = Redactor()
    for n in range(5_000):
        redactor.is_secret(f"name {n}")
        redactor.query(f"a={n}")
        redactor.headers([(f"X-{n}", "v")] * 2)
    redactor.is_secret("long" * 10_000)
    for table in (redactor._secret, redactor._innocent, redactor._once, redactor._headers):
        assert len(table) <= 4_100
    assert max(map(len, redactor._secret)) <= 512


# Planted secrets, searched for in everything that is kept


def leaks(request: HttpRequest, password: str) -> HttpResponse:
    response = HttpResponse("fine")
    response["Location"] = f"https://ada:{SECRET}@example.org/#access_token={SECRET}"
    response["X-Api-Key"] = SECRET
    response.set_cookie("sessionid", SECRET)
    response.set_cookie("theme", SECRET)
    return response


urlpatterns = [path("leaks/<slug:password>", leaks)]


def planted_environ() -> dict[str, Any]:
    return recorders.environ(
        "/leaks/word",
        f"page=1&token={SECRET}&next=%2F%3Fapi_key%3D{SECRET}",
        HTTP_COOKIE=f"sessionid={SECRET}; theme={SECRET}",
        HTTP_AUTHORIZATION=f"Basic {SECRET}",
        HTTP_REFERER=f"https://testserver/?password={SECRET}",
        HTTP_X_CSRFTOKEN=SECRET,
        DATABASE_URL=f"postgres://ada:{SECRET}@db/shop",
        DJANGO_SECRET_KEY=SECRET,
        SMTP_PASSWORD=SECRET,
        REQUEST_URI=f"/leaks/?token={SECRET}",
        state={"session": {"user": SECRET}},
    )


def stored_bytes(folder: Path) -> bytes:
    files = sorted(folder.glob("exchanges.sqlite3*"))
    assert {file.suffix for file in files} >= {".sqlite3", ".sqlite3-wal"}
    return b"".join(file.read_bytes() for file in files)


def kept_somewhere(recorded: Recorded, store: SQLiteStore, folder: Path) -> bytes:
    """The bytes of every file of the store, and of every document, of what was recorded."""
    exchanges = recorded.exchanges
    assert exchanges
    store.write([store.pack(exchange) for exchange in exchanges])
    documents = json.dumps([document(exchange) for exchange in exchanges], ensure_ascii=False).encode()
    return stored_bytes(folder) + documents


@pytest.fixture
def store(tmp_path: Path) -> SQLiteStore:
    return SQLiteStore(tmp_path / "exchanges.sqlite3", Capacity())


def test_no_secret_of_a_wsgi_request_is_kept(store: SQLiteStore, tmp_path: Path) -> None:
    with override_settings(ROOT_URLCONF=__name__), recorded_process() as recorded:
        from django.core.handlers.wsgi import WSGIHandler

        # Often enough that everything that repeats has become a word.
        for _ in range(4):
            answered = serve(recorded.wsgi(WSGIHandler()), planted_environ())
            assert answered.status == "200 OK"
            assert any(SECRET in value for _, value in answered.headers)
    kept = kept_somewhere(recorded, store, tmp_path)
    assert SECRET.encode() not in kept
    assert quote(SECRET).encode() not in kept
    assert SECRET not in repr([WORDS.word(number) for number in range(256, 256 + len(WORDS.words))])
    exchange = recorded.exchanges[-1]
    assert exchange.match is not None
    assert exchange.match.arguments == [f"password={HIDDEN}"]
    assert entries(exchange)["HTTP_COOKIE"] == f"sessionid={HIDDEN}; theme={HIDDEN}"
    assert b"page=1" in kept


async def test_no_secret_of_an_asgi_request_is_kept(store: SQLiteStore, tmp_path: Path) -> None:
    headers = [
        (b"host", b"testserver"),
        (b"cookie", f"sessionid={SECRET}".encode()),
        (b"cookie", f"theme={SECRET}".encode()),
        (b"authorization", f"Bearer {SECRET}".encode()),
        (b"referer", f"https://testserver/?token={SECRET}".encode()),
        (b"x-api-key", SECRET.encode()),
    ]
    given = scope(
        "/leaks/word",
        f"token={SECRET}",
        headers=headers,
        raw_path=f"/leaks/word?token={SECRET}".encode(),
        state={"db_password": SECRET},
        session={"user": SECRET},
    )
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[]), recorded_process() as recorded:
        from django.core.handlers.asgi import ASGIHandler

        for _ in range(4):
            connection = await serve_asgi(recorded.asgi(ASGIHandler()), given)
            assert connection.status == 200
    kept = kept_somewhere(recorded, store, tmp_path)
    assert SECRET.encode() not in kept
    assert given["headers"] is headers
    assert SECRET in repr(given)


async def test_no_secret_of_a_message_is_kept(store: SQLiteStore, tmp_path: Path) -> None:
    texts = [json.dumps({"token": SECRET, "text": "hello"}), f"user=ada&password={SECRET}"]
    recorded = Recorded(body_bytes=1000)

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"set-cookie", f"sessionid={SECRET}".encode())]})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})

    messages = [{"type": "websocket.receive", kind: text} for text in texts for kind, text in
                (("text", text), ("bytes", text.encode()))]  # fmt: skip
    connect, disconnect = {"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}
    async with connected(recorded.asgi(echo), scope(type="websocket"), connect, *messages, disconnect) as client:
        await client.task
    kept = kept_somewhere(recorded, store, tmp_path)
    assert SECRET.encode() not in kept
    assert SECRET.encode().hex(" ").encode() not in kept
    assert b"hello" in kept


def test_a_traceback_keeps_no_local_variable(store: SQLiteStore, tmp_path: Path) -> None:
    def application(environ: Any, start_response: Any) -> Any:
        password = environ["HTTP_X_PASSWORD"]
        raise ValueError(f"{len(password)} characters")

    recorded = Recorded()
    serve(recorded.wsgi(application), recorders.environ(HTTP_X_PASSWORD=SECRET))
    kept = kept_somewhere(recorded, store, tmp_path)
    assert SECRET.encode() not in kept
    assert b"12 characters" in kept


def test_what_is_not_hidden() -> None:
    """The documentation says so: a path, an exception's message and a line of code have no names to go by."""

    def application(environ: Any, start_response: Any) -> Any:
        raise ValueError("s3cr3t-Value")

    recorded = Recorded()
    serve(recorded.wsgi(application), recorders.environ(f"/reset/{SECRET}"))
    exchange = recorded.only
    assert exchange.path == f"/reset/{SECRET}"
    assert exchange.failure is not None
    assert exchange.failure.message == SECRET
    assert SECRET in exchange.failure.frames[-1].code


def test_the_file_is_searched_as_it_lies(store: SQLiteStore, tmp_path: Path) -> None:
    """The test above would see a secret if one were there."""
    recorded = Recorded()
    serve(recorded.wsgi(lambda environ, start_response: [b""]), recorders.environ(f"/{SECRET}"))
    assert SECRET.encode() in kept_somewhere(recorded, store, tmp_path)
    with sqlite3.connect(tmp_path / "exchanges.sqlite3") as connection:
        assert connection.execute("SELECT COUNT(*) FROM exchange").fetchone() == (1,)
    connection.close()
