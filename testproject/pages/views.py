from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render

from .links import GROUPS


def home(request: HttpRequest) -> HttpResponse:
    interface = "ASGI" if isinstance(request, ASGIRequest) else "WSGI"
    return render(request, "pages/home.html", {"groups": GROUPS, "interface": interface})


def about(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/about.html")


def data(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"method": request.method, "path": request.path, "query": request.GET.dict()})


def cookies(request: HttpRequest) -> HttpResponse:
    visits = request.COOKIES.get("visits", "0")
    count = int(visits) + 1 if visits.isascii() and visits.isdigit() and len(visits) < 9 else 1
    response = render(request, "pages/cookies.html", {"count": count})
    response.set_cookie("visits", str(count), max_age=86_400, samesite="Lax")
    response.set_cookie("flavour", "ginger", httponly=True, samesite="Strict")
    return response


def moved(request: HttpRequest) -> HttpResponseRedirect:
    return redirect("pages:about")


@login_required
def account(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/account.html")
