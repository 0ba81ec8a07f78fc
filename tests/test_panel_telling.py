"""An exchange in words: the sentence, the fact that stands out, close codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import factories
import trails
from django_gateway.exchange import Close, Exchange, Failure, Loop, Scheduler, Server, Sizes
from django_gateway.panel.closing import described
from django_gateway.panel.remark import remark
from django_gateway.panel.story import sentence
from django_gateway.panel.timeline import read
from django_gateway.panel.words import count, cut, layer, listed, server_name, short, thread_name

MS = trails.MILLISECOND


def told(exchange: Exchange, elapsed: int = 0) -> str:
    return "".join(word.text for word in sentence(exchange, read(exchange, elapsed)))


def fact(exchange: Exchange, elapsed: int = 0) -> tuple[str, str]:
    found = remark(exchange, read(exchange, elapsed))
    assert found is not None
    return found.headline, "".join(word.text for word in found.words)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            factories.asgi_page,
            "Daphne handed this request to asgi.py; Django passed it through 7 middleware, changing threads 16 times,"
            " to the view shop.views.orders, which answered 200 after 7.35 ms.",
        ),
        (
            factories.wsgi_page,
            "Django's server handed this request to wsgi.py; Django passed it through 7 middleware to the view"
            " shop.views.orders, which answered 200 after 4.26 ms.",
        ),
        (
            factories.stream,
            "Daphne handed this request to asgi.py; Django called the view shop.views.events, which answered 200,"
            " in 31 chunks, until the client left after 3.14 s.",
        ),
        (
            factories.websocket,
            "Daphne handed this WebSocket to asgi.py; Channels routed it to chat.consumers.ChatConsumer, which accepted"
            " it after 1.10 ms. 14 messages came in, 22 went out; the client closed it with 1001 (going away) after"
            " 5.62 s.",
        ),
        (
            factories.failure,
            "Django's server handed this request to wsgi.py; Django passed it through 1 middleware to the view"
            " shop.views.pay, which raised ZeroDivisionError; Django answered 500 after 3.50 ms.",
        ),
        (
            factories.in_flight,
            "Django's server handed this request to wsgi.py; Django passed it through 1 middleware to the view"
            " shop.views.report, which has not answered after 12.0 s.",
        ),
        (
            factories.interrupted,
            "Django's server handed this request to wsgi.py; Django passed it through 1 middleware to the view"
            " shop.views.report; the process was gone before it answered, 12.0 s or more after it began.",
        ),
    ],
)
def test_the_sentence(make: Callable[[], Exchange], expected: str) -> None:
    assert told(make(), elapsed=12_000 * MS) == expected


def test_the_sentence_where_no_view_was_reached() -> None:
    origin = trails.ORIGIN
    middleware = ("django.middleware.started", origin + 10, "a.WwwMiddleware", "sync")
    back = ("django.middleware.finished", origin + 20, "a.WwwMiddleware", 301)
    redirected = factories.wsgi_page(trail=[middleware, back], status=301, match=None)
    assert "no view was reached: the innermost to see it was Www" in told(redirected)
    resolving = [("django.resolver.started", origin + 11), ("django.resolver.failed", origin + 12, "Resolver404")]
    missing = factories.wsgi_page(trail=[middleware, *resolving, back], status=404, match=None)
    assert told(missing).endswith("; no URL pattern matched the path; the answer was 404 after 4.26 ms.")


def test_the_sentence_of_lifespan_and_of_a_refused_websocket() -> None:
    lifespan = factories.stream(type="lifespan", trail=[("lifespan.startup", trails.ORIGIN)], failure=None)
    assert told(lifespan).startswith("Daphne called asgi.py once for the life of this process")
    refused = factories.websocket(trail=[("websocket.connect", trails.ORIGIN)], close=Close(1006, "server", ""))
    assert ", which refused it; the server closed it with 1006 (abnormal closure)" in told(refused)


def test_what_matters_is_marked() -> None:
    words = sentence(factories.asgi_page(), read(factories.asgi_page()))
    assert [word.text for word in words if word.form == "strong"] == ["7 middleware", "16 times", "200", "7.35 ms"]
    assert [word.text for word in words if word.form == "code"] == ["asgi.py", "shop.views.orders"]


def test_unknown_servers_keep_their_names() -> None:
    exchange = factories.wsgi_page(server=Server("meinheld", None, 1, "t", "h"))
    assert told(exchange).startswith("meinheld handed")
    assert told(factories.wsgi_page(server=Server(None, None, 1, "t", "h"))).startswith("The server handed")


# The fact that stands out


def test_hops_stand_out() -> None:
    headline, words = fact(factories.asgi_page())
    assert headline == "16 thread hops, 2.47 of 7.35 ms."
    assert "13 of the 16 run hooks of the middleware" in words
    found = remark(factories.asgi_page(), read(factories.asgi_page()))
    assert found is not None
    assert (found.place, found.tab) == ("hop", "middleware")


def _sleeping(**changes: Any) -> Exchange:
    return factories.wsgi_page(
        ended=trails.ORIGIN + 200 * MS, scheduler=Scheduler(4 * MS, 0, 196 * MS, 3, 0), **changes
    )


def test_a_wait_for_another_loop_is_no_wait_for_a_database() -> None:
    origin = trails.ORIGIN
    crossing = ("crossing.to_loop", origin + MS, "a.view", 7, origin + 2 * MS, origin + 190 * MS, origin + 191 * MS)
    assert "an event loop in another thread" in fact(_sleeping(trail=[crossing]))[1]
    assert "a database, a network" in fact(_sleeping(trail=[]))[1]


@pytest.mark.parametrize(
    ("exchange", "headline"),
    [
        (factories.wsgi_page(), "The view orders took 2.73 of 4.26 ms."),
        (factories.failure(), "ZeroDivisionError: division by zero."),
        (factories.stream(), "The client left after 3.14 s."),
        (factories.websocket(), "Closed by the client with 1001 (going away)."),
        (factories.interrupted(), "Process 4711 ended before it answered."),
        (factories.in_flight(), "Not answered after 12.0 s."),
        (_sleeping(), "The thread slept 196 of 200 ms."),
        (factories.wsgi_page(scheduler=Scheduler(MS, 3 * MS, 0, 1, 9)), "Waited 3.00 of 4.26 ms for a processor."),
        (factories.asgi_page(loop=Loop(6 * MS, MS, 3, 60 * MS)), "Held the event loop for 60.0 ms at a stretch."),
        (
            factories.asgi_page(loop=Loop(MS, 6 * MS, 3, MS, lag=212 * MS)),
            "The event loop ran 212 ms late while this was in flight.",
        ),
        (factories.stream(loop=Loop(9 * MS, 3_000 * MS, 66, MS, lag=60 * MS)), "The client left after 3.14 s."),
        (factories.websocket(close=None), None),
    ],
)
def test_what_stands_out(exchange: Exchange, headline: str | None) -> None:
    found = remark(exchange, read(exchange, 12_000 * MS))
    assert (found and found.headline) == headline


def test_a_stream_that_was_read_to_its_end() -> None:
    trail = trails.Trail()
    trail.wait(3_000)
    for number in range(5):
        trail.sent("http.response.body", 10, number < 4)
        trail.wait(200_000 + number)
    exchange = factories.stream(trail=trail.events, ended=trail.now, sizes=Sizes(chunks=5, body_bytes=50))
    headline, words = fact(exchange)
    assert headline == "Streamed: the first of 5 chunks went out after 3.00 ms."
    assert words == "The last went out after 803 ms; the longest pause between two was 200 ms."


def test_a_slow_reader() -> None:
    trail = trails.Trail()
    trail.sent("http.response.start", 200)
    trail.sent("http.response.body", 6_000_000, False, took=1_500_000)
    exchange = factories.stream(trail=trail.events, ended=trail.now, sizes=Sizes(chunks=1))
    assert fact(exchange)[0] == "The server took 1.50 of 1.50 s to accept the response."


def test_an_exception_without_a_message_or_a_frame() -> None:
    assert fact(factories.failure(failure=Failure("shop.Broken", "", [], None, False))) == ("Broken.", "")


# Close codes


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (1000, "normal closure"),
        (1001, "going away"),
        (1006, "abnormal closure"),
        (1011, "internal error"),
        (1012, "service restart"),
        (None, "no code"),
        (3000, "registered"),
        (4001, "the application's own"),
        (4999, "the application's own"),
        (999, "reserved"),
        (5000, "reserved"),
    ],
)
def test_close_codes_in_words(code: int | None, name: str) -> None:
    assert described(code).name == name
    assert described(code).meaning.endswith(".")


# Words


def test_words() -> None:
    assert (
        short("django.contrib.sessions.middleware.SessionMiddleware.process_request")
        == "SessionMiddleware.process_request"
    )
    assert short("shop.views.orders") == "orders"
    assert short("django.dispatch.dispatcher.Signal.asend.<locals>.sync_send") == "sync_send"
    assert [layer(path) for path in ("a.SessionMiddleware", "b.tracing_middleware", "c.Middleware")] == [
        "Session",
        "tracing",
        "Middleware",
    ]
    assert [count(1, "chunk"), count(2_000, "chunk"), count(7, "middleware", "middleware")] == [
        "1 chunk",
        "2,000 chunks",
        "7 middleware",
    ]
    assert [listed([]), listed(["a"]), listed(["a", "b", "c"])] == ["", "a", "a, b and c"]
    assert [server_name("uWSGI"), server_name(None), server_name("x")] == ["uWSGI", "The server", "x"]
    assert [thread_name("Thread-3 (process_request_thread)"), thread_name("")] == ["thread Thread-3", ""]
    assert [cut("abcdef", 6), cut("abcdefg", 6), cut("\x1b" * 9, 6)] == ["abcdef", "abcde…", "\\x1b\\…"]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (None, "It had been handed to the application; how far it came there is not known."),
        (["django.middleware.started", "a.b.Inner", "sync"], "it entered the middleware a.b.Inner."),
        (["django.hook.started", "a.b.Inner", "process_view"], "it entered a.b.Inner.process_view."),
        (["django.view.started", "shop.views.cart", "async"], "it entered the view shop.views.cart."),
        (["django.template.started", "cart.html"], "it began to render the template cart.html."),
        (["django.template.started", None], "it began to render the template."),
        (["crossing.under_way", "to_thread", "shop.slow"], "it set out for a thread, to run shop.slow."),
        (["crossing.under_way", None, None], "it set out."),
        (["wsgi.body", 5], "it handed over a part of the body."),
        (["django.database.opened", None, None, None, None, None], "it reached django.database.opened."),
    ],
)
def test_the_last_that_is_known(event: list[Any] | None, expected: str) -> None:
    exchange = factories.interrupted(stack=None)
    trail = [] if event is None else [[event[0], exchange.started + 2_500_000, *event[1:]]]
    exchange = factories.interrupted(stack=None, trail=trail)
    found = remark(exchange, read(exchange))
    assert found is not None
    text = "".join(word.text for word in found.words)
    assert text.endswith(expected)
    assert event is None or text.startswith("The last that is known of it, after 2.50 ms: ")
    assert found.tab == ("events" if event else "")


@pytest.mark.parametrize(
    ("changes", "headline", "sentence"),
    [
        ({"status": 200}, "ended while it answered.", "the process was gone in the middle of its answer (200), "),
        (
            {"type": "websocket", "status": 101, "trail": []},
            "ended while the WebSocket was open.",
            "; Channels routed it to shop.views.report, which accepted it; the process was gone, ",
        ),
        ({"type": "lifespan"}, "ended without a shutdown.", ""),
        (
            {"handover": None, "match": None, "trail": [["django.middleware.finished", 10**12, "a.Third", 200]]},
            "ended before it answered.",
            "handed this request to wsgi.py; the process was gone before it answered, ",
        ),
    ],
)
def test_when_it_ended(changes: dict[str, Any], headline: str, sentence: str) -> None:
    exchange = factories.interrupted(**changes)
    found = remark(exchange, read(exchange))
    assert found is not None
    assert found.headline == f"Process 4711 {headline}"
    assert sentence in told(exchange)
