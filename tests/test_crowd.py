"""Two hundred requests at a time on real servers, each with a mark of its own: in no event is there another's."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from typing import Any, NamedTuple

import pytest

from crowd_project import AT_ONCE, sizes
from crowds import MARK, SERVERS, crowded, in_its_own_time, kept, mark_of, nothing_of_another, recorded
from django_gateway import phases
from django_gateway.exchange import Exchange
from recorders import entries
from serving import DEADLINE, Serving, Site

VIEWS = ["plain", "asynchronous", "streamed", "failing"]
#: What the server may or may not have noticed by then, and what depends on how busy a thread is.
RACY = {"http.disconnect", "http.request", "crossing.queued", "wsgi.next"}
BODIES = ("wsgi.body", "http.response.body")


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def view_of(number: int) -> str:
    return VIEWS[number % len(VIEWS)]


def ask(serving: Serving, number: int) -> Answer:
    mark = mark_of(number)
    connection = http.client.HTTPConnection(serving.host, serving.port, timeout=2 * DEADLINE)
    try:
        body = b"b" * (100 + number)
        headers = {"X-Request-ID": mark, "X-Own": mark, "Cookie": f"c{mark}={mark}"}
        connection.request("POST", f"/{view_of(number)}/{mark}/?mark={mark}", body, headers)
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def ask_all(serving: Serving) -> dict[int, Answer]:
    answers: dict[int, Answer] = {}
    start = threading.Barrier(AT_ONCE)

    def run(number: int) -> None:
        start.wait()
        answers[number] = ask(serving, number)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * DEADLINE)
    assert len(answers) == AT_ONCE
    return answers


def bodies(exchange: Exchange) -> list[int]:
    return [happening.fields["size"] for happening in phases.happenings(exchange) if happening.name in BODIES]


def own_numbers(exchange: Exchange, number: int, answer: Answer) -> None:
    mark, view = mark_of(number), view_of(number)
    assert (exchange.path, exchange.query) == (f"/{view}/{mark}/", f"mark={mark}")
    assert (exchange.request_id, exchange.status) == (mark, answer.status)
    assert exchange.sizes.request_bytes == 100 + number
    assert exchange.sizes.body_bytes == sum(bodies(exchange)) == len(answer.body)
    told = entries(exchange)
    headers = dict(told.get("headers", ()))
    assert told.get("HTTP_X_OWN") == mark or headers.get("x-own") == mark
    assert exchange.match is not None
    assert exchange.match.arguments == [f"mark={mark}"]
    found = phases.view(exchange)
    assert found is not None
    assert found.name == f"mysite.crowd.{view}"
    own = {name for name, _ in exchange.headers or () if MARK.search(name.encode())}
    assert own == {f"X-After-{mark}", f"X-Around-{mark}"}
    templates = [span.fields["template"] for span in phases.spans(exchange) if span.kind == "django.template"]
    assert templates == [f"{mark}.html"] * {"streamed": 3, "failing": 0}.get(view, 1)
    reads = [happening.fields for happening in phases.happenings(exchange) if happening.name == "django.body.read"]
    assert [read["size"] for read in reads] == ([100 + number] if view in ("plain", "asynchronous") else [])
    if view == "streamed":
        assert [size for size in bodies(exchange) if size] == sizes(mark)
    elif view == "failing":
        assert bodies(exchange) == [sizes(mark)[0]]
        (failed,) = (span for span in phases.spans(exchange) if span.kind == "django.view")
        assert failed.fields["exception"] == "LookupError"
    else:
        assert bodies(exchange) == [len(mark) + 100 + number]


def own_threads(exchange: Exchange, number: int, answer: Answer) -> None:
    """What the view says of its threads and of the instant at which it was at work is what was recorded of it."""
    view, mark = view_of(number), mark_of(number)
    if view == "failing":
        return
    inside = int(answer.headers["x-inside"]) - exchange.started
    spans = [span for span in phases.spans(exchange) if span.kind in ("django.view", "django.middleware")]
    assert len(spans) == 6
    for span in spans:
        assert span.finished is not None
        assert span.started <= inside <= span.finished
    threads = answer.headers["x-threads"].split(",")
    crossings = phases.crossings(exchange)
    if view == "asynchronous":
        work = [crossing.thread for crossing in crossings if crossing.function.endswith(f"Work_{mark}")]
        assert Counter(work) == Counter(threads)
        return
    if view == "plain":
        looped = [crossing.thread for crossing in crossings if crossing.function.endswith(f"Looped_{mark}")]
        assert looped == [threads[1]]
    around = [
        crossing.thread
        for crossing in crossings
        if crossing.entered is not None
        and crossing.left is not None
        and crossing.direction == "to_thread"
        and crossing.entered <= inside <= crossing.left
    ]
    assert set(around) == {threads[0]}


def all_alike(exchanges: dict[str, Exchange]) -> None:
    """Nothing of another request, nothing missing: those of one view have the same events, the same number of times."""
    shapes: dict[str, set[Any]] = {}
    for exchange in exchanges.values():
        named = Counter(event[0] for event in exchange.trail if event[0] not in RACY)
        layers = tuple((layer.name, layer.mode, layer.status) for layer in phases.middleware(exchange))
        mark = exchange.path.split("/")[2]
        functions = sorted(crossing.function.replace(mark, "") for crossing in phases.crossings(exchange))
        shape = (frozenset(named.items()), layers, tuple(functions))
        shapes.setdefault(exchange.path.split("/")[1], set()).add(shape)
    for view, found in shapes.items():
        first, *others = found
        assert others == [], (view, [set(first[0]) ^ set(other[0]) for other in others])


def sensitive(exchange: Exchange) -> set[str]:
    """The threads that asgiref keeps for this request alone."""
    names = (crossing.thread or "" for crossing in phases.crossings(exchange))
    return {name for name in names if name.startswith("ThreadPoolExecutor")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return crowded(tmp_path_factory.mktemp("crowd"))


@pytest.mark.parametrize("server", SERVERS)
def test_requests(site: Site, server: str) -> None:
    with Serving(site.folder, "--noreload", *SERVERS[server]) as serving, kept(site) as store:
        answers = ask_all(serving)
        exchanges = recorded(store, "http")
    seen: set[str] = set()
    for number, answer in answers.items():
        mark = mark_of(number)
        exchange = exchanges[mark]
        assert answer.status == (503 if view_of(number) == "failing" else 200)
        nothing_of_another(exchange, mark)
        in_its_own_time(exchange)
        own_numbers(exchange, number, answer)
        own_threads(exchange, number, answer)
        threads = sensitive(exchange) if exchange.interface == "asgi" else {exchange.server.thread}
        # All were in their views at once, so no thread can have served two of them.
        assert not threads & seen
        seen |= threads
    all_alike(exchanges)
    assert len(seen) == AT_ONCE
