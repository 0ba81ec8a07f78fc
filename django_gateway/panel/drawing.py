"""Pieces of a timeline as SVG. A picture may have a thousand, and a template takes ten times as long for each."""

from __future__ import annotations

from html import escape

from django.utils.safestring import SafeString, mark_safe

from .text import shown
from .timeline.geometry import Shape


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
