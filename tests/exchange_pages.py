"""The exchange page as tests ask for it and read it."""

from __future__ import annotations

from html.parser import HTMLParser

from django.test import Client

from django_gateway.exchange import Exchange, format_id


def page(program: Client, exchange: Exchange, tab: str = "", status: int = 200, **query: str) -> str:
    answer = program.get(
        f"/exchanges/{format_id(exchange.id)}/",
        {**({"tab": tab} if tab else {}), **query},
        headers={"Accept": "text/html"},
    )
    assert answer.status_code == status
    return answer.content.decode()


def text_of(html: str) -> str:
    """What is read, without markup and line breaks."""
    found = Reader()
    found.feed(html)
    return " ".join("".join(found.parts).split())


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
