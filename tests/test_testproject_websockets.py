"""The test project's consumers by themselves, through its whole ASGI application."""

from __future__ import annotations

from typing import Any, cast

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.test import Client

from chat.models import Message
from testproject.asgi import application

# Each closes the database connections it finds, as every consumer does, and the chat's write to the database.
sockets = pytest.mark.django_db(transaction=True)


async def connected(path: str, **options: Any) -> WebsocketCommunicator:
    communicator = WebsocketCommunicator(application, path, **options)
    accepted, _ = await communicator.connect(timeout=10)
    assert accepted
    return communicator


async def received(communicator: WebsocketCommunicator, what: str) -> dict[str, str]:
    """The next message of that type."""
    while True:
        message = await communicator.receive_json_from(timeout=10)
        if message["type"] == what:
            return cast("dict[str, str]", message)


@sockets
async def test_chat_reaches_everybody_in_the_room_and_nobody_else() -> None:
    ada = await connected("/ws/chat/lobby/")
    await received(ada, "joined")
    grace = await connected("/ws/chat/lobby/")
    await received(ada, "joined")
    await received(grace, "joined")
    other = await connected("/ws/chat/attic/")
    await received(other, "joined")
    await ada.send_json_to({"text": "  hello ", "name": "Ada"})
    said = {"type": "said", "name": "Ada", "text": "hello"}
    assert await received(ada, "said") == said
    assert await received(grace, "said") == said
    assert await other.receive_nothing()
    await ada.disconnect()
    assert await received(grace, "left") == {"type": "left", "name": "Ada", "text": ""}
    await grace.disconnect()
    await other.disconnect()
    message = await Message.objects.aget()
    assert (message.room, str(message)) == ("lobby", "Ada: hello")


@sockets
async def test_chat_knows_who_is_signed_in(client: Client) -> None:
    user = await User.objects.acreate_user("ada", password="engine")
    await database_sync_to_async(client.force_login)(user)
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    communicator = await connected("/ws/chat/lobby/", headers=[(b"cookie", cookie)])
    assert (await received(communicator, "joined"))["name"] == "ada"
    await communicator.disconnect()


@sockets
@pytest.mark.parametrize("text", ["not json", "[]", "7", '{"text": 7}', '{"name": "a"}', '{"text": "a", "name": null}'])
async def test_chat_closes_on_what_it_does_not_understand(text: str) -> None:
    communicator = await connected("/ws/chat/lobby/")
    await communicator.send_to(text_data=text)
    while (message := await communicator.receive_output(timeout=10))["type"] == "websocket.send":
        pass
    assert (message["type"], message["code"]) == ("websocket.close", 4400)
    await communicator.disconnect(4400)


@sockets
async def test_chat_closes_on_bytes() -> None:
    communicator = await connected("/ws/chat/lobby/")
    await received(communicator, "joined")
    await communicator.send_to(bytes_data=b"\xff")
    assert (await communicator.receive_output(timeout=10))["code"] == 4400
    await communicator.disconnect(4400)


@sockets
async def test_chat_knows_no_room_with_so_long_a_name() -> None:
    communicator = await connected(f"/ws/chat/{'a' * 61}/")
    assert (await communicator.receive_output(timeout=10))["code"] == 4404
    await communicator.disconnect(4404)


@sockets
async def test_echo_gives_text_and_bytes_back() -> None:
    communicator = await connected("/ws/echo/")
    await communicator.send_to(text_data="schön")
    assert await communicator.receive_from(timeout=10) == "schön"
    await communicator.send_to(bytes_data=b"\x00\xff")
    assert await communicator.receive_from(timeout=10) == b"\x00\xff"
    await communicator.disconnect()


@sockets
@pytest.mark.parametrize(
    ("text", "closing"),
    [
        ("close 4001", {"type": "websocket.close", "code": 4001}),
        ("close 4001 had enough", {"type": "websocket.close", "code": 4001, "reason": "had enough"}),
    ],
)
async def test_echo_closes_when_told(text: str, closing: dict[str, Any]) -> None:
    communicator = await connected("/ws/echo/")
    await communicator.send_to(text_data=text)
    assert await communicator.receive_output(timeout=10) == closing
    await communicator.disconnect(4001)


@sockets
async def test_echo_raises_when_told() -> None:
    communicator = await connected("/ws/echo/")
    await communicator.send_to(text_data="raise")
    with pytest.raises(RuntimeError, match="as asked"):
        await communicator.wait(timeout=10)


@sockets
async def test_echo_refuses_when_asked() -> None:
    communicator = WebsocketCommunicator(application, "/ws/echo/?refuse")
    assert await communicator.connect(timeout=10) == (False, 1000)


@sockets
async def test_echo_takes_its_subprotocol() -> None:
    communicator = WebsocketCommunicator(application, "/ws/echo/", subprotocols=["other", "echo"])
    assert await communicator.connect(timeout=10) == (True, "echo")
    await communicator.disconnect()
