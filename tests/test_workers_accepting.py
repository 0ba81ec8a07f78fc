"""Servers on asyncio that stop accepting, real ones on sockets."""

from __future__ import annotations

import asyncio
import socket

import pytest

from django_gateway.workers import accepting


class Answers(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.write(b"answer")
        self.transport.close()


async def asked(loop: asyncio.AbstractEventLoop, address: tuple[str, int]) -> socket.socket:
    client = socket.socket()
    client.setblocking(False)
    await loop.sock_connect(client, address)
    await loop.sock_sendall(client, b"request")
    return client


@pytest.mark.parametrize("rounds", range(4))
def test_what_was_accepted_is_answered_and_no_more_is_accepted(rounds: int) -> None:
    """Told to stop so many rounds of the loop after a client has come: before it is accepted, or while it is set up."""

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
            server = await loop.create_server(Answers, sock=listener.dup())
            before = socket.create_connection(address)
            before.sendall(b"request")
            before.setblocking(False)
            for _ in range(rounds):
                await asyncio.sleep(0)
            accepting.stop([server])
            after = await asked(loop, address)
            # What nobody has accepted waits for whoever accepts next on the same socket.
            another = await loop.create_server(Answers, sock=listener.dup())
            with before, after:
                for client in (before, after):
                    assert await asyncio.wait_for(loop.sock_recv(client, 100), 30) == b"answer"
            for each in (server, another):
                each.close()

    asyncio.run(serve())


def test_another_loop_closes_its_server() -> None:
    class Server:
        """Of a loop that is none of asyncio's own, such as uvloop's: a stand-in, since that need not be installed."""

        closed = False

        def get_loop(self) -> object:
            return object()

        def close(self) -> None:
            self.closed = True

    server = Server()
    accepting.stop([server])  # type: ignore[list-item]
    assert server.closed
