"""``python -m django_gateway.wire --fd 3 --upstream 127.0.0.2:8000 --store URL``: the relay of ``gatewayserve --wire``.

It listens on the descriptor, and ends at SIGTERM: it accepts nothing more then, and lets what is open come to its end.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from argparse import ArgumentParser, Namespace
from contextlib import suppress

from ..redaction import Redactor
from ..stores import Capacity, StoreError, open_store
from .joining import Joiner
from .relay import Relay
from .tls import TLS

_BACKLOG = 2048
_LOOK = 0.1  # seconds between two looks for exchanges
_GRACE = 1.6
_LAST = 0.3


async def serve(options: Namespace) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    store = open_store(options.store, Capacity(options.exchanges, options.bytes))
    joiner = Joiner(store, Redactor(options.hide), kept=options.kept, proxied=options.proxied)
    host, _, port = options.upstream.rpartition(":")
    tls = TLS(options.certfile, options.keyfile) if options.certfile else None
    relay = Relay((host.strip("[]"), int(port)), joiner.add, kept=options.kept, tls=tls)
    listener = socket.socket(fileno=options.fd)
    server = await loop.create_server(relay.accept, sock=listener, backlog=_BACKLOG)
    joining = loop.create_task(join(joiner))
    await told.wait()
    server.close()
    end = loop.time() + _GRACE
    while relay.pipes and loop.time() < end:  # noqa: ASYNC110 - each of them ends by itself
        await asyncio.sleep(_LOOK / 2)
    for pipe in list(relay.pipes):
        pipe.close()
    end = loop.time() + _LAST
    while joiner.waits and loop.time() < end:  # noqa: ASYNC110 - other processes write them
        await asyncio.sleep(_LOOK / 2)
    joining.cancel()
    store.close()


async def join(joiner: Joiner) -> None:
    """In a thread: a store may be held by somebody else, and the bytes go on meanwhile."""
    while True:
        with suppress(StoreError):
            if joiner.waits:
                await asyncio.to_thread(joiner.settle)
        await asyncio.sleep(_LOOK)


def parse(arguments: list[str]) -> Namespace:
    parser = ArgumentParser(prog="python -m django_gateway.wire")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--upstream", required=True, metavar="HOST:PORT")
    parser.add_argument("--store", required=True)
    parser.add_argument("--exchanges", type=int, default=Capacity().exchanges)
    parser.add_argument("--bytes", type=int, default=Capacity().bytes)
    parser.add_argument("--kept", type=int, default=0)
    parser.add_argument("--hide", action="append", default=[])
    parser.add_argument("--proxied", action="store_true", help="the upstream is a proxy, not the server")
    parser.add_argument("--certfile")
    parser.add_argument("--keyfile")
    return parser.parse_args(arguments)


def main() -> None:
    asyncio.run(serve(parse(sys.argv[1:])))


if __name__ == "__main__":
    main()
