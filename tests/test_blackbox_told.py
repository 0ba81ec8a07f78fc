"""What a black box tells of an exchange, of whatever event it is, is shown on every page and in every form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

import factories
from django_gateway.events import EVENT_FIELDS
from django_gateway.exchange import INTERRUPTED, Exchange, Sizes, Split, format_id
from django_gateway.panel.views.exchange import TABS
from django_gateway.stores import Capacity, open_store
from factories import keep
from panels import installed

INTERFACES = {"cgi": factories.cgi_page, "wsgi": factories.wsgi_page, "asgi": factories.asgi_page}


def of(name: str) -> Exchange:
    """An interrupted exchange of which the store had nothing: one event, whose open fields are not known."""
    kind = "websocket" if name.startswith(("websocket", "channels")) else "http"
    kind = "lifespan" if name.startswith("lifespan") else kind
    interface = next((one for one in INTERFACES if name.startswith(one)), "wsgi" if kind == "http" else "asgi")
    whole = INTERFACES[interface]()
    fields: list[Any] = [None] * len(EVENT_FIELDS[name])
    if EVENT_FIELDS[name][:1] == ("middleware",):
        fields[0] = "not known"
    if "size" in EVENT_FIELDS[name]:
        fields[EVENT_FIELDS[name].index("size")] = 3
    return msgspec.structs.replace(
        whole,
        type=kind,
        state=INTERRUPTED,
        ended=None,
        handover=None,
        match=None,
        headers=None,
        status=None,
        scheduler=None,
        loop=None,
        sizes=Sizes(),
        split=Split(),
        facts=[],
        trail=[[name, whole.started + 1_000_000, *fields]],
    )


#: Told beside another event or when they are over: none of them is what a box names.
BESIDE = ("crossing.to_", "crossing.queued", "django.headers", "django.route.", "django.body.read")


@pytest.mark.parametrize("name", [name for name in EVENT_FIELDS if not name.startswith(BESIDE)])
def test_every_event_alone(name: str, tmp_path: Path) -> None:
    store = open_store("memory:", Capacity())
    exchange = of(name)
    keep(store, exchange)
    number = format_id(exchange.id)
    with installed(store, tmp_path) as client:
        document = json.loads(client.get(f"/api/exchanges/{number}/").content)
        assert document["state"] == "interrupted"
        assert (document["last_event"]["name"], document["last_event"]["at_ms"]) == (name, 1.0)
        for tab in TABS:
            answer = client.get(f"/exchanges/{number}/?tab={tab.key}", headers={"Accept": "text/html"})
            assert answer.status_code == 200
        assert "interrupted" in client.get(f"/exchanges/{number}/", headers={"Accept": "text/html"}).content.decode()
        assert client.get("/", headers={"Accept": "text/html"}).status_code == 200
