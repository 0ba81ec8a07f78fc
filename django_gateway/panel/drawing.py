"""What a page has many of: rows of the list, pieces of a timeline. A template takes ten times as long for each."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from .text import shown
from .timeline.geometry import Shape


def row(values: Mapping[str, Any] | None, selected: str = "") -> SafeString:
    """One row of the list; of None the empty one that scripts fill. Recorded text in ``values`` is cut already."""
    given = values or {}

    def word(name: str) -> str:
        value = given.get(name)
        return "" if value is None else escape(str(value))

    bar = "".join(
        f'<rect class="place-{part["place"]}" x="{part["x"]}" width="{part["width"]}" height="9"/>'
        for part in given.get("bar", ())
    )
    parts = " ".join(map(str, given.get("parts", ())))
    current = ' aria-current="page"' if values is not None and given["id"] == selected else ""
    return mark_safe(
        f'<li class="row" data-id="{word("id")}" data-state="{word("state")}" data-measure="{word("measure")}"'
        f' data-parts="{parts}">\n  <a href="{word("href")}"{current}>\n'
        f'    <span class="tag tag-{word("tag").lower()}">{word("tag")}</span>\n'
        f'    <span class="request mono"><span class="line"><span class="method">{word("method")}</span>'
        f' <bdi class="target">{word("target")}</bdi></span><small class="remark">{word("note")}</small></span>\n'
        f'    <b class="code tone-{word("tone")}">{word("status")}</b>\n'
        f'    <span class="took number">{word("duration")}</span>\n'
        f'    <svg class="bar" viewBox="0 0 1000 9" preserveAspectRatio="none" aria-hidden="true">{bar}</svg>\n'
        f'    <time class="number" datetime="{word("at")}">{word("time")}</time>\n  </a>\n</li>\n'
    )


def piece(shape: Shape, first: bool) -> SafeString:
    """``first`` is the one that the Tab key reaches."""
    drawn = shape.piece
    opened = "" if drawn.ended else " open"
    head = (
        f'<g class="piece place-{_word(drawn.place)} form-{drawn.form}{opened}" role="img"'
        f' tabindex="{0 if first else -1}" data-lane="{_word(shape.lane)}" data-x="{shape.x}" data-y="{shape.y}"'
        f' data-name="{_word(drawn.name, 120)}" data-text="{_word(drawn.text, 300)}" data-when="{_word(shape.when)}">'
        f"<title>{_word(shape.words, 400)}</title>"
    )
    return mark_safe(f"{head}{_body(shape)}</g>")


def _body(shape: Shape) -> str:
    form = shape.piece.form
    if form == "mark":
        return (
            f'<rect class="work" x="{shape.x}%" y="{shape.y}" width="3" height="{shape.height}" rx="1"'
            ' transform="translate(-1.5)"/>'
        )
    if form == "failure":
        return (
            f'<svg x="{shape.x}%" y="{shape.y}" class="cross"><circle cx="0" cy="8" r="7.5"/>'
            '<path d="M-3 5L3 11M3 5L-3 11"/></svg>'
        )
    level = f'y="{shape.y}" height="{shape.height}"'
    bars = [f'<rect class="base" x="{shape.x}%" width="{shape.width}%" {level} rx="3"/>']
    bars += [f'<rect class="work" x="{part.x}%" width="{part.width}%" {level} rx="2"/>' for part in shape.works]
    fill = f"url(#hatch-{_word(shape.piece.place)})"
    bars += [f'<rect fill="{fill}" x="{part.x}%" width="{part.width}%" {level} rx="2"/>' for part in shape.mixed]
    return "".join(bars)


def labels(shape: Shape) -> SafeString:
    """All wordings of a shape's label, of which one is shown, or none."""
    texts = [
        f'<text class="on-{label.on}{"" if label.visible else " tight"}" x="{label.x}%" dx="{label.dx}"'
        f' y="{shape.baseline}" text-anchor="{label.anchor}" data-need="{label.need}" data-room="{label.room}">'
        f"{_word(label.text)}</text>"
        for label in shape.labels
    ]
    return mark_safe(f'<g class="label place-{_word(shape.piece.place)}">{"".join(texts)}</g>' if texts else "")


def _word(text: str, limit: int = 1000) -> str:
    return escape(shown(text, limit))
