"""Any environ and any scope is recorded, and left alone."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

import recorders
from django_gateway.concealment import HIDDEN
from django_gateway.document import document
from django_gateway.redaction import Redactor
from recorders import Recorded, serve, serve_asgi

SECRET = "s3cr3t-Value"


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
