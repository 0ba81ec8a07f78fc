"""A project may pass anything where others pass plain data; no exchange is lost for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from django_gateway.stores import open_store
from factories import stream


class Number(int): ...


class Share(float): ...


class Data(bytes): ...


@pytest.mark.parametrize("store", ["sqlite", "memory"])
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (SafeString("admin/change_form.html"), "admin/change_form.html"),
        (Number(7), 7),
        (Share(0.5), 0.5),
        (Data(b"\xff"), b"\xff"),
        (gettext_lazy("Page"), "<django.utils.functional.lazy.<locals>.__proxy__>"),
        (object(), "<builtins.object>"),
    ],
)
def test_what_is_no_plain_data_is_kept_as_what_it_says(tmp_path: Path, store: str, given: Any, kept: Any) -> None:
    opened = open_store("memory:" if store == "memory" else f"sqlite:///{tmp_path}/exchanges.sqlite3")
    exchange = msgspec.structs.replace(stream(), trail=[["django.template.started", 1, given]])

    opened.write([opened.pack(exchange)])

    found = opened.get(exchange.id)
    opened.close()
    assert found is not None
    ((_, _, value),) = found.trail
    assert value == kept
    assert type(value) is type(kept)
