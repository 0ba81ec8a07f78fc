"""The variables that CGI defined (RFC 3875), which WSGI took over, and those that web servers add to them."""

from __future__ import annotations

from typing import Final

from .base import CONNECTION, REQUEST_LINE, SERVER, Origin

VARIABLES: Final[dict[str, Origin]] = {
    "AUTH_TYPE": Origin(
        "the web server's own authentication",
        "The scheme by which the web server itself has checked who the user is, such as Basic.",
        "RFC 3875 §4.1.1",
    ),
    "CONTENT_LENGTH": Origin(
        "header Content-Length",
        "How many bytes the body has. Missing or empty where it comes in chunks; Django then reads none of it.",
        "RFC 3875 §4.1.2",
        "headers",
    ),
    "CONTENT_TYPE": Origin(
        "header Content-Type",
        "What kind of data the body is. One of two headers that come without HTTP_ before their name. Django's"
        " server says text/plain where the client sent none.",
        "RFC 3875 §4.1.3",
        "headers",
    ),
    "GATEWAY_INTERFACE": Origin(
        "a constant of the server",
        "The version of CGI that this list of variables follows.",
        "RFC 3875 §4.1.4",
        "asgi",
    ),
    "PATH_INFO": Origin(
        f"{REQUEST_LINE}, percent-decoded",
        "The part of the path that the application is to make sense of: what follows SCRIPT_NAME. Django matches it"
        " against the URLconf.",
        "RFC 3875 §4.1.5; PEP 3333",
        "path",
    ),
    "PATH_TRANSLATED": Origin(
        "the web server's configuration",
        "PATH_INFO as a path in the file system, as the web server maps it.",
        "RFC 3875 §4.1.6",
    ),
    "QUERY_STRING": Origin(
        f"{REQUEST_LINE}, after “?”",
        "The query as it was sent, still percent-encoded. Django makes request.GET of it.",
        "RFC 3875 §4.1.7; PEP 3333",
        "query_string",
    ),
    "REMOTE_ADDR": Origin(
        f"{CONNECTION}: the peer's address",
        "Who opened the connection to this server. Behind a proxy that is the proxy; over a Unix socket it is empty.",
        "RFC 3875 §4.1.8",
        "client",
    ),
    "REMOTE_HOST": Origin(
        f"{CONNECTION}: the peer's name",
        "The peer's host name, where the server looks it up; often its address once more, or empty.",
        "RFC 3875 §4.1.9",
        "client",
    ),
    "REMOTE_IDENT": Origin(
        "the peer's ident service",
        "What the peer's machine says who owns the connection. A relic: nobody asks any more.",
        "RFC 3875 §4.1.10",
    ),
    "REMOTE_USER": Origin(
        "the web server's own authentication",
        "The user whom the web server has authenticated. Django's RemoteUserMiddleware trusts it.",
        "RFC 3875 §4.1.11",
    ),
    "REQUEST_METHOD": Origin(
        f"{REQUEST_LINE}, first word",
        "What the client wants done: GET, POST and so on. It becomes request.method.",
        "RFC 3875 §4.1.12; PEP 3333",
        "method",
    ),
    "SCRIPT_NAME": Origin(
        "the server's configuration",
        "The part of the path under which the application is mounted; empty where it has the whole site.",
        "RFC 3875 §4.1.13; PEP 3333",
        "root_path",
    ),
    "SERVER_NAME": Origin(
        "the server's own name or address",
        "Where the server thinks it is. Django's get_host() falls back on it where the Host header is missing.",
        "RFC 3875 §4.1.14; PEP 3333",
        "server",
    ),
    "SERVER_PORT": Origin(
        f"{CONNECTION}: the listening port",
        "The port that the request came in by, always as text.",
        "RFC 3875 §4.1.15; PEP 3333",
        "server",
    ),
    "SERVER_PROTOCOL": Origin(
        f"{REQUEST_LINE}, last word",
        "The version of HTTP that the client speaks to this server. A proxy in between may speak another one.",
        "RFC 3875 §4.1.16; PEP 3333",
        "http_version",
    ),
    "SERVER_SOFTWARE": Origin(
        "a constant of the server",
        "Name and version of the program that calls the application.",
        "RFC 3875 §4.1.17",
    ),
}

#: What servers add that no specification of this interface asks for.
ADDED: Final[dict[str, Origin]] = {
    "REQUEST_URI": Origin(
        f"{REQUEST_LINE}, as it was sent",
        "The target with its query, before anything was decoded. Added by Apache, nginx, uWSGI, Waitress and others.",
        "",
        "raw_path",
    ),
    "RAW_URI": Origin(
        f"{REQUEST_LINE}, as it was sent",
        "The target with its query, before anything was decoded, as gunicorn and Werkzeug call it.",
        "",
        "raw_path",
    ),
    "REMOTE_PORT": Origin(
        f"{CONNECTION}: the peer's port",
        "The port at the other end of the connection: a new one for each.",
        "",
        "client",
    ),
    "SERVER_ADDR": Origin(
        f"{CONNECTION}: the server's address", "The address that the client connected to.", "", "server"
    ),
    "SERVER_ADMIN": Origin("Apache's ServerAdmin", "The mail address from the web server's configuration."),
    "SERVER_SIGNATURE": Origin("Apache's ServerSignature", "The line under Apache's own error pages."),
    "REQUEST_SCHEME": Origin(
        f"{CONNECTION}: with TLS or not", "http or https, as the web server knows it.", "", "scheme"
    ),
    "HTTPS": Origin(
        f"{CONNECTION}: with TLS or not",
        "“on” where the connection is encrypted; wsgi.url_scheme is derived from it.",
        "",
        "scheme",
    ),
    "DOCUMENT_ROOT": Origin("the web server's configuration", "The folder from which the web server serves files."),
    "DOCUMENT_URI": Origin(REQUEST_LINE, "The path as nginx normalised it, without the query.", "", "path"),
    "SCRIPT_FILENAME": Origin("the web server's configuration", "The file of the script that the web server starts."),
    "CONTEXT_DOCUMENT_ROOT": Origin("Apache's Alias or UserDir", "The folder behind the mapped part of the address."),
    "CONTEXT_PREFIX": Origin("Apache's Alias or UserDir", "The part of the address that is mapped to another folder."),
    "UNIQUE_ID": Origin("Apache's mod_unique_id", "A token that no other request of this web server has."),
    "HTTP_VERSION": Origin(SERVER, "The version of HTTP where gunicorn speaks HTTP/2: “2”.", "", "http_version"),
    "ACTUAL_SERVER_PROTOCOL": Origin(
        "a constant of the server", "The version of HTTP that Cheroot itself speaks, whatever the client asked for."
    ),
    "X_REMOTE_PID": Origin(f"{CONNECTION}: Unix socket", "The process at the other end of a Unix socket (Cheroot)."),
    "X_REMOTE_UID": Origin(f"{CONNECTION}: Unix socket", "The user id of the process at the other end (Cheroot)."),
    "X_REMOTE_GID": Origin(f"{CONNECTION}: Unix socket", "The group id of the process at the other end (Cheroot)."),
    "X_REMOTE_USER": Origin(f"{CONNECTION}: Unix socket", "The user name of the process at the other end (Cheroot)."),
    "X_REMOTE_GROUP": Origin(f"{CONNECTION}: Unix socket", "The group name of the process at the other end (Cheroot)."),
    "GATEWAY_RECEIVED": Origin(
        "the web server's configuration, as gatewayserve writes it",
        "When the web server had the request: so it is known how long the process took to start.",
    ),
    "NO_BUFFERING": Origin(
        "the web server's configuration, as gatewayserve writes it",
        "Tells fcgiwrap to pass on each piece of the response as it comes.",
    ),
    "FCGI_ROLE": Origin(SERVER, "What a FastCGI process is asked to be: RESPONDER.", "FastCGI 1.0 §6"),
    "REDIRECT_STATUS": Origin(
        "the web server", "The status before an internal redirect; 200 tells CGI that all is well."
    ),
}

#: Prefixes of whole families.
FAMILIES: Final[dict[str, Origin]] = {
    "REDIRECT_": Origin("the web server", "A variable of the request before Apache redirected it internally."),
    "SSL_": Origin(f"{CONNECTION}: TLS", "Something about the encrypted connection or its certificates."),
    "TLS_": Origin(f"{CONNECTION}: TLS", "Something about the encrypted connection."),
}
