"""Pages from the panel's own templates: nothing of the host's TEMPLATES, context processors or formats takes part."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine
from django.urls import reverse
from django.utils.encoding import escape_uri_path
from django.utils.http import escape_leading_slashes

from ..exchange import format_id

TEMPLATES = Path(__file__).parent / "templates"


@functools.cache
def engine() -> Engine:
    return Engine(
        dirs=[str(TEMPLATES)],
        builtins=["django_gateway.panel.tags"],
        loaders=[
            ("django.template.loaders.cached.Loader", ["django.template.loaders.filesystem.Loader"]),
        ],
    )


def address(request: HttpRequest, name: str, *args: Any) -> str:
    """The path of one of the panel's views, wherever and however deep the panel is mounted."""
    known: dict[tuple[Any, ...], str] = request.__dict__.setdefault("_gateway_addresses", {})
    key = (name, *args)
    if key not in known:
        known[key] = _reverse(request, name, args)
    return known[key]


#: Stands for any id in the pattern of an address.
_ANY: Final = format_id(0)


def addresses(request: HttpRequest, name: str = "exchange") -> Callable[[str], str]:
    """From an id to the path of a view that takes one. Django takes as long for a single one as a row takes in all."""
    before, _, after = address(request, name, _ANY).rpartition(_ANY)
    return lambda number: f"{before}{number}{after}"


def _reverse(request: HttpRequest, name: str, args: Sequence[Any]) -> str:
    match = request.resolver_match
    namespaces = match.namespaces if match is not None and match.namespaces else ["django_gateway"]
    return reverse(":".join([*namespaces, name]), args=args, current_app=":".join(namespaces))


def own_address(request: HttpRequest) -> str:
    """This address without a token: it shall not stay in a history, a bookmark or a picture of the screen."""
    query = request.GET.copy()
    query.pop("token", None)
    path = escape_leading_slashes(escape_uri_path(request.path))
    return f"{path}?{query.urlencode()}" if query else path


def text_of(request: HttpRequest, template: str, context: dict[str, Any]) -> str:
    """``template`` is named within django_gateway/, such as "list.html".

    Numbers come out plain whatever the host's locale says: they are coordinates as often as text.
    """
    values = Context({"request": request, "gateway": getattr(request, "gateway", None), **context}, use_l10n=False)
    return str(engine().get_template(f"django_gateway/{template}").render(values))


def render(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    text = text_of(request, template, context)
    return HttpResponse(
        text.encode("utf-8", "backslashreplace"), content_type="text/html; charset=utf-8", status=status
    )
