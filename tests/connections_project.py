"""A project with one database in a file, asked in a process of its own: what it prints is what was recorded.

pytest-django keeps tests from opening, closing and sharing connections as a project does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

INTERFACE, FOLDER = sys.argv[1:] if __name__ == "__main__" else ("", "")


def query() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def asking(request: HttpRequest) -> HttpResponse:
    query()
    query()
    return HttpResponse("asked")


def closing(request: HttpRequest) -> HttpResponse:
    from django.db import connection

    query()
    connection.close()
    query()
    return HttpResponse("asked twice")


def idle(request: HttpRequest) -> HttpResponse:
    return HttpResponse("nothing asked")


async def elsewhere(request: HttpRequest) -> HttpResponse:
    """In a thread of the loop's executor, which request_finished never reaches."""
    await sync_to_async(query, thread_sensitive=False)()
    return HttpResponse("asked in another thread")


async def sensitive(request: HttpRequest) -> HttpResponse:
    await sync_to_async(query)()
    return HttpResponse("asked in the request's thread")


urlpatterns = [
    path("asking/", asking),
    path("closing/", closing),
    path("idle/", idle),
    path("elsewhere/", elsewhere),
    path("sensitive/", sensitive),
]


def main() -> None:
    import django

    settings.configure(
        DEBUG=True,
        SECRET_KEY="-",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="__main__",
        GATEWAY={"ENABLED": False},
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{FOLDER}/db.sqlite3"}},
    )
    django.setup()
    from django.db import connection

    import recorders
    from django_gateway.document import document

    def ask(recorded: recorders.Recorded, where: str, **changes: Any) -> Any:
        connection.settings_dict.update({"CONN_MAX_AGE": 0, **changes})
        asked = len(recorded)
        if INTERFACE == "wsgi":
            recorders.serve(wsgi, recorders.environ(where))
        else:
            loop.run_until_complete(recorders.serve_asgi(asgi, recorders.scope(where)))
        assert len(recorded) == asked + 1
        return document(recorded.exchanges[-1])["connections"]

    with recorders.recorded_process() as recorded:
        if INTERFACE == "wsgi":
            from django.core.wsgi import get_wsgi_application

            wsgi = recorded.wsgi(get_wsgi_application())
        else:
            from django.core.asgi import get_asgi_application

            asgi = recorded.asgi(get_asgi_application())
            loop = asyncio.new_event_loop()
        found = {
            "asking": ask(recorded, "/asking/"),
            "kept": ask(recorded, "/asking/", CONN_MAX_AGE=60),
            "reused": ask(recorded, "/asking/", CONN_MAX_AGE=60),
            "idle beside an open one": ask(recorded, "/idle/", CONN_MAX_AGE=60),
            "for ever": ask(recorded, "/closing/", CONN_MAX_AGE=None),
        }
        connection.close()
        found["idle"] = ask(recorded, "/idle/")
        if INTERFACE == "asgi":
            found["sensitive"] = ask(recorded, "/sensitive/")
            found["elsewhere"] = ask(recorded, "/elsewhere/")
        found["failing"] = ask(recorded, "/asking/", NAME=FOLDER)
        failure = recorded.exchanges[-1].failure
        assert failure is not None
        found["frames"] = [frame.file for frame in failure.frames]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
