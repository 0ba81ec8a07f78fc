"""A project under gatewayserve --wire, and what tests ask of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from django_gateway.exchange import IN_FLIGHT, Exchange
from django_gateway.stores import open_store
from serving import Serving, Site, listens, until

VIEWS = """
import hashlib
import time

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt


def answer(request):
    response = HttpResponse("answer", status=299, reason="Quite Fine")
    response.set_cookie("sessionid", "planted")
    response["Server"] = "the view"
    return response


def who(request):
    return JsonResponse({"address": request.META["REMOTE_ADDR"], "port": request.META["SERVER_PORT"]})


@csrf_exempt
def upload(request):
    digest, size = hashlib.sha256(), 0
    while piece := request.read(65536):
        digest.update(piece)
        size += len(piece)
    return JsonResponse({"size": size, "sha256": digest.hexdigest()})


def download(request):
    return StreamingHttpResponse(b"x" * 65536 for _ in range(int(request.GET["blocks"])))
"""
URLS = """
from django.urls import path

from . import extra, views

urlpatterns = [path(f"{view.__name__}/", view) for view in (extra.answer, extra.who, extra.upload, extra.download)]
urlpatterns += [path(f"{name}/", getattr(views, name)) for name in ("version", "slow", "events", "die")]
"""


def project(folder: Path) -> Site:
    site = Site(folder)
    site.with_sockets()
    site.write("mysite/extra.py", VIEWS)
    site.write("mysite/urls.py", URLS)
    site.settings("GATEWAY = {'BODY_BYTES': 100}")
    return site


@contextmanager
def serving_wire(folder: Path, arguments: str) -> Iterator[tuple[Serving, Site]]:
    site = project(folder)
    with Serving(site.folder, *arguments.split(), "--wire") as serving:
        until(lambda: listens(serving))
        until(lambda: serving.request("/version/")[0] == 200)
        yield serving, site


def wired(site: Site, mark: str, *parts: str) -> Exchange:
    """The exchange with that text in its query, once the wire is there too, and whatever else."""
    store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")

    def look() -> Exchange | None:
        for summary in store.page(limit=500):
            if mark in (summary.query or summary.path) and summary.state != IN_FLIGHT:
                found = store.get(summary.id)
                return found if found is not None and {"wire", *parts} <= found.parts.keys() else None
        return None

    try:
        found = until(look, f"{mark} is not there, or its wire is not")
        assert found is not None
        return found
    finally:
        store.close()


def raw(serving: Serving, request: bytes) -> bytes:
    with socket.create_connection((serving.host, serving.port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer


def ask_many(serving: Serving, count: int, kept: int = 40, **more: Any) -> None:
    """All at once over a few dozen connections, kept or not; each says in a header who it is, and nowhere else."""

    async def ask() -> None:
        limits = httpx.Limits(max_connections=40, max_keepalive_connections=kept)
        async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits, **more) as client:
            answers = await asyncio.gather(
                *(client.get("/version/?many=1", headers={"X-Number": str(number)}) for number in range(count))
            )
        assert {answer.status_code for answer in answers} == {200}

    asyncio.run(ask())


def numbers_agree(site: Site, count: int) -> None:
    store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")

    def pairs() -> list[tuple[str, str]]:
        found = []
        for summary in store.page(limit=500):
            exchange = store.get(summary.id) if summary.query == "many=1" else None
            if exchange is not None and "wire" in exchange.parts:
                wire = {name.lower(): value for name, value in exchange.parts["wire"]["request"]["headers"]}
                found.append((handed(exchange), wire["x-number"]))
        return found

    until(lambda: len(pairs()) == count, "not every request was joined")
    found = pairs()
    assert [one for one in found if one[0] != one[1]] == []
    assert {int(one) for one, _ in found} == set(range(count))
    store.close()


def handed(exchange: Exchange) -> str:
    assert exchange.handover is not None
    for key, value in exchange.handover.entries:
        if key == "HTTP_X_NUMBER":
            return str(value)
        if key == "headers":
            return str(dict(value)["x-number"])
    raise AssertionError(exchange.handover)
