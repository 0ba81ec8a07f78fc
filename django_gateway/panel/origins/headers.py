"""What the headers of a request say, by their names in small letters."""

from __future__ import annotations

from typing import Final, NamedTuple


class Header(NamedTuple):
    meaning: str
    specification: str = ""


def _http(section: str) -> str:
    return f"RFC 9110 §{section}"


_FETCH = "W3C, Fetch Metadata Request Headers"
_HINTS = "WICG, User-Agent Client Hints"
_CUSTOM = "custom of proxies, no specification"
_CORS = "WHATWG Fetch, CORS protocol"

HEADERS: Final[dict[str, Header]] = {
    "accept": Header("Which types of answer the client can use, and how gladly.", _http("12.5.1")),
    "accept-charset": Header(
        "Which encodings of text the client can use. Browsers stopped sending it.", _http("12.5.2")
    ),
    "accept-encoding": Header("Which compressions the client can undo. GZipMiddleware reads it.", _http("12.5.3")),
    "accept-language": Header("Which languages the user reads. LocaleMiddleware reads it.", _http("12.5.4")),
    "access-control-request-headers": Header("Which headers a script of another site wants to send.", _CORS),
    "access-control-request-method": Header("Which method a script of another site wants to use.", _CORS),
    "authorization": Header("Credentials. Hidden here; Django itself does not read it.", _http("11.6.2")),
    "cache-control": Header(
        "What caches on the way may do; “no-cache” is what a browser's reload sends.", "RFC 9111 §5.2"
    ),
    "connection": Header("About this one connection only: keep it, close it, or upgrade it.", _http("7.6.1")),
    "content-encoding": Header("How the body is compressed. Django does not undo it.", _http("8.4")),
    "content-language": Header("The language of the body.", _http("8.5")),
    "content-length": Header("How many bytes the body has.", _http("8.6")),
    "content-type": Header("What kind of data the body is.", _http("8.3")),
    "cookie": Header("Every cookie of this site, in one line. Values are hidden here.", "RFC 6265 §4.2"),
    "date": Header("When the client sent the request, by its own clock.", _http("6.6.1")),
    "dnt": Header("A wish not to be followed, which nobody is bound to heed."),
    "expect": Header("“100-continue”: the client waits to be asked for the body.", _http("10.1.1")),
    "forwarded": Header("What a proxy knows of the client, in the standard's form.", "RFC 7239 §4"),
    "from": Header("The mail address of whoever runs the client; crawlers send it.", _http("10.1.2")),
    "host": Header("Which site the client wants. Django checks it against ALLOWED_HOSTS.", _http("7.2")),
    "if-match": Header("Only if the page is still this version.", _http("13.1.1")),
    "if-modified-since": Header("Only if it has changed since then: else 304.", _http("13.1.3")),
    "if-none-match": Header("Only if it is no longer this version: else 304.", _http("13.1.2")),
    "if-range": Header("The rest of it if it has not changed, else all of it.", _http("13.1.5")),
    "if-unmodified-since": Header("Only if it has not changed since then.", _http("13.1.4")),
    "keep-alive": Header("How long an idle connection is kept. HTTP/1.0's custom.", "RFC 2068 §19.7.1"),
    "last-event-id": Header(
        "The last server-sent event that arrived before the connection broke.", "WHATWG HTML, Server-sent events"
    ),
    "max-forwards": Header("How many proxies may still pass it on (TRACE, OPTIONS).", _http("7.6.2")),
    "origin": Header("The site whose page sent this. CsrfViewMiddleware compares it.", "RFC 6454 §7"),
    "pragma": Header("HTTP/1.0's “no-cache”.", "RFC 9111 §5.4"),
    "priority": Header("How urgently the browser wants it.", "RFC 9218 §4"),
    "proxy": Header("No header that anybody should send: CGI turns it into HTTP_PROXY, which programs obey (httpoxy)."),
    "proxy-authorization": Header("Credentials for a proxy.", _http("11.7.2")),
    "proxy-connection": Header("An old browser's mistake for Connection."),
    "purpose": Header("“prefetch”: the user has not asked for this page yet."),
    "range": Header("Only a part of it: a download that goes on, a video that jumps.", _http("14.2")),
    "referer": Header("The page whose link was followed. The misspelling is the standard's.", _http("10.1.3")),
    "save-data": Header("The user wants to save data.", "WICG, Save-Data API"),
    "sec-fetch-dest": Header("What the answer is for: a document, an image, a script.", _FETCH),
    "sec-fetch-mode": Header("How it was asked for: navigate, cors, same-origin, websocket.", _FETCH),
    "sec-fetch-site": Header("Whether the page that asked belongs to the same site.", _FETCH),
    "sec-fetch-user": Header("Sent where a person's click caused it.", _FETCH),
    "sec-gpc": Header("The user does not want their data sold or shared.", "W3C, Global Privacy Control"),
    "sec-purpose": Header("“prefetch”: the user has not asked for this page yet.", "WHATWG Fetch"),
    "sec-websocket-accept": Header("The server's proof that it has read the key.", "RFC 6455 §11.3.3"),
    "sec-websocket-extensions": Header("Additions to the protocol, such as compression.", "RFC 6455 §11.3.2"),
    "sec-websocket-key": Header("A random value that the server has to answer to; no secret.", "RFC 6455 §11.3.1"),
    "sec-websocket-protocol": Header("The protocols on top of WebSocket that the client speaks.", "RFC 6455 §11.3.4"),
    "sec-websocket-version": Header("The version of the WebSocket protocol: 13.", "RFC 6455 §11.3.5"),
    "te": Header("Which transfer codings the client takes, “trailers” above all.", _http("10.1.4")),
    "traceparent": Header("The trace that this request is a part of.", "W3C, Trace Context"),
    "tracestate": Header("What tracing systems add to the trace.", "W3C, Trace Context"),
    "trailer": Header("Which headers will follow the body.", _http("6.6.2")),
    "transfer-encoding": Header("“chunked”: the body comes in pieces, its length is not known.", "RFC 9112 §6.1"),
    "upgrade": Header("The client would change protocols: “websocket”, “h2c”.", _http("7.8")),
    "upgrade-insecure-requests": Header("The browser would rather have https.", "W3C, Upgrade Insecure Requests"),
    "user-agent": Header("What the client calls itself.", _http("10.1.5")),
    "via": Header("The proxies that it came through.", _http("7.6.3")),
    "x-csrftoken": Header("Django's CSRF token, sent by a script.", "Django, CSRF protection"),
    "x-forwarded-for": Header(
        "The client's address as a proxy saw it. Anybody can send it: trust only your own proxy.", _CUSTOM
    ),
    "x-forwarded-host": Header("The Host that the proxy was asked for. Read only with USE_X_FORWARDED_HOST.", _CUSTOM),
    "x-forwarded-port": Header("The port that the proxy was asked at. Read only with USE_X_FORWARDED_PORT.", _CUSTOM),
    "x-forwarded-prefix": Header("The path that the proxy has cut off.", _CUSTOM),
    "x-forwarded-proto": Header(
        "http or https, as the client reached the proxy. Django reads it only with SECURE_PROXY_SSL_HEADER.", _CUSTOM
    ),
    "x-forwarded-server": Header("The proxy's own name (Apache).", _CUSTOM),
    "x-http-method-override": Header("The method that is meant, where only POST gets through.", _CUSTOM),
    "x-queue-start": Header("When the proxy got the request: the difference is waiting.", _CUSTOM),
    "x-real-ip": Header("The client's address as nginx saw it.", _CUSTOM),
    "x-request-id": Header("A token that ties the lines of several logs together.", _CUSTOM),
    "x-request-start": Header("When the proxy got the request: the difference is waiting.", _CUSTOM),
    "x-requested-with": Header("“XMLHttpRequest”, as JavaScript libraries mark their requests.", "custom of jQuery"),
}

_PREFIXES: Final[dict[str, Header]] = {
    "sec-ch-": Header("A hint about the browser, its system or its screen.", _HINTS),
    "sec-fetch-": Header("Where in a page the request comes from.", _FETCH),
    "sec-websocket-": Header("A part of the WebSocket handshake.", "RFC 6455"),
    "access-control-": Header("A part of the exchange by which sites allow each other's scripts.", _CORS),
    "x-forwarded-": Header("Something that a proxy tells of the original request.", _CUSTOM),
    "x-amzn-": Header("Added by an Amazon load balancer.", "Amazon Web Services"),
    "x-amz-": Header("Added by an Amazon service.", "Amazon Web Services"),
    "cf-": Header("Added by Cloudflare.", "Cloudflare"),
    "cdn-": Header("Added by a content delivery network."),
    "fly-": Header("Added by Fly.io's proxy."),
    "hx-": Header("Sent by htmx.", "htmx"),
}


def describe(name: str) -> Header | None:
    """None for a header that is not known here: it says what client and application agreed on."""
    name = name.lower()
    return HEADERS.get(name) or next((header for prefix, header in _PREFIXES.items() if name.startswith(prefix)), None)


def wire_name(key: str) -> str:
    """``User-Agent`` of HTTP_USER_AGENT or user-agent. Small letters and hyphens are lost in an environ for good."""
    name = key.removeprefix("HTTP_").replace("_", "-").lower()
    return _SPELLED.get(name) or "-".join(part.capitalize() for part in name.split("-"))


_SPELLED: Final = {
    "dnt": "DNT",
    "te": "TE",
    "sec-gpc": "Sec-GPC",
    "sec-websocket-accept": "Sec-WebSocket-Accept",
    "sec-websocket-extensions": "Sec-WebSocket-Extensions",
    "sec-websocket-key": "Sec-WebSocket-Key",
    "sec-websocket-protocol": "Sec-WebSocket-Protocol",
    "sec-websocket-version": "Sec-WebSocket-Version",
    "sec-ch-ua": "Sec-CH-UA",
    "sec-ch-ua-mobile": "Sec-CH-UA-Mobile",
    "sec-ch-ua-platform": "Sec-CH-UA-Platform",
    "x-csrftoken": "X-CSRFToken",
    "x-real-ip": "X-Real-IP",
    "x-request-id": "X-Request-ID",
    "last-event-id": "Last-Event-ID",
    "www-authenticate": "WWW-Authenticate",
    "etag": "ETag",
}
