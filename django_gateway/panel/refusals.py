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
    file = _token_file(request) if template == "denied.html" else ""
    plain = f"{title}. {_ways_in(file) if template == 'denied.html' else text}".strip()
    if request.gateway.answers == "json":
        return JsonResponse({"error": plain, **extra}, status=status)
    if "text/html" not in request.headers.get("Accept", ""):
        return HttpResponse(f"{plain}\n", content_type="text/plain; charset=utf-8", status=status)
    # A browser that comes by a link on another site keeps the cookie back; from our own page it will send it.
    again = own_address(request) if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site") else ""
    return render(request, template, {"title": title, "text": text, "file": file, "again": again}, status=status)


def _token_file(request: PanelRequest) -> str:
    """Its path is nobody's business but the machine's own user's."""
    return str(request.gateway.instance.folder / FILE) if is_loopback_peer(request.META) else ""


def _ways_in(file: str) -> str:
    return (
        f"Open the link that gatewayserve printed, or send the token as “Authorization: Bearer …”:"
        f" it is in {file or f'the file “{FILE}” in the .gateway folder of the project'}, unless {VARIABLE} sets it."
    )
