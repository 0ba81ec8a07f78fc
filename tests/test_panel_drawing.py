"""Pieces as SVG, and which of a row's stretches are near another: quick, and the same as the slow way."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import factories
from django_gateway.exchange import summarise
from django_gateway.panel import drawing, rows
from django_gateway.panel.tabs.base import Subject
from django_gateway.panel.timeline import picture, timeline
from django_gateway.panel.timeline.around import Around
from django_gateway.panel.timeline.labels import Stretch, inside_or_beside

STRETCHES = st.lists(st.builds(Stretch, st.integers(0, 40), st.integers(0, 12)), max_size=12)


@given(STRETCHES, st.integers(0, 11))
def test_labels_stand_where_they_would_if_all_others_were_looked_at(row: list[Stretch], number: int) -> None:
    if number >= len(row):
        return
    texts = ["a", "a longer one", "one that is far longer than most of them are"]
    slow = inside_or_beside(texts, row[number], [], row[:number] + row[number + 1 :])
    assert inside_or_beside(texts, row[number], [], Around(row).of(number)) == slow


@pytest.mark.parametrize("make", factories.EVERY_KIND)
def test_every_piece_is_drawn_whole(make: object) -> None:
    exchange = make()  # type: ignore[operator]
    drawn = timeline(picture(exchange, Subject(exchange).trail))
    for number, shape in enumerate(drawn.shapes):
        piece = ET.fromstring(drawing.piece(shape, number == 0))
        assert piece.attrib["tabindex"] == ("0" if number == 0 else "-1")
        assert piece.attrib["data-x"] == str(shape.x)
        assert len(piece.findall("rect[@class='base']")) == (shape.piece.form in ("span", "hop"))
        title = piece.find("title")
        assert title is not None
        assert title.text
        if shape.labels:
            labels = ET.fromstring(drawing.labels(shape))
            assert [text.text for text in labels] == [label.text for label in shape.labels]
        else:
            assert drawing.labels(shape) == ""


@pytest.mark.parametrize("make", factories.EVERY_KIND)
def test_every_row_is_drawn_whole(make: object) -> None:
    exchange = make()  # type: ignore[operator]
    shown = rows.row(summarise(exchange))
    values = {**shown, "href": "/x/?a&b", "bar": rows.bar(shown, rows.scale([shown]))}
    item = ET.fromstring(drawing.row(values, shown["id"]))
    assert item.attrib["data-id"] == shown["id"]
    assert item.attrib["data-measure"] == str("" if shown["measure"] is None else shown["measure"])
    (link,) = item.findall("a")
    assert (link.attrib["href"], link.attrib["aria-current"]) == ("/x/?a&b", "page")
    assert "aria-current" not in drawing.row(values, "")
    said = "".join(link.itertext())
    assert all(
        str(value) in said for name, value in shown.items() if name in ("tag", "target", "note", "status", "time")
    )
    empty = ET.fromstring(drawing.row(None))
    assert [each.tag for each in empty.iter() if each.tag != "rect"] == [
        each.tag for each in item.iter() if each.tag != "rect"
    ]
    assert not "".join(empty.itertext()).strip()


def test_a_rows_recorded_text_stays_text() -> None:
    shown = rows.row(summarise(factories.hostile("\"'><img src=x onerror=alert(1)>")))
    html = drawing.row({**shown, "href": "/", "bar": []})
    assert "<img" not in html
    ET.fromstring(html)


def test_recorded_text_stays_text() -> None:
    attack = "\"'><script>alert(1)</script>\u202e\x1b"
    exchange = factories.hostile(attack)
    drawn = timeline(picture(exchange, Subject(exchange).trail))
    html = "".join(drawing.piece(shape, False) + drawing.labels(shape) for shape in drawn.shapes)
    assert "<script" not in html
    assert "\u202e" not in html
    assert "\x1b" not in html
    ET.fromstring(f"<svg>{html}</svg>")
