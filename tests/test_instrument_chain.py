"""The chain of middleware as Django has built it: which hooks there are, which were not called, and why."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.utils.deprecation import MiddlewareMixin

import recorders
from chains import LISTS, STARTPROJECT, AsyncClass, MixinHooks, NotUsed, SyncClass, async_function, sync_function
from inner_site import BOTH, HERE, chain_of, here
from recorders import recorded_process, serve


@BOTH
@pytest.mark.parametrize("listed", LISTS)
def test_every_listed_middleware_is_told(interface: str, listed: str) -> None:
    built = chain_of(interface, LISTS[listed])
    assert [layer["listed"] for layer in built["layers"]] == LISTS[listed]
    assert [layer["used"] for layer in built["layers"]] == [not name.endswith("NotUsed") for name in LISTS[listed]]
    assert all(layer["reached"] is layer["used"] for layer in built["layers"])
    assert built["interface"] == interface


def test_adaptation_under_wsgi() -> None:
    built = chain_of("wsgi", here(async_function, sync_function, AsyncClass))
    modes = [(layer["mode"], layer["calls"]) for layer in built["layers"]]
    # From the outermost: what the handler calls, then what each layer calls.
    assert built["calls"] == "async_to_sync"
    assert modes == [("async", "sync_to_async"), ("sync", "async_to_sync"), ("async", "sync_to_async")]
    assert [(layer["sync_capable"], layer["async_capable"]) for layer in built["layers"]] == [
        (False, True),
        (True, False),
        (False, True),
    ]


def test_adaptation_under_asgi() -> None:
    built = chain_of("asgi", here(sync_function, async_function))
    assert built["calls"] == "sync_to_async"
    assert [(layer["mode"], layer["calls"]) for layer in built["layers"]] == [
        ("sync", "async_to_sync"),
        ("async", None),
    ]


@BOTH
def test_an_unused_outermost_layer_hides_nothing(interface: str) -> None:
    other = sync_function if interface == "asgi" else async_function
    built = chain_of(interface, here(NotUsed, other))
    assert built["calls"] == ("sync_to_async" if interface == "asgi" else "async_to_sync")
    unused = built["layers"][0]
    assert (unused["used"], unused["reached"], unused["hooks"]) == (False, False, [])


@BOTH
def test_hooks_present_and_how_they_are_adapted(interface: str) -> None:
    built = chain_of(interface, here(MixinHooks, AsyncClass, SyncClass))
    hooks = {layer["name"]: {hook["name"]: hook for hook in layer["hooks"]} for layer in built["layers"]}
    assert list(hooks["chains.MixinHooks"]) == [
        "process_request",
        "process_view",
        "process_template_response",
        "process_exception",
        "process_response",
    ]
    assert list(hooks["chains.AsyncClass"]) == ["process_view"]
    adapted = {name: each["process_view"]["adapted"] for name, each in hooks.items()}
    if interface == "asgi":
        assert adapted == {
            "chains.MixinHooks": "sync_to_async",
            "chains.AsyncClass": None,
            "chains.SyncClass": "sync_to_async",
        }
    else:
        assert adapted == {"chains.MixinHooks": None, "chains.AsyncClass": "async_to_sync", "chains.SyncClass": None}
    assert hooks["chains.AsyncClass"]["process_view"]["mode"] == "async"


class Answering(MiddlewareMixin):
    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        return HttpResponse("from process_view") if "early" in request.GET else None


class Closed(MiddlewareMixin):
    def process_request(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("closed", status=503)


@BOTH
@pytest.mark.parametrize(
    ("where", "query", "expected"),
    [
        ("/first/", "", {"process_template_response": "no render()", "process_exception": "raised nothing"}),
        ("/rendered/", "", {"process_exception": "raised nothing"}),
        ("/raising/", "", {"process_template_response": "the view raised"}),
        ("/raising/", "rescue", {"process_template_response": "the view raised"}),
        (
            "/nowhere/",
            "",
            {"process_view": "no route", "process_template_response": "no route", "process_exception": "no route"},
        ),
        (
            "/first/",
            "early",
            {
                "process_view": "outer",
                "process_template_response": "in place of",
                "process_exception": "raised nothing",
            },
        ),
    ],
)
def test_hooks_that_were_not_called_and_why(interface: str, where: str, query: str, expected: dict[str, str]) -> None:
    built = chain_of(interface, here(Answering, MixinHooks), where, query)
    hooks = {hook["name"]: hook for hook in built["layers"][1]["hooks"]}
    assert {name for name, hook in hooks.items() if not hook["called"]} == expected.keys()
    for name, words in expected.items():
        assert words in hooks[name]["why"]


@BOTH
def test_layers_that_were_not_reached(interface: str) -> None:
    built = chain_of(interface, here(MixinHooks, Closed, SyncClass, MixinHooks))
    assert [layer["reached"] for layer in built["layers"]] == [True, True, False, False]
    whys = {hook["name"]: hook["why"] for hook in built["layers"][3]["hooks"]}
    assert all(why == f"{__name__}.Closed answered before it was reached" for why in whys.values())
    outer = {hook["name"]: hook["why"] for hook in built["layers"][0]["hooks"]}
    assert outer["process_request"] is outer["process_response"] is None
    assert "no view was looked for" in outer["process_view"]


def test_it_is_kept_once_for_the_process() -> None:
    with override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=STARTPROJECT), recorded_process() as recorded:
        application = recorded.wsgi(WSGIHandler())
        for _ in range(3):
            serve(application, recorders.environ("/first/"))
        from django_gateway import facts

        assert all(type(number) is int for number in facts.current)
        assert len(facts.current) == 4  # the application, its chain, the receivers, the settings of a request
        serve(recorded.wsgi(WSGIHandler()), recorders.environ("/first/"))
        assert len(facts.current) == 4
    assert facts.current == []
