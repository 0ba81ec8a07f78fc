"""A client that sends the very bytes it is given, and says what came back as it came."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 5.0


@dataclass
class Answer:
    """A response as it stood on the wire."""

    status: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    #: Status codes of what came before the response, such as 100.
    interim: list[int] = field(default_factory=list)
    #: "complete", "cut" (the connection ended too early), "hangs" (nothing more came), "extra" (more than may come).
    end: str = "cut"

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


class Client:
    """One connection, for one request."""

    def __init__(self, host: str, port: int, folder: Path, patience: float = PATIENCE) -> None:
        #: Where the project runs.
        self.folder = folder
        self.socket = socket.create_connection((host, port), timeout=patience)
        self.data = b""
        self.ended = "hangs"

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read_until(self, needle: bytes) -> bool:
        """Whether it comes before the connection ends or falls silent."""
        while needle not in self.data:
            if not self._read():
                return False
        return True

    def _read(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            self.ended = "hangs"
            return False
        except OSError:
            data = b""
        if not data:
            self.ended = "closed"
            return False
        self.data += data
        return True

    def answer(self, method: str = "GET") -> Answer:
        """The rest of what comes, until the connection ends, read as a response."""
        while self._read():
            pass
        self.close()
        return read(self.data, method, self.ended)

    def close(self) -> None:
        self.socket.close()


def read(data: bytes, method: str, ended: str) -> Answer:
    answer = Answer()
    while True:
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            answer.end = "hangs" if ended == "hangs" else "cut"
            return answer
        start, *lines = head.decode("latin-1").split("\r\n")
        _, status, *reason = start.split(" ", 2)
        if int(status) >= 200:
            break
        answer.interim.append(int(status))
        data = rest
    answer.status, answer.reason = int(status), " ".join(reason)
    answer.headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    answer.body, answer.end = _body(answer, rest, method, ended)
    return answer


def _body(answer: Answer, data: bytes, method: str, ended: str) -> tuple[bytes, str]:
    unfinished = "hangs" if ended == "hangs" else "cut"
    if method == "HEAD" or answer.status in (204, 304):
        return data, "extra" if data else "complete"
    if answer.values("transfer-encoding") == ["chunked"]:
        body = b""
        while True:
            size, found, data = data.partition(b"\r\n")
            if not found:
                return body, unfinished
            length = int(size.split(b";")[0], 16)
            if length == 0:
                return body, "complete"
            body += data[:length]
            if len(data) < length + 2:
                return body, unfinished
            data = data[length + 2 :]
    lengths = answer.values("content-length")
    if lengths:
        length = int(lengths[0])
        return data[:length], "extra" if len(data) > length else "complete" if len(data) == length else unfinished
    return data, "complete" if ended == "closed" else unfinished
