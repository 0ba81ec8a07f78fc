"""The embedded host for CGI with scripts of all kinds."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

SCRIPTS = {
    "echo": 'printf "Content-Type: text/plain\\n\\n"; env | sort; printf "stdin="; cat',
    "status": 'printf "Status: 299 Quite Fine\\r\\nContent-Type: text/plain\\r\\nConnection: x\\r\\n\\r\\nbody"',
    "length": 'printf "Content-Type: text/plain\\nContent-Length: 3\\n\\nlonger"',
    "short": 'printf "Content-Type: text/plain\\nContent-Length: 30\\n\\nshorter"',
    "client-redirect": 'printf "Location: http://elsewhere/\\n\\n"',
    "local-redirect": 'printf "Location: /echo?from=redirect\\n\\n"',
    "round": 'printf "Location: /round\\n\\n"',
    "no-head": 'echo "no header at all"',
    "no-type": 'printf "X-Only: this\\n\\nbody"',
    "bad-status": 'printf "Status: fine\\n\\n"',
    "nothing": "exit 3",
    "fails": 'printf "Content-Type: text/plain\\n\\nbegun,"; exit 3',
    "killed": 'printf "Content-Type: text/plain\\n\\nbegun,"; kill -9 $$',
    "waits": 'echo $$ > "$GATEWAY_FOLDER/pid"; printf "Content-Type: text/plain\\n\\nbegun,"; exec sleep 600',
    "deaf": 'trap "" TERM; echo $$ > "$GATEWAY_FOLDER/pid"; printf "Content-Type: text/plain\\n\\nbegun,"; '
    "while :; do sleep 0.1; done",
    "deaf-to-stdin": 'exec <&-; printf "Content-Type: text/plain\\nContent-Length: 4\\n\\ndone"',
    "says": 'echo "said on standard error" >&2; printf "Content-Type: text/plain\\n\\n"',
}


class Host:
    def __init__(self, folder: Path) -> None:
        script = folder / "script"
        cases = "\n".join(f"/{name}) {body} ;;" for name, body in SCRIPTS.items())
        script.write_text(f'#!/bin/sh\ncase "$PATH_INFO" in\n{cases}\n*) printf "Status: 404\\n\\n" ;;\nesac\n')
        script.chmod(0o700)
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as listener, (folder / "stderr").open("wb") as stderr:
            self.port = listener.getsockname()[1]
            number = str(listener.fileno())
            self.process = subprocess.Popen(
                [sys.executable, "-m", "django_gateway.workers.cgi_host", "--fd", number, str(folder), str(script)],
                pass_fds=[listener.fileno()],
                env={**os.environ, "GATEWAY_FOLDER": str(folder), "HTTP_PROXY": "http://mine"},
                stderr=stderr,
                process_group=0,
            )

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def raw(self, data: bytes) -> bytes:
        answer = b""
        with self.connect() as connection, suppress(ConnectionError):
            connection.sendall(data)
            while data := connection.recv(65536):
                answer += data
        return answer

    def ask(self, path: str, *headers: str, method: str = "GET", version: str = "1.1", body: bytes = b"") -> bytes:
        lines = (f"{method} {path} HTTP/{version}", "Host: localhost", "Connection: close", *headers)
        return self.raw("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def environment(self, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> dict[str, str]:
        """What the script was handed, its standard input under ``stdin``."""
        answer = self.ask(path, *headers, method=method, body=body, version="1.0").partition(b"\r\n\r\n")[2]
        entries = (line.partition("=") for line in answer.decode("utf-8", "surrogateescape").split("\n"))
        return {name: value for name, equals, value in entries if equals}

    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


def status(answer: bytes) -> str:
    return answer.partition(b"\r\n")[0].decode().removeprefix("HTTP/1.1 ")
