"""Channels inside an exchange: the tree of the application, the way of a scope, a consumer's handlers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from channels.consumer import AsyncConsumer
from channels.layers import InMemoryChannelLayer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels_redis.pubsub import RedisPubSubLoopLayer

import recorders
from channels_project import Blocking, Tagging, Talking, application, events, path, talked
from django_gateway import composition, instrument
from django_gateway.document import document
from recorders import connected, recorded_process

pytestmark = pytest.mark.django_db(transaction=True)


def names_in(tree: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    yield tree["name"].rpartition(".")[2], tree["label"]
    for branch in tree["branches"]:
        yield from names_in(branch)


def test_the_tree_is_what_the_application_is_made_of() -> None:
    made = application()
    tree = composition.tree(made)
    assert list(names_in(tree)) == [
        ("ProtocolTypeRouter", None),
        ("ASGIHandler", "http"),
        ("OriginValidator", "websocket"),
        ("CookieMiddleware", None),
        ("SessionMiddleware", None),
        ("AuthMiddleware", None),
        ("Tagging", None),
        ("URLRouter", None),
        ("URLRouter", "ws/"),
        ("Talking", "<slug:room>/"),
        ("Blocking", "sync/"),
    ]
    assert (tree["kind"], tree["branches"][0]["kind"]) == ("router", "django")
    consumers = tree["branches"][1]
    while consumers["kind"] != "router" or consumers["branches"][0]["label"] == "ws/":
        consumers = consumers["branches"][0]
    assert [(node["kind"], node["mode"]) for node in consumers["branches"]] == [
        ("consumer", "async"),
        ("consumer", "sync"),
    ]


def test_trees_of_other_kinds() -> None:
    class Circular:
        def __call__(self) -> None: ...

    round_and_round = Circular()
    round_and_round.app = round_and_round  # type: ignore[attr-defined]
    assert composition.tree(round_and_round)["branches"] == []

    def outer(app: Any) -> Any:
        def call(environ: Any, start_response: Any) -> Any:
            return app(environ, start_response)

        return call

    tree = composition.tree(outer(outer(Circular())))
    assert [name for name, _ in names_in(tree)] == ["test_trees_of_other_kinds"] * 3
    deep: Any = Circular()
    for _ in range(2_000):
        deep = outer(deep)
    assert len(list(composition.walk(deep))) < 100


async def test_the_way_of_a_scope_and_what_each_layer_added() -> None:
    with recorded_process() as recorded:
        exchange = await talked(recorded, "/ws/lobby/")
    way = document(exchange)["channels"]["way"]
    assert [(layer["application"].rpartition(".")[2], layer["branch"]) for layer in way] == [
        ("ProtocolTypeRouter", "websocket"),
        ("OriginValidator", None),
        ("CookieMiddleware", None),
        ("SessionMiddleware", None),
        ("AuthMiddleware", None),
        ("Tagging", None),
        ("URLRouter", "ws/"),
        ("URLRouter", "<slug:room>/"),
        ("Talking", None),
    ]
    added = {
        layer["application"].rpartition(".")[2]: {each["key"]: each["value"] for each in layer["added"]}
        for layer in way[:-3]
    }
    assert set(added["CookieMiddleware"]) == {"cookies"}
    assert set(added["SessionMiddleware"]) >= {"session"}
    assert added["AuthMiddleware"] == {"user": "<django.contrib.auth.models.AnonymousUser>"}
    assert added["Tagging"] == {"tag": "tagged", "api_token": "•••••"}
    assert way[-2]["added"] == [
        {"key": "path_remaining", "value": ""},
        {"key": "url_route", "value": {"args": [], "kwargs": {"room": "lobby"}}},
    ]
    assert b"sesame" not in recorders.dumped(exchange)
    assert document(exchange)["application"]["name"] == "channels.routing.ProtocolTypeRouter"


async def test_what_a_layer_sets_again_is_told_again() -> None:
    """What was told once is known by a number, here too."""

    with recorded_process() as recorded:

        class Mounting(Tagging):
            async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
                return await self.inner(dict(scope, root_path="/mounted"), receive, send)

        router = URLRouter([path("ws/<slug:room>/", Talking.as_asgi())])
        made = ProtocolTypeRouter({"websocket": Mounting(router)})
        for number in range(1, 4):
            exchange = await talked(recorded, "/mounted/ws/lobby/", made=made)
            assert len(recorded.exchanges) == number
            way = document(exchange)["channels"]["way"]
            assert {"key": "root_path", "value": "/mounted"} in [each for layer in way for each in layer["added"]]


async def test_a_path_without_a_route() -> None:
    with recorded_process() as recorded:
        exchange = await talked(recorded, "/nowhere/")
    assert events(exchange, "asgi.entered")[-1]["branch"] is None
    assert exchange.failure is not None
    assert "No route found" in exchange.failure.message


@pytest.mark.parametrize(
    ("where", "consumer", "mode"), [("/ws/lobby/", "Talking", "async"), ("/ws/sync/", "Blocking", "sync")]
)
async def test_each_message_is_dispatched_to_its_handler(where: str, consumer: str, mode: str) -> None:
    inner = URLRouter([path("sync/", Blocking.as_asgi()), path("lobby/", Talking.as_asgi())])
    with recorded_process() as recorded:
        exchange = await talked(
            recorded, where, "one", "two", made=ProtocolTypeRouter({"websocket": URLRouter([path("ws/", inner)])})
        )
    dispatched = document(exchange)["channels"]["dispatches"]
    assert {each["consumer"] for each in dispatched} == {f"channels_project.{consumer}"}
    assert {each["mode"] for each in dispatched} == {mode}
    handlers = [each["handler"] for each in dispatched if each["handler"] != "talk_heard"]
    assert handlers == ["websocket_connect", "websocket_receive", "websocket_receive", "websocket_disconnect"]
    assert all(each["ms"] is not None and each["exception"] is None for each in dispatched)
    # A sync consumer's handlers run in threads, an async one's connections are looked after there.
    assert exchange.sizes.crossings >= 4
    assert exchange.close is not None
    assert (exchange.close.code, exchange.close.by) == (1001, "client")


async def test_a_handler_that_fails() -> None:
    with recorded_process() as recorded:
        exchange = await talked(recorded, "/ws/lobby/", "fail")
    (failed,) = (each for each in document(exchange)["channels"]["dispatches"] if each["exception"])
    assert (failed["handler"], failed["exception"]) == ("websocket_receive", "LookupError")
    assert exchange.failure is not None
    # Not one frame of ours is in what the server logs.
    assert all("django_gateway" not in frame.file for frame in exchange.failure.frames)
    assert exchange.close is not None
    assert (exchange.close.code, exchange.close.by) == (1011, "server")


async def test_all_of_it_is_taken_out_again() -> None:
    from channels import consumer, layers

    owners = [
        (ProtocolTypeRouter, "__call__"),
        (URLRouter, "__call__"),
        (AsyncConsumer, "__call__"),
        (Tagging, "__call__"),
        (consumer, "await_many_dispatch"),
        (layers.ChannelLayerManager, "_make_backend"),
        (InMemoryChannelLayer, "send"),
        (InMemoryChannelLayer, "receive"),
        (InMemoryChannelLayer, "group_send"),
        (RedisPubSubLoopLayer, "send"),
    ]
    before = [vars(owner).get(name) for owner, name in owners]
    with recorded_process() as recorded:
        # A recorder alone patches none of Channels: only an application that is made with it does.
        assert [vars(owner).get(name) for owner, name in owners] == before
        await talked(recorded, "/ws/lobby/")
        changed = [vars(owner).get(name) is not there for (owner, name), there in zip(owners, before, strict=True)]
        assert changed == [True] * 9 + [False]
    assert all(vars(owner).get(name) is there for (owner, name), there in zip(owners, before, strict=True))
    assert not instrument.is_installed()


async def test_what_holds_for_the_process_is_kept_once() -> None:
    with recorded_process() as recorded:
        made = recorded.asgi(application())
        sizes = []
        for _ in range(3):
            scope = recorders.scope("/ws/lobby/", type="websocket", headers=[(b"host", b"localhost")])
            async with connected(made, scope, {"type": "websocket.connect"}) as connection:
                await connection.wait_sent(1)
            sizes.append(recorded.exchanges[-1].facts)
        assert sizes[0] == sizes[1] == sizes[2]
        from django_gateway import facts

        assert all(isinstance(number, int) for number in facts.current)
