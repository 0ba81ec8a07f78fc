"""Words that one process keeps, and what is told of those that it has no room for."""

from __future__ import annotations

import pytest
from django.utils.safestring import SafeString

from django_gateway import vocabulary
from django_gateway.vocabulary import Vocabulary, spread


@pytest.mark.parametrize("room", [0, 1, 8])
def test_events_without_room_are_spelled_out(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "LIMIT", room)
    words = Vocabulary()
    started = words.event("django.middleware.started", "a.Middleware", "sync")
    finished = words.event("django.middleware.finished", "a.Middleware")
    headers = words.event("django.headers", "a.Middleware", ["X-Ü\0"], [], [])
    close = words.event("wsgi.close")
    assert [type(code) is int for code in (started, finished, headers)] == [room > place for place in range(3)]
    trail = [started, 1, headers, 2, finished, 3, 200, close, 4, started, 5]
    assert spread(trail, words) == [
        ["django.middleware.started", 1, "a.Middleware", "sync"],
        ["django.headers", 2, "a.Middleware", ["X-Ü\0"], [], []],
        ["django.middleware.finished", 3, "a.Middleware", 200],
        ["wsgi.close", 4],
        ["django.middleware.started", 5, "a.Middleware", "sync"],
    ]


def test_a_word_is_kept_once() -> None:
    words = Vocabulary()
    assert words.event("django.view.started", "a.view", "sync") == words.event("django.view.started", "a.view", "sync")
    assert len(words.words) == 1


@pytest.mark.parametrize("room", [0, 8])
def test_words_that_only_pass_for_plain_text(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "LIMIT", room)
    words = Vocabulary()
    code = words.event("django.template.started", SafeString("page.html"))
    assert code == words.event("django.template.started", "page.html")
    assert spread([code, 1], words) == [["django.template.started", 1, "page.html"]]
