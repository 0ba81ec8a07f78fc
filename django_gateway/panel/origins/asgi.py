"""The keys of an ASGI scope, and those that Channels, Django and others add to it."""

from __future__ import annotations

from typing import Final

from .base import APPLICATION, CONNECTION, INTERFACE, REQUEST_LINE, SERVER, Origin

_HTTP: Final = "ASGI, HTTP Connection Scope"
_WEBSOCKET: Final = "ASGI, WebSocket Connection Scope"
_CHANNELS: Final = "Channels"

KEYS: Final[dict[str, Origin]] = {
    "type": Origin(
        INTERFACE,
        "What this call is for: http, websocket or lifespan. By it Channels' ProtocolTypeRouter decides who answers.",
        "ASGI, Connection Scope",
    ),
    "asgi": Origin(
        INTERFACE,
        "The version of ASGI, and of the specification for this type, that the server speaks.",
        "ASGI, Applications",
        "wsgi.version",
    ),
    "http_version": Origin(
        f"{REQUEST_LINE}, last word",
        "1.0, 1.1, 2 or 3. With 2 and 3 it comes from the connection: there is no request line.",
        _HTTP,
        "SERVER_PROTOCOL",
    ),
    "method": Origin(
        f"{REQUEST_LINE}, first word", "What the client wants done, in capitals.", _HTTP, "REQUEST_METHOD"
    ),
    "scheme": Origin(
        f"{CONNECTION}: with TLS or not",
        "http or https (ws or wss), as the server knows it, or as it believes a proxy. request.is_secure() asks it.",
        _HTTP,
        "wsgi.url_scheme",
    ),
    "path": Origin(
        f"{REQUEST_LINE}, percent-decoded",
        "The path as text. Unlike PATH_INFO it contains root_path, where the application is mounted below one.",
        _HTTP,
        "PATH_INFO",
    ),
    "raw_path": Origin(
        f"{REQUEST_LINE}, as it was sent",
        "The path as bytes, before decoding and without the query. Servers may leave it out.",
        _HTTP,
        "REQUEST_URI",
    ),
    "query_string": Origin(
        f"{REQUEST_LINE}, after “?”",
        "The query as bytes, still percent-encoded. Django makes request.GET of it.",
        _HTTP,
        "QUERY_STRING",
    ),
    "root_path": Origin(
        "the server's options",
        "Where the application is mounted; empty where it has the whole site. Proxies do not set it by themselves.",
        _HTTP,
        "SCRIPT_NAME",
    ),
    "headers": Origin(
        "the headers, one by one",
        "Name and value of each header as bytes, names in small letters, in the order in which they came. Nothing is"
        " joined or renamed, as CGI and WSGI do it.",
        _HTTP,
        "HTTP_…",
    ),
    "client": Origin(
        f"{CONNECTION}: the peer's address",
        "Address and port of who opened the connection. Behind a proxy that is the proxy, unless the server believes"
        " its headers.",
        _HTTP,
        "REMOTE_ADDR",
    ),
    "server": Origin(
        f"{CONNECTION}: the listening socket",
        "Address and port that the server listens on, or the path of a Unix socket.",
        _HTTP,
        "SERVER_NAME",
    ),
    "state": Origin(
        "lifespan",
        "A copy of what the application left there when the server started it; a new shallow copy for each request.",
        "ASGI, Lifespan State",
    ),
    "extensions": Origin(
        SERVER,
        "What this server can do beyond the specification's minimum, each by its name.",
        "ASGI, Extensions",
        "wsgi.file_wrapper",
    ),
    "subprotocols": Origin(
        "header Sec-WebSocket-Protocol",
        "The protocols on top of WebSocket that the client speaks; accept() may pick one.",
        _WEBSOCKET,
    ),
    "spec_version": Origin(
        INTERFACE, "The version of the specification, where early servers put it.", "ASGI, Applications"
    ),
    "url_route": Origin(
        "Channels' URLRouter", "What the path's pattern matched: args and kwargs for the consumer.", _CHANNELS
    ),
    "path_remaining": Origin(
        "Channels' URLRouter", "The part of the path that an inner router is to match.", _CHANNELS
    ),
    "cookies": Origin("Channels' CookieMiddleware", "The header Cookie, taken apart.", _CHANNELS, "HTTP_COOKIE"),
    "session": Origin("Channels' SessionMiddleware", "Django's session of this client.", _CHANNELS),
    "user": Origin("Channels' AuthMiddleware", "Django's user, from the session.", _CHANNELS),
    "channel": Origin("Channels' worker", "The channel whose messages the consumer gets.", _CHANNELS),
    "app": Origin(APPLICATION, "The application object, left there by Starlette or FastAPI.", "Starlette"),
    "app_root_path": Origin(APPLICATION, "The outermost root_path, kept by Starlette's Mount.", "Starlette"),
    "router": Origin(APPLICATION, "The router, left there by Starlette.", "Starlette"),
    "endpoint": Origin(APPLICATION, "The function or class that answers, left there by Starlette.", "Starlette"),
    "path_params": Origin(APPLICATION, "What the path's pattern matched, left there by Starlette.", "Starlette"),
    "auth": Origin(APPLICATION, "The permissions, from Starlette's AuthenticationMiddleware.", "Starlette"),
    "fastapi_astack": Origin(APPLICATION, "What FastAPI closes when the request is over.", "FastAPI"),
    "tls": Origin(f"{CONNECTION}: TLS", "The encrypted connection and its certificates.", "ASGI, TLS Extension"),
}

FAMILIES: Final[dict[str, Origin]] = {
    "http": Origin(SERVER, "An extension for HTTP.", "ASGI, Extensions"),
    "websocket": Origin(SERVER, "An extension for WebSockets.", "ASGI, Extensions"),
}
