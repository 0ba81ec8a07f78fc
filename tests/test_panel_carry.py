"""An exchange to take along: a command that does what was recorded and nothing else, a file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

import factories
import trails
from django_gateway import served
from django_gateway.exchange import Exchange, Sizes, format_id
from django_gateway.exports.curl import command, quoted
from django_gateway.panel.views.carry import path_of
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from panels import installed


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


# curl


def test_a_request_as_a_command() -> None:
    text = command("GET", "http://127.0.0.1:8000/a?b=c&d", [("Accept", "*/*"), ("X-Empty", ""), ("Host", "shop")])
    words = shlex.split(text.replace("\\\n", ""))
    assert words == [
        *("curl", "--globoff", "--path-as-is", "http://127.0.0.1:8000/a?b=c&d"),
        *("--header", "Accept: */*", "--header", "X-Empty;"),
    ]


def test_what_is_hidden_or_was_not_kept_is_said() -> None:
    text = command("POST", "http://h/", [("Cookie", "a=•••••"), ("X-Odd", "a\nb"), ("Odd name", "x")], body=1212)
    assert "# The header Cookie is left out" in text
    assert "# The header X-Odd is left out" in text
    assert "(1,212 bytes) was not kept" in text
    assert shlex.split(text, comments=True) == [
        *("curl", "--request", "POST", "--globoff", "--path-as-is", "http://h/")
    ]


def test_nothing_in_it_acts_on_a_terminal() -> None:
    text = command("GET", "http://h/\x1b[2J\u202e", [("X", "\x07';rm -rf /")])
    assert text.replace("\n", "").isprintable()


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20))
def test_a_shell_reads_it_as_one_word(text: str) -> None:
    said = subprocess.run(["bash", "-c", f"printf %s {quoted(text)}"], capture_output=True, check=True).stdout
    assert said == text.encode()


def test_only_the_path_of_a_target_counts() -> None:
    assert path_of("/a//b/../c?d") == "/a//b/../c?d"
    assert path_of("http://169.254.169.254/latest/meta?x") == "/latest/meta?x"
    assert path_of("//evil.example/x") == "//evil.example/x"
    assert path_of("*") == "/"
    assert path_of("evil.example:443") == "/"
    assert path_of("/a#b") == "/a"


def test_the_command_goes_where_the_project_answers(program: Client, store: Store, tmp_path: Path) -> None:
    handed = trails.handover("environ", REQUEST_URI="http://169.254.169.254/latest/", HTTP_HOST="evil.example")
    exchange = factories.wsgi_page(handover=handed, sizes=Sizes(request_bytes=9))
    factories.keep(store, exchange, factories.websocket())
    text = program.get(f"/exchanges/{format_id(exchange.id)}/curl/").content.decode()
    assert "http://evil.example/latest/" in text
    about = served.Served(host="0.0.0.0", port=8000, tls=True)
    with installed(store, tmp_path, served=lambda: about) as client:
        text = client.get(f"/exchanges/{format_id(exchange.id)}/curl/").content.decode()
    assert "https://127.0.0.1:8000/latest/" in text
    assert "169.254" not in text
    assert "evil" not in text
    assert "(9 bytes) was not kept" in text


def test_a_websocket_is_no_command(program: Client, store: Store) -> None:
    exchange = factories.websocket()
    factories.keep(store, exchange)
    assert program.get(f"/exchanges/{format_id(exchange.id)}/curl/").status_code == 409


# One file


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("href", "src", "action", "srcset", "data", "xlink:href"):
                self.found.append(value or "")
            if name == "id":
                self.ids.add(value or "")


def shared(program: Client, number: int) -> str:
    answer = program.get(f"/exchanges/{format_id(number)}/share/")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="exchange-{format_id(number)}.html"'
    return answer.content.decode()


def held_up() -> Exchange:
    exchange = factories.asgi_page()
    assert exchange.loop is not None
    return msgspec.structs.replace(exchange, loop=msgspec.structs.replace(exchange.loop, held_up=[17], held_up_by=[18]))


@pytest.mark.parametrize("make", [*factories.EVERY_KIND, held_up])
def test_a_shared_exchange_refers_to_nothing_outside(make: object, program: Client, store: Store) -> None:
    exchange = make()  # type: ignore[operator]
    factories.keep(store, exchange)
    text = shared(program, exchange.id)
    parser = Links()
    parser.feed(text)
    assert parser.found
    assert all(link.startswith("#") and link[1:] in parser.ids for link in parser.found)
    assert parser.tags.isdisjoint({"script", "link", "img", "iframe", "base", "object"})
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in text


def test_a_shared_exchange_says_nothing_of_bodies_and_environment(program: Client, store: Store) -> None:
    talk = factories.websocket()
    handed = trails.handover("environ", HOME="/home/ann", PATH_INFO="/orders/")
    page = factories.wsgi_page(handover=handed)
    factories.keep(store, talk, page)
    assert "hello 3" in program.get(f"/exchanges/{format_id(talk.id)}/?tab=messages").content.decode()
    assert "hello 3" not in shared(program, talk.id)
    assert "/home/ann" not in shared(program, page.id)


def test_a_hostile_exchange_stays_text(program: Client, store: Store) -> None:
    attack = '</style><script>alert(1)</script><img src=x>"\' href="?tab=x"'
    exchange = factories.hostile(attack)
    factories.keep(store, exchange, msgspec.structs.replace(factories.wsgi_page(), handover=None))
    parser = Links()
    parser.feed(shared(program, exchange.id))
    assert parser.tags.isdisjoint({"script", "img"})
    assert all(link.startswith("#") for link in parser.found)
