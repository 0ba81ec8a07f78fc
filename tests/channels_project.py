"""A project on Channels, as tests record it: routers, a layer of its own, a consumer of each kind."""

from __future__ import annotations

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.consumer import AsyncConsumer, SyncConsumer
from channels.exceptions import StopConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.handlers.asgi import ASGIHandler
from django.urls import path as views_path

import recorders
from django_gateway import phases
from django_gateway.exchange import Exchange
from recorders import Recorded, connected

#: Channels routes to ASGI applications with Django's path(), which is typed for views.
path: Any = views_path


class Talking(AsyncConsumer):
    """Joins a group, tells it what it hears, says what the group is told."""

    async def websocket_connect(self, message: Any) -> None:
        await self.channel_layer.group_add("room", self.channel_name)
        await self.send({"type": "websocket.accept"})

    async def websocket_receive(self, message: Any) -> None:
        if message["text"] == "fail":
            raise LookupError("as asked")
        if message["text"] == "alone":
            await self.channel_layer.send(self.channel_name, {"type": "talk.heard", "text": "alone"})
        else:
            await self.channel_layer.group_send("room", {"type": "talk.heard", "text": message["text"]})

    async def talk_heard(self, message: Any) -> None:
        await self.send({"type": "websocket.send", "text": message["text"]})

    async def websocket_disconnect(self, message: Any) -> None:
        await self.channel_layer.group_discard("room", self.channel_name)
        raise StopConsumer


class Blocking(SyncConsumer):
    def websocket_connect(self, message: Any) -> None:
        self.send({"type": "websocket.accept"})

    def websocket_receive(self, message: Any) -> None:
        self.send({"type": "websocket.send", "text": message["text"]})

    def websocket_disconnect(self, message: Any) -> None:
        raise StopConsumer


class Tagging:
    """A project's own layer: nothing of Channels' in it."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        return await self.inner(dict(scope, tag="tagged", api_token="sesame"), receive, send)


def application() -> Any:
    inner = URLRouter([path("<slug:room>/", Talking.as_asgi()), path("sync/", Blocking.as_asgi())])
    return ProtocolTypeRouter(
        {
            "http": ASGIHandler(),
            "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(Tagging(URLRouter([path("ws/", inner)])))),
        }
    )


async def talked(recorded: Recorded, where: str, *texts: str, made: Any = None) -> Exchange:
    scope = recorders.scope(
        where, type="websocket", headers=[(b"host", b"testserver"), (b"origin", b"http://testserver")]
    )
    async with connected(recorded.asgi(made or application()), scope, {"type": "websocket.connect"}) as connection:
        for number, text in enumerate(texts, 1):
            await connection.wait_sent(number)
            connection.put({"type": "websocket.receive", "text": text})
        await connection.wait_sent(len(texts) + 1)
        connection.put({"type": "websocket.disconnect", "code": 1001})
        await recorders.until_async(connection.task.done)
    return recorded.exchanges[-1]


def events(exchange: Exchange, name: str) -> list[dict[str, Any]]:
    return [happening.fields for happening in phases.happenings(exchange) if happening.name == name]
