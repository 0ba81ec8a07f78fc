"""The forms of a page, as a browser would send them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class Form:
    def __init__(self, attributes: dict[str, str]) -> None:
        self.action = attributes.get("action", "")
        self.method = attributes.get("method", "get").lower()
        self.fields: dict[str, str | list[str]] = {}
        self.files: set[str] = set()

    def add(self, name: str, value: str) -> None:
        before = self.fields.get(name)
        if before is None:
            self.fields[name] = value
        else:
            self.fields[name] = [*([before] if isinstance(before, str) else before), value]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._select = ""
        self._text: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(attributes)
            self.forms.append(self._open)
        if self._open is None:
            return
        name = attributes.get("name", "")
        if tag == "input" and name:
            self._input(name, attributes)
        elif tag == "textarea" and name:
            self._text = (name, [])
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in attributes:
            self._open.add(self._select, attributes.get("value", ""))

    def _input(self, name: str, attributes: dict[str, str]) -> None:
        assert self._open is not None
        kind = attributes.get("type", "text")
        if kind == "file":
            self._open.files.add(name)
        elif kind in ("checkbox", "radio"):
            if "checked" in attributes:
                self._open.add(name, attributes.get("value", "on"))
        elif kind not in ("submit", "button", "image", "reset") and "disabled" not in attributes:
            self._open.add(name, attributes.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea" and self._text is not None and self._open is not None:
            name, parts = self._text
            self._open.add(name, "".join(parts).removeprefix("\n"))
            self._text = None


def forms(page: str) -> list[Form]:
    reader = _Reader()
    reader.feed(page)
    return reader.forms
