"""How the panel says no: as a page, as JSON, or as one line for a terminal, by who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse, JsonResponse

from .hosts import is_loopback_peer
from .pages import own_address, render
from .tokens import FILE, VARIABLE

if TYPE_CHECKING:
    from .access import PanelRequest


def refuse(
    request: PanelRequest, status: int, title: str, text: str = "", *, template: str = "message.html", **extra: Any
) -> HttpResponse:
    """``extra`` goes into the JSON form, beside "error"."""
    if template == "denied.html":
        text = _ways_in(request)
    plain = f"{title}. {text}".strip()
    if request.gateway.answers == "json":
        return JsonResponse({"error": plain, **extra}, status=status)
    if "text/html" not in request.headers.get("Accept", ""):
        return HttpResponse(f"{plain}\n", content_type="text/plain; charset=utf-8", status=status)
    # A browser that comes by a link on another site keeps the cookie back; from our own page it will send it.
    again = own_address(request) if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site") else ""
    return render(request, template, {"title": title, "text": text, "again": again}, status=status)


def _ways_in(request: PanelRequest) -> str:
    """The file's path is nobody's business but the machine's own user's."""
    file = str(request.gateway.instance.folder / FILE) if is_loopback_peer(request.META) else f"the file “{FILE}”"
    return (
        f"Open the link that gatewayserve printed, or give the token, which {VARIABLE} sets"
        f" or else {file} holds; programs send it as “Authorization: Bearer …”."
    )
