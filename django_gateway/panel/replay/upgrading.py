"""A WebSocket of our own to the served address: opened, listened to for a moment, closed with 1000 (RFC 6455)."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import struct
import time
from dataclasses import dataclass
from typing import Final

from .request import Plan
from .sending import ReplayError, Target, connect, host_of

#: Seconds that are listened for after the last frame came, and in all.
PAUSE: Final = 0.4
LONGEST: Final = 3.0
#: Bytes of the answer's head, and of frames, that are read.
MOST: Final = 1024 * 1024
#: Operations of frames (RFC 6455, 5.2).
TEXT: Final = 0x1
CLOSE: Final = 0x8
PING: Final = 0x9
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NORMAL: Final = struct.pack("!H", 1000)


@dataclass(frozen=True)
class Conversation:
    #: What the handshake was answered with: 101 where it was accepted.
    status: int
    #: Frames that came, of any kind.
    frames: int


def converse(target: Target, plan: Plan, say: str = "") -> Conversation:
    """Opens a WebSocket at the plan's target and closes it again. ``say`` is sent as one text message, "" for none.

    Its Origin is the served address itself, as that of a page of the project would be. Raises ReplayError.
    """
    if plan.impossible:
        raise ReplayError(plan.impossible)
    connection = connect(target)
    try:
        stream = connection.sock
        stream.settimeout(LONGEST)
        status, rest = _shake(stream, target, plan)
        if status != 101:
            return Conversation(status, 0)
        stream.sendall(frame(PING, b"learning"))
        if say:
            stream.sendall(frame(TEXT, say.encode()))
        frames = _listen(stream, rest)
        stream.sendall(frame(CLOSE, _NORMAL))
        _drain(stream)
        return Conversation(status, frames)
    except OSError as error:
        raise ReplayError(f"The WebSocket could not be opened ({type(error).__name__}: {error}).") from error
    finally:
        connection.close()


def frame(operation: int, payload: bytes) -> bytes:
    """One whole frame as a client sends it: masked, of at most 65,535 bytes."""
    mask = os.urandom(4)
    size = len(payload)
    head = bytes((0x80 | operation, 0x80 | size)) if size < 126 else struct.pack("!BBH", 0x80 | operation, 0xFE, size)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


def count(data: bytes) -> int:
    """Of whole frames at the beginning of what a server sent."""
    found = at = 0
    while at + 2 <= len(data):
        size, start = data[at + 1] & 0x7F, at + 2
        wide = {126: 2, 127: 8}.get(size, 0)
        if wide:
            size, start = int.from_bytes(data[start : start + wide], "big"), start + wide
        if start + size > len(data):
            break
        found, at = found + 1, start + size
    return found


def _shake(stream: socket.socket, target: Target, plan: Plan) -> tuple[int, bytes]:
    """The status of the answer to the handshake, and what came behind its head."""
    host, key = host_of(target), base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {plan.target} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        f"Origin: {'https' if target.tls else 'http'}://{host}",
        *(f"{name}: {value}" for name, value in plan.headers),
    ]
    stream.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
    data = b""
    while b"\r\n\r\n" not in data and len(data) < MOST and (part := stream.recv(65_536)):
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *fields = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        raise ReplayError("The handshake was not answered in HTTP.")
    told = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    wanted = base64.b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()).decode()
    if words[1] == "101" and told.get("sec-websocket-accept") != wanted:
        raise ReplayError("The handshake was answered with another key than it asked with.")
    return int(words[1]), rest


def _listen(stream: socket.socket, data: bytes) -> int:
    # The ping is answered in any case.
    end = time.monotonic() + LONGEST
    stream.settimeout(LONGEST)
    try:
        while time.monotonic() < end and len(data) < MOST and (part := stream.recv(65_536)):
            data += part
            stream.settimeout(PAUSE)
    except TimeoutError:
        pass
    return count(data)


def _drain(stream: socket.socket) -> None:
    """Until the other side has closed too: a connection that is dropped before would be recorded as one that broke."""
    stream.settimeout(LONGEST)
    end, read = time.monotonic() + LONGEST, 0
    try:
        while time.monotonic() < end and read < MOST and (part := stream.recv(65_536)):
            read += len(part)
    except OSError:
        pass
