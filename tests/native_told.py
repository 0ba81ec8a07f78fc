"""What a process tells of a fixed list of requests, but for what is another each time: instants, ids, addresses.

``python tests/native_told.py FOLDER`` prints it as JSON, a request a line, and on the last line whether the compiled part
was there. Each request is sent several times, since what is known is told in another way than what is new.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "testproject")]
TIMES = 4

PATHS = [
    ("/about/", "", b""),
    ("/json/", "a=1&token=secret", b""),
    ("/cookies/", "", b""),
    ("/redirect/", "", b""),
    ("/work/sync/", "", b""),
    ("/work/async/", "", b""),
    ("/streams/sync/", "count=3&ms=1", b""),
    ("/streams/async/", "count=3&ms=1", b""),
    ("/transfers/raw/", "", b"x" * 3_000),
    ("/failures/before/", "", b""),
    ("/failures/before-async/", "", b""),
    ("/failures/middle/", "", b""),
    ("/failures/middle-async/", "", b""),
    ("/nowhere/", "", b""),
    ("/caf\u00e9/", "q=caf%C3%A9", b""),
    ("/chat/room-1/", "", b""),
]
HEADERS = {
    "HTTP_HOST": "localhost",
    "HTTP_USER_AGENT": "a browser",
    "HTTP_COOKIE": "sessionid=abcdef; theme=dark",
    "HTTP_AUTHORIZATION": "Bearer abcdef",
    "HTTP_X_REQUEST_ID": "r-1",
    "HTTP_ACCEPT": "text/html",
}
#: Response headers that are another for each exchange.
_ANOTHER = {"X-Gateway-Exchange", "X-Gateway-Panel", "Server-Timing", "Expires", "Set-Cookie"}


def main() -> None:
    folder = Path(sys.argv[1])
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "testproject.settings",
        "GATEWAY_ENABLED": "1",
        "GATEWAY_STORE": f"sqlite:///{folder / 'store.sqlite3'}",
    }
    import django

    django.setup()
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler

    from django_gateway import native, process, record_asgi, record_wsgi
    from recorders import environ, scope, serve, serve_asgi

    wsgi, asgi = record_wsgi(WSGIHandler()), record_asgi(ASGIHandler())
    headers = [(name[5:].lower().replace("_", "-").encode(), value.encode()) for name, value in HEADERS.items()]

    async def ask(path: str, query: str, body: bytes) -> None:
        method = "POST" if body else "GET"
        await serve_asgi(asgi, scope(path, query, method=method, headers=headers), body)

    for path, query, body in PATHS:
        for _ in range(TIMES):
            serve(wsgi, environ(path.encode().decode("latin-1"), query, body, **HEADERS))
            asyncio.run(ask(path, query, body))
    writer = process.writer()
    writer.flush()
    for number in sorted(summary.id for summary in writer.store.page([], limit=1_000)):
        print(json.dumps(told(writer.store.get(number)), sort_keys=True))
    print(json.dumps({"compiled": native.core is not None}))


def told(exchange: Any) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = {
        name: msgspec.to_builtins(getattr(exchange, name))
        for name in exchange.__struct_fields__
        if name
        not in {"id", "started_at", "started", "ended", "split", "scheduler", "loop", "trail", "threads", "parts"}
    }
    found["server"] = [*found["server"][:2], found["server"][3:]]
    # A page about an error says where in memory things are.
    failed = exchange.status is None or exchange.status >= 400
    hidden = _ANOTHER | ({"Content-Length"} if failed else set())
    found["headers"] = [[name, value if name not in hidden else "…"] for name, value in found["headers"] or ()]
    found["sizes"] = None if failed else found["sizes"]
    found["times"] = [
        exchange.ended >= exchange.started,
        [part >= 0 for part in msgspec.to_builtins(exchange.split)],
        exchange.scheduler is not None,
        exchange.loop is not None and exchange.loop.steps > 0,
    ]
    # What is told of a queue, and of a pause, depends on what else the machine does.
    found["trail"] = [
        [name, *(field for field in fields if type(field) is not int or field < (200 if failed else 1_000_000))]
        for name, *fields in sorted(exchange.trail, key=lambda event: event[1])
        if name not in {"crossing.queued", "wsgi.next", "http.next"}
    ]
    found["facts"] = sorted(name for name, _ in found["facts"])
    return found


if __name__ == "__main__":
    main()
