"""Any two exchanges side by side: what each was handed, what it answered, and both ways on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.http import Http404, HttpResponse

from ...exchange import HTTP, IN_FLIGHT, Exchange, Summary, format_id, parse_id
from .. import rows
from ..access import PanelRequest, panel_view
from ..api import GONE
from ..comparison import Pair, align, facts
from ..comparison.answer import answers, times
from ..pages import address, render
from ..pins import Pins
from ..tabs.base import Subject
from ..timeline import picture, timeline
from ..timeline.geometry import Timeline
from .exchange import heading
from .list import chain_of

#: Exchanges to choose from, and to look through for pairs that invite.
CHOICE: Final = 60
LOOKED_THROUGH: Final = 300
GROUPS: Final = (
    ("request", "The request line"),
    ("headers", "Headers"),
    ("connection", "The connection"),
    ("interface", "The interface, and what the server adds"),
    ("process", "The process' own environment"),
)


@panel_view
def compare(request: PanelRequest) -> HttpResponse:
    store = request.gateway.store
    left, right = (_found(request, name) for name in ("a", "b"))
    context: dict[str, Any] = {
        "place": "compare",
        "chain": chain_of(request),
        "a": left and format_id(left.id),
        "b": right and format_id(right.id),
        "missing": [
            name for name, found in (("a", left), ("b", right)) if request.GET.get(name, "").strip() and found is None
        ],
        "gone": GONE,
    }
    if left is not None and right is not None:
        return render(request, "compare.html", {**context, **side_by_side(left, right)})
    newest = store.page(limit=LOOKED_THROUGH)
    chosen = left or right
    context["choice"] = choice(newest, chosen)
    context["invited"] = [
        {"a": rows.row(first), "b": rows.row(second), "href": _address(request, first.id, second.id)}
        for first, second in ([] if chosen else invited(newest))
    ]
    return render(request, "compare.html", context)


def _address(request: PanelRequest, left: int, right: int) -> str:
    return address(request, "compare") + rows.query_string(a=format_id(left), b=format_id(right))


def _found(request: PanelRequest, name: str) -> Exchange | None:
    text = request.GET.get(name, "").strip()
    if not text:
        return None
    number = parse_id(text)
    if number is None:
        raise Http404(f"“{name}” takes the id of an exchange: sixteen hexadecimal digits.")
    return request.gateway.store.get(number) or Pins(request.gateway.instance.folder).get(number)


def choice(newest: Sequence[Summary], chosen: Exchange | None) -> list[dict[str, str]]:
    """What may stand on the other side; the same path first."""
    listed = [summary for summary in newest if chosen is None or summary.id != chosen.id]
    if chosen is not None:
        listed.sort(key=lambda summary: (summary.path != chosen.path, -summary.id))
    return [
        {
            "id": each["id"],
            "label": f"{each['tag']} {each['method']} {each['target']} → {each['status']}, {each['time']}",
        }
        for each in map(rows.row, listed[:CHOICE])
    ]


def invited(newest: Sequence[Summary]) -> list[tuple[Summary, Summary]]:
    """Pairs that were asked for alike and served otherwise, newest first, one for each address."""
    found: dict[tuple[str | None, str, str], list[Summary]] = {}
    for summary in newest:
        if summary.type == HTTP and summary.state != IN_FLIGHT:
            found.setdefault((summary.method, summary.path, summary.query), []).append(summary)
    pairs = []
    for alike in found.values():
        newer = alike[0]
        other = next((each for each in alike if (each.interface, each.server) != (newer.interface, newer.server)), None)
        if other is not None:
            pairs.append((other, newer))
    return pairs[:8]


def side_by_side(left: Exchange, right: Exchange) -> dict[str, Any]:
    handed = align(facts(left.handover, left.server.name or ""), facts(right.handover, right.server.name or ""))
    first, second = Subject(left), Subject(right)
    extent = max(first.trail.extent, second.trail.extent, 1)
    plots = [_plot(subject, extent) for subject in (first, second)]
    return {
        "sides": [
            {"letter": letter, "id": format_id(each.exchange.id), "heading": heading(each), "timeline": plot}
            for letter, each, plot in zip("AB", (first, second), plots, strict=True)
        ],
        "groups": [
            {"key": key, "name": name, "pairs": pairs, **counted(pairs)}
            for key, name in GROUPS
            if (pairs := [pair for pair in handed if pair.group == key])
        ],
        "handed": counted(handed),
        "answer": answers(left, right),
        "times": times(left, right),
        "hatched": sorted({shape.piece.place for plot in plots for shape in plot.shapes if shape.mixed}),
        "swapped": rows.query_string(a=format_id(right.id), b=format_id(left.id)),
    }


def _plot(subject: Subject, extent: int) -> Timeline:
    """Drawn as long as the longer of the two."""
    drawn = picture(subject.exchange, subject.trail)
    drawn.extent = extent
    return timeline(drawn)


def counted(pairs: Sequence[Pair]) -> dict[str, int]:
    return {relation: sum(pair.relation == relation for pair in pairs) for relation in _RELATIONS}


_RELATIONS: Final = ("same", "form", "differs", "left", "right")
