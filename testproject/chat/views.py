from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from .models import Message


def room(request: HttpRequest, room: str) -> HttpResponse:
    latest = Message.objects.filter(room=room)[:50]
    return render(request, "chat/room.html", {"room": room, "history": reversed(latest)})


def echo(request: HttpRequest) -> HttpResponse:
    return render(request, "chat/echo.html")
