"""Sending: over a socket of our own to a loopback address. No redirect is followed, no proxy variable is heeded."""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final

from .request import Plan

#: Seconds.
PATIENCE: Final = 15.0
STARTING: Final = 60.0
#: Bytes of an answer that are read, and thrown away.
MOST: Final = 4 * 1024 * 1024
INTERFACES: Final = ("wsgi", "asgi", "cgi")
_KEPT: Final = frozenset({"GATEWAY_STORE", "GATEWAY_FOLDER", "GATEWAY_ENABLED"})
_PROJECT: Final = re.compile(rb"Project\s+http://127\.0\.0\.1:(\d+)/")


class ReplayError(Exception):
    """It could not be sent; the message says why, in one sentence."""


@dataclass(frozen=True)
class Target:
    """Where gatewayserve serves: an address and a port of this machine, or the path of a Unix socket."""

    host: str
    port: int
    unix: str = ""
    tls: bool = False

    def address(self) -> str:
        """The loopback address to connect to. Raises ReplayError for any other."""
        try:
            found = ipaddress.ip_address(self.host)
        except ValueError:
            raise ReplayError("gatewayserve did not say at which IP address it serves.") from None
        if found.is_unspecified:
            # It listens on every address of this machine: loopback is one of them.
            return "::1" if found.version == 6 else "127.0.0.1"
        if not found.is_loopback:
            raise ReplayError(f"gatewayserve serves {self.host} alone: requests are replayed on loopback only.")
        return self.host


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    size: int


def send(target: Target, plan: Plan) -> Answer:
    """Raises ReplayError."""
    if plan.impossible:
        raise ReplayError(plan.impossible)
    connection = connect(target)
    try:
        connection.putrequest(plan.method, plan.target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host_of(target))
        for name, value in plan.headers:
            connection.putheader(name, value.encode("latin-1"))
        if plan.asks:
            connection.putheader("Content-Length", "0")
        connection.putheader("Connection", "close")
        connection.endheaders()
        response = connection.getresponse()
        size = 0
        while size < MOST and (chunk := response.read1(65_536)):
            size += len(chunk)
        return Answer(response.status, response.reason, size)
    except TimeoutError:
        raise ReplayError(f"The project did not answer within {PATIENCE:.0f} s; what came is recorded.") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ReplayError(f"The request could not be sent ({type(error).__name__}: {error}).") from error
    finally:
        connection.close()


def host_of(target: Target) -> str:
    if target.unix:
        return "localhost"
    address = target.address()
    return f"[{address}]:{target.port}" if ":" in address else f"{address}:{target.port}"


def connect(target: Target) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
    try:
        if target.unix:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(PATIENCE)
            connection.sock.connect(target.unix)
        else:
            connection.sock = socket.create_connection((target.address(), target.port), PATIENCE)
        if target.tls:
            # It is this machine's own address, and gatewayserve's certificate is nobody's but its own.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection.sock = context.wrap_socket(connection.sock)
    except OSError as error:
        connection.close()
        raise ReplayError(f"Nobody answers where gatewayserve serves ({error.strerror or error}).") from error
    return connection


@contextmanager
def started(interface: str, environment: Mapping[str, str], folder: str, server: str = "") -> Iterator[Target]:
    """The project through another interface, for one request: a gatewayserve of its own on a free port of loopback.

    ``server`` is one that gatewayserve knows, "" for the interface's usual one. Raises ReplayError.
    """
    if interface not in INTERFACES:
        raise ReplayError(f"There is no interface “{interface[:20]}”: there are {', '.join(INTERFACES)}.")
    # What gatewayserve told its own children is not for another one.
    kept = {name: value for name, value in environment.items() if not name.startswith("GATEWAY_") or name in _KEPT}
    command = [
        sys.executable,
        "-m",
        "django",
        "gatewayserve",
        "127.0.0.1:0",
        f"--{interface}",
        "--nopanel",
        "--noreload",
        *(["--server", server] if server else []),
    ]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=kept,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    timer = threading.Timer(STARTING, process.kill)
    timer.start()
    try:
        port = _port(process.stdout)
        # What it says further is nobody's, but has to go somewhere.
        threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
        timer.cancel()
        yield Target("127.0.0.1", port)
    finally:
        timer.cancel()
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(output: IO[bytes]) -> int:
    said = b""
    for line in output:
        if match := _PROJECT.search(line):
            return int(match[1])
        said += line
    words = said.decode("utf-8", "replace").strip().splitlines()
    raise ReplayError(f"It could not be served that way: {words[-1][:300] if words else 'it ended at once'}")


def _drain(output: IO[bytes]) -> None:
    try:
        while output.read(65_536):
            pass
    except (OSError, ValueError):
        pass
