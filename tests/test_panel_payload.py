"""Messages laid out by what they are, and what hostile ones come to."""

from __future__ import annotations

from pathlib import Path

import factories
import trails
from django_gateway.panel.tabs.payload import LONGEST, MOST, dump, laid_out
from django_gateway.stores import Capacity
from django_gateway.stores.memory import MemoryStore
from exchange_pages import page
from panels import installed


def test_json_is_indented() -> None:
    said = '{"type": "said", "list": [1, 2], "name": "<b>Ad\u202ea</b>"}'
    told = laid_out("text", said, len(said.encode()))
    assert told is not None
    assert (told["name"], told["cut"]) == ("JSON", False)
    assert told["text"].splitlines()[:3] == ["{", '  "type": "said",', '  "list": [']
    assert '"name": "<b>Ad\\u202ea</b>"' in told["text"]


def test_json_that_was_cut_off_or_is_none_is_text() -> None:
    for said, size in (('{"type": "sa', 4_000), ("[" * 5_000, 5_000), ('{"a": 1} and more ' * 20, None)):
        told = laid_out("text", said, size)
        assert told is not None
        assert told["name"] == "Text"
        assert told["cut"] is (size == 4_000)


def test_bytes_are_a_dump() -> None:
    data = bytes(range(20))
    told = laid_out("binary", data.hex(" "), 1_000)
    assert told is not None
    assert told["name"] == "Bytes"
    assert told["cut"]
    first, second = told["text"].splitlines()
    assert first.startswith("000000  00 01 02")
    assert second == "000010  10 11 12 13".ljust(8 + 47 + 2) + "····"
    assert dump(b"Hi!\xff")[0].endswith("  Hi!·")
    # Bytes that are text were kept as text.
    assert laid_out("binary", "hello", 5) is None


def test_what_a_line_says_is_not_said_twice() -> None:
    assert laid_out("text", "hello", 5) is None
    assert laid_out("text", "", 5) is None
    assert laid_out("text", "[]", 2) is None
    told = laid_out("text", "one\n\x1b[2Jtwo\u2028three", None)
    assert told is not None
    assert told["text"] == "one\n\\x1b[2Jtwo\nthree"


def test_large_ones_are_bounded() -> None:
    for said in ("x" * 1_000_000, "x\n" * 500_000, "[" + "1," * 400_000 + "1]", "00 " * 400_000 + "00"):
        for kind in ("text", "binary"):
            told = laid_out(kind, said, len(said))
            assert told is not None
            assert told["cut"]
            assert len(told["text"]) < 5 * LONGEST
            assert len(told["text"].splitlines()) <= MOST


def test_the_tab_lays_them_out_without_scripts(tmp_path: Path) -> None:
    store = MemoryStore(Capacity())
    trail = trails.Trail()
    trail.wait(100)
    trail.add("websocket.receive", "text", 23, '{"name": "</code><b>x"}')
    trail.add("websocket.receive", "binary", 3, "00 ff 41")
    exchange = factories.websocket(trail=trail.events, ended=trail.now)
    factories.keep(store, exchange)
    with installed(store, tmp_path) as program:
        html = page(program, exchange, "messages")
    assert "<b>x" not in html
    assert html.count('<details class="payload">') == 2
    assert "000000  00 ff 41" in html
