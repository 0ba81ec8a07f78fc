"""Who gets in: every view of the panel is one of ``panel_view``'s, and every request passes these checks in order.

1. The panel is on, or the address does not exist. 2. The Host is one of ours (DNS rebinding). 3. The Origin, where one
is sent, is the Host's own. 4. The method is one the view takes; HEAD and GET change nothing. 5. The token, by cookie
or ``Authorization: Bearer``. 6. What changes something comes with this session's CSRF token, or with Bearer, which no
other site can make a browser send.
"""

from __future__ import annotations

import functools
import math
import secrets
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast, overload

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase

from ..stores.base import Store, StoreError
from . import instance as instances
from .headers import protect
from .hosts import from_other_site, host_allowed, origin_allowed
from .instance import TRIES, Instance
from .pages import address, own_address
from .refusals import refuse
from .tokens import TokenError, cookie_name, csrf_token, csrf_valid, new_cookie, same, session_of

View: TypeAlias = Callable[..., HttpResponseBase]


class Gateway:
    """What a view of the panel finds as ``request.gateway``."""

    def __init__(self, instance: Instance, answers: str) -> None:
        self.instance = instance
        #: "page" or "json": in what form this view says no.
        self.answers = answers
        self.nonce = secrets.token_urlsafe(16)
        self.token = ""
        #: Of the browser that is let in; None for programs, which send the token itself.
        self.session: str | None = None

    @property
    def store(self) -> Store:
        """Raises StoreError."""
        return self.instance.open_store()

    @property
    def csrf(self) -> str:
        return csrf_token(self.token, self.session or "")


class PanelRequest(HttpRequest):
    gateway: Gateway


class _EveryDatabase:
    """``ATOMIC_REQUESTS`` opens no transaction around the panel's views, whichever databases there are."""

    def __contains__(self, alias: object) -> bool:
        return True


@overload
def panel_view(view: View, /) -> View: ...
@overload
def panel_view(
    *, methods: Sequence[str] = ("GET",), answers: str = "page", public: bool = False
) -> Callable[[View], View]: ...
def panel_view(
    view: View | None = None, /, *, methods: Sequence[str] = ("GET",), answers: str = "page", public: bool = False
) -> View | Callable[[View], View]:
    """Makes a view, called with a PanelRequest, one of the panel's; used bare or with arguments.

    ``answers`` is "page" or "json": in what form it says no. ``public`` views need no token, so they may tell nothing
    that was recorded.
    """
    if view is None:
        return functools.partial(_panel_view, methods=methods, answers=answers, public=public)
    return _panel_view(view, methods=methods, answers=answers, public=public)


def _panel_view(view: View, *, methods: Sequence[str], answers: str, public: bool) -> View:
    @functools.wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        _leave_unrecorded()
        instance = instances.current()
        if instance is None:
            raise Http404
        ours = cast("PanelRequest", request)
        ours.gateway = Gateway(instance, answers)
        try:
            response = _refusal(ours, methods, public) or view(ours, *args, **kwargs)
        except StoreError as error:
            response = refuse(ours, 503, "The store can't be read now", str(error))
        except Http404 as error:
            response = refuse(ours, 404, "Not here", str(error))
        protect(response, ours.gateway.nonce)
        return response

    # What a host project's middleware and settings would do to a view: the panel has its own of each.
    marks: Any = checked
    marks.csrf_exempt = True
    marks.login_required = False
    marks._non_atomic_requests = _EveryDatabase()
    return checked


def _leave_unrecorded() -> None:
    from .. import recording

    if (present := recording.current.get()) is not None:
        present.discard = True


def _refusal(request: PanelRequest, methods: Sequence[str], public: bool) -> HttpResponseBase | None:
    host = request.META.get("HTTP_HOST", "")
    if not host_allowed(host, request.gateway.instance.hosts):
        return refuse(request, 403, "Not under this name", _WRONG_HOST)
    origin = request.headers.get("Origin")
    if origin is not None and not origin_allowed(origin, host, secure=request.is_secure()):
        return refuse(request, 403, "Not from another site", _WRONG_ORIGIN)
    if from_other_site(request.headers):
        return refuse(request, 403, "Not from another site", _WRONG_ORIGIN)
    safe = request.method in ("GET", "HEAD")
    if ("GET" if safe else request.method) not in methods:
        response = refuse(request, 405, "Not with this method", "This address takes " + ", ".join(methods) + ".")
        response.headers["Allow"] = ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])])
        return response
    if public:
        return None
    try:
        request.gateway.token = request.gateway.instance.token()
    except TokenError as error:
        return refuse(request, 503, "The panel has no token", str(error))
    return _without_token(request) or (None if safe else _forged(request))


_WRONG_HOST = (
    "The panel answers to localhost, 127.0.0.1 and [::1], and to names that it was told of one by one (the exact"
    " entries of ALLOWED_HOSTS, or --host), so that no other site's name can be pointed at it."
)
_WRONG_ORIGIN = "Pages of other sites, other ports included, may not read the panel or act on it."


def _without_token(request: PanelRequest) -> HttpResponseBase | None:
    """None where the request shows the token or what was derived from it."""
    gateway = request.gateway
    cookie = request.COOKIES.get(cookie_name(gateway.token), "")
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    bearer = bearer.strip() if scheme.lower() == "bearer" else ""
    asked = request.GET.get("token") if request.method == "GET" else None
    if not (cookie or bearer or asked):
        return refuse(request, 403, "The panel needs its token", template="denied.html")
    if not TRIES.knows(cookie) and (wait := TRIES.wait()):
        return _wait(request, wait)
    if cookie and (session := session_of(gateway.token, cookie)) is not None:
        TRIES.remember(cookie)
        gateway.session = session
        return _redirect(own_address(request)) if asked is not None else None
    if bearer and same(bearer, gateway.token):
        return None
    if asked and same(asked, gateway.token):
        return _let_in(request, own_address(request))
    TRIES.failed()
    return refuse(request, 403, "That is not the panel's token", template="denied.html")


def enter(request: PanelRequest, given: str) -> HttpResponse:
    """The answer to a token that was given by form: the list, or a refusal."""
    try:
        request.gateway.token = request.gateway.instance.token()
    except TokenError as error:
        return refuse(request, 503, "The panel has no token", str(error))
    if wait := TRIES.wait():
        return _wait(request, wait)
    if same(given, request.gateway.token):
        return _let_in(request, address(request, "list"))
    TRIES.failed()
    return refuse(request, 403, "That is not the panel's token", template="denied.html")


def _wait(request: PanelRequest, seconds: float) -> HttpResponse:
    response = refuse(request, 429, "Too many wrong tries", f"The next one is looked at in {math.ceil(seconds)} s.")
    response.headers["Retry-After"] = str(math.ceil(seconds))
    return response


def _redirect(location: str) -> HttpResponse:
    return HttpResponse(status=303, headers={"Location": location})


def _let_in(request: PanelRequest, location: str) -> HttpResponse:
    """Leaves the cookie, for this session of the browser, on the panel's own path."""
    token = request.gateway.token
    cookie = new_cookie(token)
    TRIES.remember(cookie)
    response = _redirect(location)
    response.set_cookie(
        cookie_name(token),
        cookie,
        path=address(request, "list"),
        secure=request.is_secure(),
        httponly=True,
        samesite="Strict",
    )
    return response


def _forged(request: PanelRequest) -> HttpResponseBase | None:
    """None where a request that changes something was meant by who sent it."""
    session = request.gateway.session
    if session is None:
        return None
    if request.headers.get("Origin") is None and request.headers.get("Sec-Fetch-Site") != "same-origin":
        return refuse(request, 403, "Not from another site", _WRONG_ORIGIN)
    given = request.headers.get("X-CSRF-Token") or request.POST.get("csrf", "")
    if not csrf_valid(request.gateway.token, session, given):
        return refuse(request, 403, "Out of date", "Load the page again, then repeat what you did.")
    return None
