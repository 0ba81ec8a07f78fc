"""A small drawing for each step: boxes in the colours of the places, and arrows. Units are pixels at full size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Box:
    x: int
    y: int
    width: int
    text: str
    place: str
    #: A quieter second line.
    sub: str = ""
    #: Pale: it waits.
    pale: bool = False

    @property
    def height(self) -> int:
        return 44 if self.sub else 30

    @property
    def middle(self) -> int:
        return self.x + self.width // 2


@dataclass(frozen=True)
class Arrow:
    x1: int
    y1: int
    x2: int
    y2: int
    text: str = ""
    both: bool = False

    @property
    def at(self) -> tuple[int, int]:
        return (self.x1 + self.x2) // 2, (self.y1 + self.y2) // 2 - 5


@dataclass(frozen=True)
class Figure:
    #: For who can't see it.
    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...] = ()
    height: int = 130
    width: int = 420


FIGURES: Final[dict[str, Figure]] = {
    "server": Figure(
        "A client's bytes reach the kernel, which wakes a process that sleeps",
        (
            Box(4, 42, 78, "client", "client"),
            Box(150, 35, 110, "kernel", "queue", "port 8000"),
            Box(330, 35, 86, "process", "server", "sleeps", pale=True),
        ),
        (Arrow(84, 57, 146, 57, "bytes"), Arrow(262, 57, 326, 57, "wakes")),
        height=110,
    ),
    "socket": Figure(
        "Three processes hold one listening socket; connections wait in its queue",
        (
            Box(4, 50, 92, "clients", "client"),
            Box(150, 43, 120, "socket", "queue", "listens on a port"),
            Box(330, 6, 86, "worker", "server", "fd 3"),
            Box(330, 56, 86, "worker", "server", "fd 3", pale=True),
            Box(330, 106, 86, "worker", "server", "fd 3", pale=True),
        ),
        (
            Arrow(98, 65, 146, 65, "connect"),
            Arrow(272, 58, 326, 30, "accept"),
            Arrow(272, 66, 326, 76),
            Arrow(272, 74, 326, 126),
        ),
        height=156,
    ),
    "scheduler": Figure(
        "A thread is ready, then running, then sleeping, then ready again",
        (
            Box(4, 44, 100, "ready", "interface", "waits for a CPU"),
            Box(160, 44, 100, "running", "view", "has a CPU"),
            Box(316, 44, 100, "sleeping", "server", "waits for data", pale=True),
        ),
        (
            Arrow(106, 60, 156, 60, "chosen"),
            Arrow(262, 60, 312, 60, "reads"),
            Arrow(366, 96, 54, 96, "data has arrived"),
        ),
        height=120,
    ),
    "cgi": Figure(
        "The web server starts a process, which gets its environment and prints the answer",
        (
            Box(4, 44, 100, "web server", "proxy"),
            Box(276, 10, 140, "new process", "server", "python, your project"),
            Box(276, 74, 140, "ends", "queue", "after one answer", pale=True),
        ),
        (Arrow(106, 52, 272, 30, "environment, stdin"), Arrow(272, 50, 106, 66, "stdout")),
        height=126,
    ),
    "process": Figure(
        "Starting Python and loading the project take most of the time, the view takes little",
        (
            Box(4, 30, 120, "start Python", "server"),
            Box(128, 30, 200, "import Django and project", "server", pale=True),
            Box(332, 30, 84, "your view", "view"),
        ),
        (Arrow(4, 84, 416, 84, "time"),),
        height=100,
    ),
    "wsgi": Figure(
        "The server calls the application with environ and start_response and gets an iterable",
        (
            Box(4, 36, 104, "server", "server", "one thread"),
            Box(296, 36, 120, "application", "interface", "wsgi.py"),
        ),
        (Arrow(110, 46, 292, 46, "environ, start_response"), Arrow(292, 70, 110, 70, "iterable of bytes")),
        height=110,
    ),
    "start_response": Figure(
        "First the status and the headers, then piece after piece of the body",
        (
            Box(4, 30, 150, "start_response", "interface", "status, headers"),
            Box(176, 30, 70, "piece", "body"),
            Box(256, 30, 70, "piece", "body"),
            Box(336, 30, 80, "close()", "queue", pale=True),
        ),
        (Arrow(4, 92, 416, 92, "time"),),
        height=108,
    ),
    "worker": Figure(
        "A master starts workers; all of them accept from one socket",
        (
            Box(160, 4, 100, "master", "interface", "starts, watches"),
            Box(4, 84, 92, "worker", "server", "your project"),
            Box(164, 84, 92, "worker", "server", "your project"),
            Box(324, 84, 92, "worker", "server", "your project"),
            Box(110, 154, 200, "one listening socket", "queue"),
        ),
        (
            Arrow(180, 50, 60, 80),
            Arrow(210, 50, 210, 80, "fork"),
            Arrow(240, 50, 360, 80),
            Arrow(160, 152, 60, 132),
            Arrow(210, 152, 210, 132),
            Arrow(260, 152, 360, 132),
        ),
        height=190,
    ),
    "proxy": Figure(
        "A slow client is fed by nginx for long, while the worker is free at once",
        (
            Box(4, 36, 92, "phone", "client", "slow"),
            Box(164, 36, 92, "nginx", "proxy", "buffers"),
            Box(324, 36, 92, "worker", "server", "free at once"),
        ),
        (Arrow(160, 58, 100, 58, "2 s"), Arrow(320, 58, 260, 58, "2 ms")),
        height=106,
    ),
    "asgi": Figure(
        "One event loop speaks with three connections in turn, through scope, receive and send",
        (
            Box(4, 6, 96, "connection", "client"),
            Box(4, 50, 96, "connection", "client"),
            Box(4, 94, 96, "connection", "client"),
            Box(176, 40, 92, "event loop", "server", "one thread"),
            Box(324, 40, 92, "application", "interface", "asgi.py"),
        ),
        (
            Arrow(102, 22, 172, 52, both=True),
            Arrow(102, 65, 172, 62, both=True),
            Arrow(102, 108, 172, 74, both=True),
            Arrow(270, 54, 320, 54, "receive"),
            Arrow(320, 74, 270, 74),
        ),
        height=132,
    ),
    "hops": Figure(
        "Sync code is taken from the event loop to a thread and back, again and again",
        (
            Box(4, 10, 412, "event loop", "server", pale=True),
            Box(40, 80, 80, "sync code", "middleware"),
            Box(170, 80, 80, "sync code", "middleware"),
            Box(300, 80, 80, "view", "view"),
        ),
        (
            Arrow(60, 42, 60, 76),
            Arrow(100, 76, 100, 42),
            Arrow(190, 42, 190, 76),
            Arrow(230, 76, 230, 42),
            Arrow(320, 42, 320, 76),
            Arrow(360, 76, 360, 42),
        ),
        height=120,
    ),
    "websocket": Figure(
        "Two browsers speak with two workers; a channel layer carries messages between the workers",
        (
            Box(4, 10, 80, "browser", "client"),
            Box(4, 74, 80, "browser", "client"),
            Box(160, 3, 96, "consumer", "view", "worker 1"),
            Box(160, 67, 96, "consumer", "view", "worker 2"),
            Box(330, 36, 86, "layer", "body", "groups"),
        ),
        (
            Arrow(86, 25, 156, 25, both=True),
            Arrow(86, 89, 156, 89, both=True),
            Arrow(258, 28, 326, 50, both=True),
            Arrow(258, 86, 326, 66, both=True),
        ),
        height=120,
    ),
    "bytes": Figure(
        "A browser, a phone and a program send the same kind of bytes",
        (
            Box(4, 4, 104, "browser", "client"),
            Box(4, 44, 104, "phone", "client"),
            Box(4, 84, 104, "Go, Rust, Java", "client"),
            Box(276, 37, 140, "your project", "view", "can't tell which"),
        ),
        (Arrow(110, 20, 272, 50), Arrow(110, 59, 272, 59, "GET / HTTP/1.1"), Arrow(110, 98, 272, 70)),
        height=120,
    ),
}
