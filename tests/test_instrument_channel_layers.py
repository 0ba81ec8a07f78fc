"""Operations of a channel layer inside an exchange: in memory, and in a Redis of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer, channel_layers
from channels.routing import ProtocolTypeRouter
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.test import override_settings

import recorders
from channels_project import talked
from django_gateway.document import document
from recorders import recorded_process, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own, at a socket in a folder of its own."""
    folder = tmp_path_factory.mktemp("redis")
    address = f"{folder}/redis.sock"
    process = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", address, "--save", "", "--dir", folder],
        stdout=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(address)
                connection.sendall(b"PING\r\n")
                return connection.recv(64) == b"+PONG\r\n"
        except OSError:
            return False

    until(answers, "Redis did not start")
    yield f"unix://{address}"
    os.kill(process.pid, signal.SIGTERM)
    process.wait()


@pytest.fixture(params=["memory", "redis", "redis pubsub"])
def layer(request: pytest.FixtureRequest) -> Iterator[type]:
    kind = {"memory": InMemoryChannelLayer, "redis": RedisChannelLayer, "redis pubsub": RedisPubSubChannelLayer}[
        request.param
    ]
    backend: dict[str, Any] = {"BACKEND": f"{kind.__module__}.{kind.__qualname__}"}
    if kind is not InMemoryChannelLayer:
        backend["CONFIG"] = {"hosts": [request.getfixturevalue("redis")]}
    with override_settings(CHANNEL_LAYERS={"default": backend}):
        yield kind


async def test_operations_of_a_channel_layer(layer: type) -> None:
    with recorded_process() as recorded:
        exchange = await talked(recorded, "/ws/lobby/", "hello", "alone")
        made = channel_layers["default"]
        assert type(made) is layer
        if hasattr(made, "close_pools"):
            await made.close_pools()
    operations = document(exchange)["channels"]["operations"]
    assert [each["operation"] for each in operations] == [
        "group_add",
        "group_send",
        "receive",
        "send",
        "receive",
        "group_discard",
    ]
    assert [each["group"] for each in operations] == ["room", "room", None, None, None, "room"]
    assert [each["type"] for each in operations] == [None, *["talk.heard"] * 4, None]
    assert all(each["exception"] is None for each in operations)
    assert all(each["ms"] is not None for each in operations if each["operation"] != "receive")
    assert operations[3]["channel"] == operations[2]["channel"]
    # A part of it is not told as if the project had asked for it.
    assert len(operations) == 6


async def test_a_view_that_tells_a_group_is_seen_too() -> None:
    async def view(scope: Any, receive: Any, send: Any) -> None:
        await channel_layers["default"].group_send("nobody", {"type": "talk.heard"})
        await channel_layers["default"].send("full", {"type": "talk.heard"})
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    layer = {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 1}}
    with override_settings(CHANNEL_LAYERS={"default": layer}), recorded_process() as recorded:
        wrapped = recorded.asgi(ProtocolTypeRouter({"http": view}))
        await recorders.serve_asgi(wrapped)
        connection = await recorders.serve_asgi(wrapped)
    assert type(recorders.raised(connection)).__name__ == "ChannelFull"
    first, second = (document(exchange)["channels"]["operations"] for exchange in recorded.exchanges)
    assert [(each["operation"], each["exception"]) for each in first] == [("group_send", None), ("send", None)]
    assert [(each["operation"], each["exception"]) for each in second] == [
        ("group_send", None),
        ("send", "ChannelFull"),
    ]
