"""An ASGI checker around and inside the recorder, on every view and consumer of the test project."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.handlers.asgi import ASGIHandler

import recorders
from addresses import ADDRESSES, Address
from asgi_validator import Validator, compare
from chat.routing import websocket_urlpatterns
from recorders import DISCONNECT, Connection, connected, raised, recorded_process, serve_asgi
from test_wsgi_validator import steady

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators:Warning"),
    pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
]


@pytest.fixture(autouse=True)
def leftovers(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What Django leaves to the collector, with the recorder as without, is collected here and surprises nobody.

    That is a request's body where a stream fails, and connections to a database in memory, which it never closes.
    """
    yield
    address = request.node.callspec.params.get("address") if hasattr(request.node, "callspec") else None
    if address is None or address.breaks_off or address.path.startswith(("/chat/", "/admin/", "/login/", "/account/")):
        caplog.clear()
        gc.collect()


def project() -> Any:
    """As testproject.asgi, its chain built now."""
    websockets = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
    return ProtocolTypeRouter({"http": ASGIHandler(), "websocket": websockets})


async def ask(application: Any, address: Address) -> Connection:
    return await serve_asgi(application, recorders.scope(**address.scope()), address.body)


def answer(connection: Connection) -> dict[str, Any]:
    changing = {b"Set-Cookie", b"Last-Modified", b"Expires"}
    headers: list[tuple[bytes, bytes]] = next(
        (m["headers"] for m in connection.sent if m["type"] == "http.response.start"), []
    )
    error = raised(connection)
    return {
        "status": connection.status,
        "headers": sorted(header for header in headers if header[0] not in changing),
        "messages": [message["type"] for message in connection.sent],
        "chunks": [steady(message.get("body", b"")) for message in connection.sent],
        "error": None if error is None else (type(error), error.args),
    }


@pytest.mark.parametrize("address", ADDRESSES, ids=str)
async def test_nothing_to_say_of_http(address: Address) -> None:
    bare = await ask(project(), address)
    with recorded_process() as recorded:
        inner = Validator(project())
        outer = Validator(recorded.asgi(inner))
        connection = await ask(outer, address)
    assert answer(connection) == answer(bare)
    assert connection.status == address.status
    assert outer.complaints + inner.complaints == []
    assert compare(outer, inner) == []
    exchange = recorded.only
    assert exchange.status == address.status
    assert exchange.sizes.body_bytes == len(connection.body)
    assert exchange.sizes.request_bytes == len(address.body)


#: Path, query, how many messages answer the handshake, and what is then said, each with one answer.
CONVERSATIONS: list[tuple[str, str, int, list[dict[str, Any]]]] = [
    ("/ws/echo/", "", 1, [{"text": "schön"}, {"bytes": b"\x00\xff"}, {"text": "close 4001 had enough"}]),
    ("/ws/echo/", "refuse", 1, []),
    ("/ws/echo/", "", 1, [{"text": "raise"}]),
    # The room says who has come in.
    ("/ws/chat/lobby/", "", 2, [{"text": '{"text": "hello"}'}]),
    ("/ws/nowhere/", "", 1, []),
]


async def converse(application: Any, path: str, query: str, greeting: int, texts: list[dict[str, Any]]) -> Connection:
    async with connected(application, recorders.scope(path, query, type="websocket", subprotocols=["echo"])) as client:
        client.put({"type": "websocket.connect"})
        await client.wait_sent(greeting)
        for number, text in enumerate(texts, greeting + 1):
            client.put({"type": "websocket.receive", **text})
            await client.wait_sent(number)
        if not any(message["type"] == "websocket.close" for message in client.sent):
            client.put({"type": "websocket.disconnect", "code": 1001})
    return client


@pytest.mark.parametrize(("path", "query", "greeting", "texts"), CONVERSATIONS)
async def test_nothing_to_say_of_websockets(path: str, query: str, greeting: int, texts: list[dict[str, Any]]) -> None:
    bare = await converse(project(), path, query, greeting, texts)
    with recorded_process() as recorded:
        inner = Validator(project())
        outer = Validator(recorded.asgi(inner))
        client = await converse(outer, path, query, greeting, texts)
    assert client.sent == bare.sent
    assert outer.complaints + inner.complaints == []
    assert compare(outer, inner) == []
    assert recorded.only.type == "websocket"
    assert recorded.only.sizes.sent == sum(message["type"] == "websocket.send" for message in client.sent)


async def test_nothing_to_say_of_lifespan() -> None:
    """Channels and Django know none, and say so by raising: the server gets that very exception."""
    with recorded_process() as recorded:
        inner = Validator(project())
        outer = Validator(recorded.asgi(inner))
        connection = Connection(outer, {"type": "lifespan", "asgi": {"version": "3.0"}}, {"type": "lifespan.startup"})
        with pytest.raises(ValueError, match="lifespan"):
            await connection.task
    assert outer.complaints + inner.complaints == []
    assert compare(outer, inner) == []
    assert recorded.only.failure is not None


async def test_a_client_that_leaves_a_stream() -> None:
    request = recorders.scope("/streams/async/", "count=1000&ms=1000")
    with recorded_process() as recorded:
        inner = Validator(project())
        outer = Validator(recorded.asgi(inner))
        async with connected(outer, request, recorders.REQUEST) as client:
            await client.wait_sent(2)
            client.put(DISCONNECT)
            await recorders.until_async(client.task.done)
        assert raised(client) is None
    assert outer.complaints + inner.complaints == []
    assert compare(outer, inner) == []
    exchange = recorded.only
    assert exchange.sizes.chunks == 1
    assert "http.disconnect" in recorders.names(exchange)
    assert exchange.failure is None


# The checker itself


async def test_the_checker_finds_what_is_wrong() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.body", "body": "text"})
        await send({"type": "http.response.start", "status": "200", "headers": [("a", b"b"), (b":path", b"/")]})

    validator = Validator(application)
    await serve_asgi(validator, recorders.scope(headers=[(b"Host", b"upper")], client=["127.0.0.1", "51514"]))
    assert validator.complaints == [
        "names of headers are in lower case",
        "client is a host and a port",
        "http.response.start comes first",
        "body is bytes",
        "http.response.start after the last http.response.body",
        "status is an int",
        "headers are bytes",
        "there are no pseudo headers",
    ]
