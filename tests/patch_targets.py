"""A process of its own that says, as JSON, of each function that recording replaces whether it is the one that it was.

Every function of Django, asgiref and Channels is noted before ``django.setup()``; then the project is set up with
recording on or off and serves a request in each mode and a WebSocket. What to look at is asked of the instrumentation
itself, at the end: every module of it that has patches.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import pkgutil
import sys
from typing import Any

import django
from asgiref import sync
from channels import consumer, layers, routing
from channels.generic import websocket
from django.conf import settings
from django.core.handlers import asgi, wsgi
from django.db import connection
from django.db.backends.base import base
from django.http import HttpRequest, HttpResponse
from django.template.backends import django as backend
from django.urls import path

LOOKED_AT = (sync, consumer, layers, routing, websocket, asgi, wsgi, base, backend)
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]


def view(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("seen")


class Talker(websocket.AsyncWebsocketConsumer):
    groups = ["lobby"]


urlpatterns = [path("", view)]


def noted() -> dict[tuple[int, str], Any]:
    """Every attribute of every module, class and object of the three packages."""
    found: dict[tuple[int, str], Any] = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("django", "asgiref", "channels"):
            for owner in (module, *vars(module).values()):
                if hasattr(owner, "__dict__"):
                    found.update({(id(owner), attribute): value for attribute, value in vars(owner).items()})
    return found


def served(application: Any) -> list[str]:
    """The files of the code that is in Django's chain, outermost first."""
    import recorders

    async def both() -> None:
        answered = await recorders.serve_asgi(application, recorders.scope("/"))
        assert answered.body == b"seen"
        opening = {"type": "websocket.connect"}
        async with recorders.connected(application, recorders.scope("/", type="websocket"), opening) as talk:
            assert (await talk.wait_sent(1))[0]["type"] == "websocket.accept"

    asyncio.run(both())
    handler = wsgi.WSGIHandler()
    assert recorders.serve(handler, recorders.environ("/")).body == b"seen"
    files = []
    link: Any = handler._middleware_chain  # type: ignore[attr-defined]
    while link is not None:
        code = getattr(link, "__code__", None)  # what is in C has none
        files.append(code.co_filename if code is not None else str(sys.modules[type(link).__module__].__file__))
        link = getattr(inspect.unwrap(link), "get_response", None)
    return files


def targets(application: Any) -> dict[str, list[tuple[Any, str]]]:
    from django_gateway import instrument

    found: dict[str, list[tuple[Any, str]]] = {}
    for each in pkgutil.iter_modules(instrument.__path__):
        module = importlib.import_module(f"{instrument.__name__}.{each.name}")
        patches = getattr(module, "patches", None)
        if patches is None:
            continue
        known = {"application": application, "add": lambda patches: None}
        given = [known[name] for name in inspect.signature(patches).parameters]
        found[each.name] = [(owner, name) for owner, name, _ in patches(*given)]
    return found


def main(enabled: bool, folder: str) -> None:
    settings.configure(
        DEBUG=True,
        SECRET_KEY="-",
        ROOT_URLCONF="patch_targets",
        MIDDLEWARE=MIDDLEWARE,
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["django_gateway"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
        GATEWAY={"ENABLED": enabled, "STORE": "memory:"},
        BASE_DIR=folder,
    )
    before = noted()
    django.setup()
    from django_gateway import record_asgi

    consumer_application: Any = Talker.as_asgi()
    router = routing.ProtocolTypeRouter(
        {"http": asgi.ASGIHandler(), "websocket": routing.URLRouter([path("", consumer_application)])}
    )
    files = served(record_asgi(router))
    same = {
        module: {
            f"{getattr(owner, '__name__', type(owner).__name__)}.{name}": vars(owner).get(name)
            is before.get((id(owner), name))
            for owner, name in found
        }
        for module, found in targets(router).items()
    }
    print(json.dumps({"same": same, "files": files}))


if __name__ == "__main__":
    main(sys.argv[1] == "on", sys.argv[2])
