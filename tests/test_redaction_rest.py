"""What is no secret: kept as it came, cut where it is long, and never more work than its size."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from django_gateway.concealment import HIDDEN
from django_gateway.legible import LONGEST, decoded, plain, shortened, whole
from django_gateway.redaction import Redactor

SECRET = "s3cr3t-Value"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


# What is kept of the rest


def test_what_is_no_secret_arrives_as_it_came(redactor: Redactor) -> None:
    environ = {"PATH_INFO": "/caf\xc3\xa9", "wsgi.version": (1, 0), "wsgi.multithread": True, "n": 1.5, "none": None}
    assert redactor.environ(environ) == [
        ("PATH_INFO", "/caf\xc3\xa9"),
        ("wsgi.version", [1, 0]),
        ("wsgi.multithread", True),
        ("n", 1.5),
        ("none", None),
    ]


def test_what_is_seen_again_becomes_a_word() -> None:
    kept: list[Any] = []

    def keep(entry: Any) -> int:
        kept.append(entry)
        return 1000 + len(kept)

    redactor = Redactor((), keep)
    header = ("Content-Type", "text/html")
    assert redactor.headers([header]) == [header]
    assert redactor.headers([header]) == [1001]
    assert redactor.headers([header, ("Cookie", "a=b")]) == [1001, ("Cookie", f"a={HIDDEN}")]
    for _ in range(3):
        redactor.headers([("Cookie", "a=b"), ("X", "long" * 1000), ("N" * 1000, "long name")])
        redactor.environ({"HTTP_COOKIE": SECRET, "QUERY_STRING": f"token={SECRET}", "DSN": SECRET})
    assert kept == [header]


def test_long_values_are_cut_and_say_so(redactor: Redactor) -> None:
    ((name, value),) = redactor.headers([("X-Long", "a" * 61_440)])
    assert name == "X-Long"
    assert value == "a" * LONGEST + "… (61440 characters)"
    assert shortened("a" * LONGEST) == "a" * LONGEST


def test_a_cookie_of_60_kb_shows_names_alone(redactor: Redactor) -> None:
    ((_, value),) = redactor.headers([("Cookie", ";".join(f"c{n}={SECRET}" for n in range(4_000)))])
    assert SECRET not in value
    assert len(value) < 2 * LONGEST
    # Cut in the middle of a value: no piece of it may pass for a name.
    for length in range(LONGEST - 30, LONGEST + 30):
        ((_, value),) = redactor.headers([("Cookie", "a=" + "b" * (length - 20) + f";n={SECRET};m={SECRET}")])
        assert "s3cr3t" not in value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("\udcff\udc80", r"\xff\x80"),
        ("\ud800", r"\ud800"),
        ("ä\udcff", r"ä\xff"),
    ],
)
def test_text_that_no_encoding_takes(value: str, text: str) -> None:
    assert shortened(value) == text


def test_data_of_every_kind() -> None:
    def told(value: Any) -> Any:
        return plain(value, lambda name: False, HIDDEN)

    assert told([1, "a", b"\xff", None, True, 1.5]) == [1, "a", "\xff", None, True, 1.5]
    assert told({"a": {"b": {"c": {"d": 1}}}}) == {"a": {"b": {"c": "<builtins.dict>"}}}
    assert told(2**64) == "<builtins.int>"
    assert told(float("nan")) == "nan"
    assert told(range(3)) == "<builtins.range>"
    assert told(list(range(101)))[-1] == "… (101 items)"
    assert told({n: n for n in range(101)})["…"] == "(101 items)"
    assert decoded(bytearray(b"\xe9")) == "é"
    assert decoded(object()) == "<builtins.object>"
    assert [whole(value) for value in (200, True, -1, 2**31, "200", None, 1.0)] == [200, 1, *[None] * 5]


# Linear work


def cost(work: Callable[[], Any]) -> float:
    """CPU time of the best of some rounds, in seconds."""
    found = []
    for _ in range(5):
        before = time.thread_time()
        work()
        found.append(time.thread_time() - before)
    return min(found)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: [("X-Same", f"value {i}") for i in range(n)],
        lambda n: [["X-List", f"value {i}"] for i in range(n)],
        lambda n: [("X-One", "://:" * n + "@")],
        lambda n: [("X-One", "@" + "://u:" * n)],
        lambda n: [("X-One", "@ ?" + "a=b&" * n)],
        lambda n: [("X-One", "@" + " ://a:b@c" * n)],
        lambda n: [("Cookie", "a=b; " * n)],
        lambda n: [("Location", "?" + "token=1&" * n + "#" * n)],
    ],
    ids=range(8),
)
def test_work_grows_with_the_headers(make: Callable[[int], Any]) -> None:
    """Tenfold input, tenfold work; a hundredfold would be the square."""
    small, large = make(1_000), make(10_000)
    assert cost(lambda: Redactor().headers(large)) < 35 * cost(lambda: Redactor().headers(small)) + 0.01


def test_work_grows_with_an_excerpt() -> None:
    def excerpt(n: int) -> Any:
        return Redactor().excerpt('{"token": [' * n, 10**9)

    assert cost(lambda: excerpt(10_000)) < 35 * cost(lambda: excerpt(1_000)) + 0.01


def test_tables_are_bounded() -> None:
    redactor = Redactor()
    for n in range(5_000):
        redactor.is_secret(f"name {n}")
        redactor.query(f"a={n}")
        redactor.headers([(f"X-{n}", "v")] * 2)
    redactor.is_secret("long" * 10_000)
    for table in (redactor._secret, redactor._innocent, redactor._once, redactor._headers):
        assert len(table) <= 4_100
    assert max(map(len, redactor._secret)) <= 512
