"""What a response says of its own recording: only in DEBUG, only in Django's, each by its switch."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.validate import validator

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import include, path

import recorders
from django_gateway import conf, instrument
from django_gateway.document import document
from django_gateway.exchange import format_id
from django_gateway.instrument.standards import from_here
from recorders import Recorded, recorded_process, serve, serve_asgi

BOTH = pytest.mark.parametrize("interface", ["wsgi", "asgi"])
OURS = {"server-timing", "x-gateway-exchange", "x-gateway-panel"}
_SHARED = HttpResponse("the same object again and again", headers={"Server-Timing": "cache;desc=hit"})


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("plain")


def shared(request: HttpRequest) -> HttpResponse:
    return _SHARED


def streamed(request: HttpRequest) -> StreamingHttpResponse:
    def chunks() -> Iterator[bytes]:
        _pulled.append("started")
        yield b"a"
        yield b"b"

    async def achunks() -> Any:
        _pulled.append("started")
        yield b"a"
        yield b"b"

    return StreamingHttpResponse(achunks() if hasattr(request, "scope") else chunks())


_pulled: list[str] = []
urlpatterns = [path("plain/", plain), path("shared/", shared), path("streamed/", streamed)]
mounted = [*urlpatterns, path("__gateway__/", include("django_gateway.urls"))]


class Watching:
    """A middleware that would see what the project is not to see."""

    seen: list[set[str]] = []

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        response = self.get_response(request)
        self.seen.append({name.lower() for name in response.headers} & OURS)
        return response


@contextmanager
def recorded_in(*, debug: bool = True, urlconf: Any = None, **gateway: Any) -> Iterator[Recorded]:
    settings: dict[str, Any] = {
        "DEBUG": debug,
        "ROOT_URLCONF": urlconf or __name__,
        "MIDDLEWARE": [f"{__name__}.Watching"],
    }
    settings["GATEWAY"] = {"ENABLED": False, **gateway}
    with override_settings(**settings), recorded_process() as recorded:
        yield recorded


def headers(recorded: Recorded, interface: str, where: str, **changes: Any) -> dict[str, str]:
    if interface == "wsgi":
        answered = serve(recorded.wsgi(WSGIHandler()), recorders.environ(where, **changes))
        return {name.lower(): value for name, value in answered.headers}
    client = [changes.get("REMOTE_ADDR", "127.0.0.1"), 1]
    sent = [
        (key[5:].lower().replace("_", "-").encode(), value.encode())
        for key, value in changes.items()
        if key.startswith("HTTP_")
    ]
    scope = recorders.scope(where, client=client, headers=[(b"host", b"testserver"), *sent])
    connection = asyncio.run(serve_asgi(recorded.asgi(ASGIHandler()), scope))
    return {name.decode().lower(): value.decode() for name, value in connection.sent[0]["headers"]}


@BOTH
def test_in_debug_a_response_names_its_exchange_and_its_times(interface: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(conf.PANEL_ADDRESS, "http://127.0.0.1:8001/")
    Watching.seen.clear()
    with recorded_in() as recorded:
        found = headers(recorded, interface, "/plain/")
    number = format_id(recorded.only.id)
    assert found["x-gateway-exchange"] == number
    assert found["x-gateway-panel"] == f"http://127.0.0.1:8001/exchanges/{number}/"
    times = dict(re.findall(r"(\w+);dur=(\d+\.\d\d)", found["server-timing"]))
    assert set(times) == {"middleware", "view", "total"}
    assert 0 <= float(times["view"]) <= float(times["total"])
    # The project's own middleware saw none of it, and the panel says who did it.
    assert Watching.seen == [set()]
    told = {each["name"].lower(): each["origin"] for each in document(recorded.only)["response"]["headers"]}
    assert {told[name] for name in OURS} == {"django_gateway"}


@BOTH
@pytest.mark.parametrize(
    ("debug", "gateway", "expected"),
    [
        (False, {}, set()),
        (False, {"SERVER_TIMING": True, "EXCHANGE_HEADER": True}, set()),
        (True, {"SERVER_TIMING": False, "EXCHANGE_HEADER": False}, set()),
        (True, {"SERVER_TIMING": False}, {"x-gateway-exchange"}),
        (True, {"EXCHANGE_HEADER": False}, {"server-timing"}),
    ],
)
def test_switches(interface: str, debug: bool, gateway: dict[str, bool], expected: set[str]) -> None:
    before = BaseHandler.get_response, BaseHandler.get_response_async
    with recorded_in(debug=debug, **gateway) as recorded:
        # Without a reason nothing is patched for it.
        assert ((BaseHandler.get_response, BaseHandler.get_response_async) == before) is not bool(expected)
        assert headers(recorded, interface, "/plain/").keys() & OURS == expected
    assert (BaseHandler.get_response, BaseHandler.get_response_async) == before
    assert not instrument.is_installed()


@BOTH
def test_a_stream_stays_as_it_was(interface: str) -> None:
    _pulled.clear()
    with recorded_in() as recorded:
        if interface == "asgi":
            assert "server-timing" in headers(recorded, interface, "/streamed/")
        else:
            environ = recorders.environ("/streamed/")
            answered = recorders.Answered()
            iterable = recorded.wsgi(WSGIHandler())(environ, answered.start_response)
            assert "Server-Timing" in dict(answered.headers)
            assert _pulled == []
            assert b"".join(iterable) == b"ab"
            iterable.close()  # type: ignore[attr-defined]
    assert _pulled == ["started"]
    assert recorded.only.sizes.body_bytes == 2


@BOTH
def test_a_response_given_out_again_does_not_grow(interface: str) -> None:
    with recorded_in() as recorded:
        found = [headers(recorded, interface, "/shared/") for _ in range(3)]
    assert [each["server-timing"].count("total") for each in found] == [1, 1, 1]
    assert all(each["server-timing"].startswith("cache;desc=hit, middleware") for each in found)
    numbers = [format_id(exchange.id) for exchange in recorded.exchanges]
    assert [each["x-gateway-exchange"] for each in found] == numbers


@BOTH
def test_the_link_is_for_a_client_on_this_machine_alone(interface: str) -> None:
    with recorded_in(urlconf=f"{__name__}_mounted") as recorded:
        found = headers(recorded, interface, "/plain/")
        number = format_id(recorded.exchanges[-1].id)
        assert found["x-gateway-panel"] == f"/__gateway__/exchanges/{number}/"
        assert "x-gateway-panel" not in headers(recorded, interface, "/plain/", REMOTE_ADDR="192.0.2.1")
        forwarded = {"HTTP_X_FORWARDED_FOR": "192.0.2.1"}
        assert "x-gateway-panel" not in headers(recorded, interface, "/plain/", **forwarded)


@pytest.fixture(autouse=True)
def _mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import ModuleType

    module = ModuleType(f"{__name__}_mounted")
    module.urlpatterns = mounted  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.parametrize(
    ("meta", "here"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, True),
        ({"REMOTE_ADDR": "::1", "HTTP_X_FORWARDED_FOR": "127.0.0.1, ::1"}, True),
        ({"REMOTE_ADDR": ""}, False),
        ({}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": ""}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=127.0.0.1"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_REAL_IP": "10.0.0.1"}, False),
        ({"REMOTE_ADDR": "localhost"}, False),
    ],
)
def test_who_is_on_this_machine(meta: dict[str, str], here: bool) -> None:
    assert from_here(meta) is here


def test_an_application_that_is_not_djangos_is_left_alone() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    with recorded_in() as recorded:
        assert serve(recorded.wsgi(application)).headers == [("Content-Type", "text/plain")]


def test_wsgis_validator_has_nothing_to_say() -> None:
    for gateway in ({}, {"SERVER_TIMING": False, "EXCHANGE_HEADER": False}):
        with recorded_in(**gateway) as recorded:
            environ = recorders.environ("/plain/")
            answered = serve(validator(recorded.wsgi(validator(WSGIHandler()))), {**environ, "CONTENT_LENGTH": "0"})
        assert answered.error is None
        assert answered.body == b"plain"


@BOTH
def test_the_mounted_panels_own_pages_name_nothing(interface: str) -> None:
    with recorded_in(urlconf=f"{__name__}_mounted") as recorded:
        assert headers(recorded, interface, "/__gateway__/").keys() & OURS == set()
    assert len(recorded) == 0


@BOTH
def test_request_id_and_trace_are_kept(interface: str) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    sent = {"HTTP_X_REQUEST_ID": "abc-123", "HTTP_TRACEPARENT": f"00-{trace}-00f067aa0ba902b7-01"}
    with recorded_in() as recorded:
        headers(recorded, interface, "/plain/", **sent)
    told = document(recorded.only)
    assert (told["request_id"], told["trace_id"]) == ("abc-123", trace)
