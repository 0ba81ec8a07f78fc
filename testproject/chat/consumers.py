from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer

from .models import Message

LONGEST_ROOM = 60
BAD_MESSAGE = 4400
NO_SUCH_ROOM = 4404


class ChatConsumer(AsyncJsonWebsocketConsumer):
    """Sends what one member of a room says to all of them, and keeps it.

    In: ``{"text": …}`` with an optional ``name``. Out: ``{"type": "said" | "joined" | "left", "name": …, "text": …}``.
    A message of another shape ends the connection with code 4400.
    """

    async def connect(self) -> None:
        self.room = self.scope["url_route"]["kwargs"]["room"]
        self.group = f"chat.{self.room}"
        user = self.scope["user"]
        self.name = (user and user.get_username()) or "guest"
        self.joined = len(self.room) <= LONGEST_ROOM
        await self.accept()
        if not self.joined:
            await self.close(NO_SUCH_ROOM, "no such room")
            return
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.tell("joined")

    async def disconnect(self, code: int) -> None:
        if self.joined:
            await self.channel_layer.group_discard(self.group, self.channel_name)
            await self.tell("left")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        try:
            content = await self.decode_json(text_data or "")
            text = content["text"].strip()[:500]
            name = content.get("name", self.name).strip()[:60]
        except (ValueError, TypeError, KeyError, AttributeError):
            await self.close(BAD_MESSAGE, "expected JSON with a text")
            return
        self.name = name or self.name
        if text:
            await Message.objects.acreate(room=self.room, name=self.name, text=text)
            await self.tell("said", text)

    async def tell(self, what: str, text: str = "") -> None:
        await self.channel_layer.group_send(
            self.group, {"type": "chat.event", "event": {"type": what, "name": self.name, "text": text}}
        )

    async def chat_event(self, message: dict[str, Any]) -> None:
        await self.send_json(message["event"])


class EchoConsumer(AsyncWebsocketConsumer):
    """Sends back what it gets, text as text and bytes as bytes, with three words that do something else.

    ``close 4001 because`` closes with that code and reason, ``raise`` fails, and ``?refuse`` in the address turns
    the handshake down. Of the subprotocols offered, ``echo`` is taken.
    """

    async def connect(self) -> None:
        if self.scope["query_string"] == b"refuse":
            await self.close()
            return
        await self.accept("echo" if "echo" in self.scope["subprotocols"] else None)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        match (text_data or "").split(" ", 2):
            case ["close", code, *reason] if code.isascii() and code.isdigit():
                await self.close(int(code), " ".join(reason) or None)
            case ["raise"]:
                raise RuntimeError("raised by the echo consumer, as asked")
            case _:
                await self.send(text_data=text_data, bytes_data=bytes_data)
