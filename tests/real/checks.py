"""What must be on record of a visitor's requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx

from django_gateway.document import document
from django_gateway.stores import open_store
from django_gateway.stores.filters import parse
from serving import until

from .journeys import Views, view_of
from .visitor import AGENT, Visit

Document = dict[str, Any]


def from_store(folder: Path, count: int) -> list[Document]:
    """The exchanges of the project's store, in the order of their start, once there are ``count`` finished ones."""
    store = open_store(f"sqlite:///{folder}/exchanges.sqlite3")
    try:
        finished = parse("state:finished")
        until(lambda: len(store.page(finished, limit=500)) >= count, f"fewer than {count} were recorded")
        page = [store.get(summary.id) for summary in reversed(store.page(limit=500))]
        return [document(exchange) for exchange in page if exchange is not None]
    finally:
        store.close()


def from_panel(url: str, token: str, count: int) -> tuple[list[Document], str]:
    """The same as the panel's JSON tells it, and all that it said."""
    said = []
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=60
    ) as client:

        def ask(path: str, **query: Any) -> Any:
            response = client.get(path, params=query)
            assert response.status_code == 200, response.text
            said.append(response.text)
            return response.json()

        def rows() -> Any:
            found = ask("api/exchanges/", limit=500)["exchanges"]
            # What is still under way is there already, and not complete.
            return found if len([row for row in found if row["state"] == "finished"]) >= count else None

        listed = until(rows, f"the panel did not show {count} exchanges")
        documents = [ask(f"api/exchanges/{row['id']}/") for row in reversed(listed)]
        for row, found in zip(reversed(listed), documents, strict=True):
            for key in ("id", "method", "path", "query", "status", "route", "interface", "state", "started_at"):
                assert row[key] == found[key], key
            assert row["view"] == (found["match"] and found["match"]["view"])
        return documents, "\n".join(said)


def check(
    documents: Sequence[Document],
    visits: Sequence[Visit],
    *,
    interface: str,
    server: str | None,
    vantage: str,
    middleware: list[str],
    views: Views,
) -> None:
    """Each request is there once, in its order, with all that can be known of it."""
    kept = [(one["method"], one["path"], one["query"], one["status"]) for one in documents]
    assert kept == [(visit.method, visit.path, visit.query, visit.status) for visit in visits]
    for found, visit in zip(documents, visits, strict=True):
        assert (found["interface"], found["type"], found["state"]) == (interface, "http", "finished")
        assert (found["server"]["name"], found["vantage"]) == (server, vantage)
        assert found["client"].partition(":")[0] == "127.0.0.1"
        assert found["exception"] is None
        assert found["events_dropped"] == 0
        assert found["request"]["body_bytes"] == visit.sent
        _check_handover(found, visit)
        _check_response(found, visit)
        _check_way(found, visit, middleware, views)


def _check_handover(found: Document, visit: Visit) -> None:
    entries = {entry["key"]: entry["value"] for entry in found["handover"]["entries"]}
    if found["interface"] == "wsgi":
        assert found["handover"]["kind"] == "environ"
        assert (entries["REQUEST_METHOD"], entries["PATH_INFO"]) == (visit.method, visit.path)
        assert (entries["QUERY_STRING"], entries["HTTP_USER_AGENT"]) == (visit.query, AGENT)
        assert {"wsgi.version", "wsgi.input", "SERVER_NAME", "SERVER_PROTOCOL"} <= entries.keys()
    else:
        assert found["handover"]["kind"] == "scope"
        assert (entries["type"], entries["method"], entries["path"]) == ("http", visit.method, visit.path)
        assert entries["query_string"] == visit.query
        assert ["user-agent", AGENT] in entries["headers"]
        assert {"asgi", "http_version", "server", "client"} <= entries.keys()


def _check_response(found: Document, visit: Visit) -> None:
    response = found["response"]
    assert {header["name"].lower() for header in response["headers"]} <= set(visit.headers)
    if visit.method == "HEAD":
        assert visit.received == 0
    elif any("file_wrapper" in sentence for sentence in found["unseen"]):
        assert response["body_bytes"] == 0
    else:
        assert response["body_bytes"] == visit.received


def _check_way(found: Document, visit: Visit, middleware: list[str], views: Views) -> None:
    view = view_of(visit.path, views)
    assert (found["view"] and found["view"]["name"]) == view, visit.path
    assert (found["match"] and found["match"]["view"]) == view, visit.path
    assert (found["route"] is None) == (view is None)
    if view is not None:
        assert found["view"]["mode"] == "sync"
        assert 0 < found["view"]["ms"] <= found["duration_ms"]
    if visit.path.startswith("/static/") and visit.status == 200:
        # Answered in front of the handler's middleware.
        assert found["middleware"] == []
        return
    names = [layer["name"] for layer in found["middleware"]]
    assert names == middleware, visit.path
    modes = {layer["mode"] for layer in found["middleware"]}
    if found["interface"] == "wsgi":
        assert modes == {"sync"}
        assert found["crossings"] == []
        assert found["scheduler"]["running_ms"] > 0
    else:
        assert modes == {"async"}
        assert len(found["crossings"]) > len(middleware)
        assert {crossing["direction"] for crossing in found["crossings"]} >= {"to_thread"}
        assert found["loop"]["steps"] > 0


def check_secrets(folder: Path, text: str, secrets: Iterable[str]) -> None:
    """None of them is in a file of the store's folder (as it lies on the disk) nor in the text."""
    secrets = sorted(secrets)
    assert len(secrets) > 5, "the visitor saw hardly any secret"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if path.name.startswith("exchanges.sqlite3")]
    for path in files:
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], path
    assert not [secret for secret in secrets if secret in text]
