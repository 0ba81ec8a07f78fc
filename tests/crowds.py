"""A crowd of requests or WebSockets on a real server, each with a mark of its own, and what every record of one holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

import crowd_project
from crowd_project import AT_ONCE
from django_gateway import phases
from django_gateway.document import document
from django_gateway.exchange import FINISHED, Exchange
from django_gateway.stores import Store, open_store
from recorders import dumped
from serving import Site, until

MARK = re.compile(rb"q\d{4}z")
SERVERS = {"django": ["--wsgi"], "daphne": ["--asgi"], "uvicorn": ["--asgi", "--server", "uvicorn"]}

SETTINGS = """
INSTALLED_APPS = ["django_gateway", "django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"]
MIDDLEWARE = [
    "mysite.crowd.Tagging",
    "mysite.crowd.tagging_async",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
MARKS = {f"q{number:04d}z.html": "{{ mark }}" for number in range(1000)}
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", MARKS)]},
}]
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
GATEWAY = {"BODY_BYTES": 100}
"""
ASGI = """
import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
django_application = get_asgi_application()

from .crowd import websocket_urlpatterns

application = ProtocolTypeRouter({"http": django_application, "websocket": URLRouter(websocket_urlpatterns)})
"""


def mark_of(number: int) -> str:
    return f"q{number:04d}z"


def crowded(folder: Path) -> Site:
    made = Site(folder)
    made.settings(SETTINGS)
    made.write("mysite/crowd.py", Path(crowd_project.__file__).read_text(encoding="utf-8"))
    made.write("mysite/urls.py", "from .crowd import urlpatterns  # noqa: F401\n")
    made.write("mysite/asgi.py", ASGI)
    return made


@contextmanager
def kept(site: Site) -> Iterator[Store]:
    store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")
    try:
        store.clear()
        yield store
    finally:
        store.close()


def recorded(store: Store, kind: str) -> dict[str, Exchange]:
    """By their marks, once all of them are finished."""

    def finished() -> list[int]:
        found = [one.id for one in store.page(limit=2 * AT_ONCE) if one.type == kind and one.state == FINISHED]
        return found if len(found) >= AT_ONCE else []

    found = [store.get(number) for number in until(finished, "not all were recorded")]
    exchanges = [exchange for exchange in found if exchange is not None]
    assert len(exchanges) == AT_ONCE == len({exchange.id for exchange in exchanges})
    by_mark = {exchange.path.split("/")[2]: exchange for exchange in exchanges}
    assert by_mark.keys() == {mark_of(number) for number in range(AT_ONCE)}
    return by_mark


def nothing_of_another(exchange: Exchange, mark: str) -> None:
    """In no event, nor anywhere else in the record or in what the panel makes of it."""
    own = {mark.encode()}
    for event in exchange.trail:
        assert set(MARK.findall(msgspec.json.encode(event))) <= own, event
    assert set(MARK.findall(dumped(exchange))) == own
    assert set(MARK.findall(msgspec.json.encode(document(exchange)))) == own


def in_its_own_time(exchange: Exchange) -> None:
    """Each event inside the exchange, each pair closed, each crossing there and back."""
    assert exchange.duration is not None
    for happening in phases.happenings(exchange):
        assert 0 <= happening.at <= exchange.duration, happening
        returned = happening.fields.get("returned")
        assert returned is None or happening.at <= returned <= exchange.duration, happening
    for span in phases.spans(exchange):
        assert span.finished is not None, span
        assert span.started <= span.finished
    crossings = phases.crossings(exchange)
    assert len(crossings) == exchange.sizes.crossings
    for crossing in crossings:
        assert crossing.entered is not None, crossing
        assert crossing.left is not None, crossing
        assert crossing.started <= crossing.entered <= crossing.left <= crossing.returned, crossing
    assert exchange.sizes.dropped == 0
