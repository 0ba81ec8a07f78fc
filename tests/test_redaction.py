"""What is hidden by its name, and what is left of each form that secrets come in."""

from __future__ import annotations

import json

import pytest
from django.views.debug import SafeExceptionReporterFilter

from django_gateway import concealment
from django_gateway.concealment import HIDDEN
from django_gateway.redaction import Redactor

SECRET = "s3cr3t-Value"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


# Names


@pytest.mark.parametrize("part", SafeExceptionReporterFilter.hidden_settings.pattern.split("|"))
def test_what_django_hides_is_hidden(redactor: Redactor, part: str) -> None:
    for name in (part, part.lower(), f"MY_{part}_VALUE", f"x-{part.lower()}-y"):
        assert redactor.is_secret(name), name


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "HTTP_PROXY_AUTHORIZATION",
        "X-Api-Key",
        "x-amz-security-token",
        "X-Amz-Signature",
        "X-Amz-Credential",
        "sessionid",
        "PHPSESSIONID",
        "csrfmiddlewaretoken",
        "HTTP_X_CSRFTOKEN",
        "X-XSRF-TOKEN",
        "id_token",
        "access_token",
        "client_secret",
        "DATABASE_PASSWORD",
        "PGPASSWORD",
        "MYSQL_PWD",
        "SENTRY_DSN",
        "private_key",
        "otp",
        "jwt",
    ],
)
def test_names_that_hide_their_values(redactor: Redactor, name: str) -> None:
    assert redactor.is_secret(name)


@pytest.mark.parametrize(
    "name", ["HTTP_HOST", "User-Agent", "PATH_INFO", "wsgi.input", "Accept", "page", "Content-Type", "X-Request-ID"]
)
def test_names_that_do_not(redactor: Redactor, name: str) -> None:
    assert not redactor.is_secret(name)


def test_patterns_of_the_project_are_written_for_names_of_headers() -> None:
    redactor = Redactor(["IBAN", "^X-Customer"])
    assert redactor.headers([("x-customer-id", SECRET)]) == [("x-customer-id", HIDDEN)]
    assert redactor.environ({"HTTP_X_CUSTOMER_ID": SECRET}) == [("HTTP_X_CUSTOMER_ID", HIDDEN)]
    assert redactor.query(f"page=1&X-Customer-Id={SECRET}&iban={SECRET}&y=X-Customer") == (
        f"page=1&X-Customer-Id={HIDDEN}&iban={HIDDEN}&y=X-Customer"
    )
    assert not redactor.is_secret("MAX_CUSTOMERS")


# Forms of secrets


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("page=2&colour=orange", "page=2&colour=orange"),
        ("a=%20b&&=&c", "a=%20b&&=&c"),
        (f"a=1&token={SECRET}&b=2", f"a=1&token={HIDDEN}&b=2"),
        (f"to%6ben={SECRET}", f"to%6ben={HIDDEN}"),
        (f"token={SECRET}={SECRET}", f"token={HIDDEN}"),
        (f"next=/reset/%3Ftoken%3D{SECRET}", f"next={HIDDEN}"),
        (f"next=%252Freset%253Ftoken%253D{SECRET}&a=1", f"next={HIDDEN}&a=1"),
        (f"db=postgres%3A%2F%2Fada%3A{SECRET}%40db%2Fshop", f"db={HIDDEN}"),
        ("q=a=b", "q=a=b"),
        ("mail=ada%40example.org", "mail=ada%40example.org"),
        ("password", "password"),
    ],
)
def test_query_strings(redactor: Redactor, text: str, told: str) -> None:
    for _ in range(3):
        assert redactor.query(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("https://example.org/a?b=c#d", "https://example.org/a?b=c#d"),
        (f"/login/?next=/&token={SECRET}", f"/login/?next=/&token={HIDDEN}"),
        (
            f"https://app/cb#access_token={SECRET}&token_type=b",
            f"https://app/cb#access_token={HIDDEN}&token_type={HIDDEN}",
        ),
        (f"https://ada:{SECRET}@example.org/", f"https://{HIDDEN}@example.org/"),
        (f"https://{SECRET}@example.org", f"https://{HIDDEN}@example.org"),
        (f"redis://:{SECRET}@cache:6379/0", f"redis://{HIDDEN}@cache:6379/0"),
        (f"postgres://ada:p@{SECRET}@db/shop", f"postgres://{HIDDEN}@db/shop"),
        (f"postgres://ada:p/{SECRET}@db/shop", f"postgres://{HIDDEN}@db/shop"),
        (f"postgres://ada:p#{SECRET}?x@db/shop", f"postgres://{HIDDEN}@db/shop"),
        (f"a://u:{SECRET}@h, b://u:{SECRET}@h", f"a://{HIDDEN}@h, b://{HIDDEN}@h"),
        ("https://example.org:8000/users/ada@example.org", "https://example.org:8000/users/ada@example.org"),
        ("https://[::1]:8000/ada@example.org", "https://[::1]:8000/ada@example.org"),
        ("mailto:ada@example.org", "mailto:ada@example.org"),
        ("://@", f"://{HIDDEN}@"),
    ],
)
def test_urls(redactor: Redactor, text: str, told: str) -> None:
    assert redactor.url(text) == told
    for name in ("Referer", "location", "Refresh", "X-Original-URL"):
        assert redactor.headers([(name, text)]) == [(name, told)]
    for key in ("HTTP_REFERER", "RAW_URI", "REQUEST_URI", "DATABASE_URL"):
        assert redactor.environ({key: text}) == [(key, told)]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (("Cookie", f"sessionid={SECRET}; theme={SECRET}"), f"sessionid={HIDDEN}; theme={HIDDEN}"),
        (("Cookie", f"a={SECRET}={SECRET};b = {SECRET}"), f"a={HIDDEN}; b={HIDDEN}"),
        (("cookie", SECRET), HIDDEN),
        (("Cookie", f"a={SECRET}; {SECRET}"), f"a={HIDDEN}"),
        (("Set-Cookie", f"sessionid={SECRET}; Path=/; HttpOnly"), f"sessionid={HIDDEN}; Path=/; HttpOnly"),
        (("Set-Cookie", f"{SECRET}; Path=/"), HIDDEN),
        (("Authorization", f"Bearer {SECRET}"), f"Bearer {HIDDEN}"),
        (("authorization", f"Basic {SECRET}"), f"Basic {HIDDEN}"),
        (("Authorization", SECRET), HIDDEN),
        (("Authorization", f"{SECRET} {SECRET}"), HIDDEN),
        (("Proxy-Authorization", f"Digest username={SECRET}"), f"Digest {HIDDEN}"),
        (("X-Api-Key", SECRET), HIDDEN),
        (("X-Auth", f"Bearer {SECRET}"), HIDDEN),
    ],
)
def test_headers(redactor: Redactor, header: tuple[str, str], told: str) -> None:
    name, value = header
    assert redactor.headers([header]) == [(name, told)]
    assert redactor.headers([[name.encode(), value.encode()]]) == [(name, told)]
    if name.lower() != "set-cookie":
        key = f"HTTP_{name.upper().replace('-', '_')}"
        assert redactor.environ({key: value}) == [(key, told)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"user": "ada", "n": 1}', '{"user": "ada", "n": 1}'),
        (f'{{"password": "{SECRET}", "user": "ada"}}', f'{{"password": "{HIDDEN}", "user": "ada"}}'),
        (f'{{"password" : "a\\"{SECRET}", "n": 1}}', f'{{"password" : "{HIDDEN}", "n": 1}}'),
        (f'{{"tokens": ["{SECRET}", "{SECRET}"], "n": 1}}', f'{{"tokens": "{HIDDEN}", "n": 1}}'),
        (f'{{"credentials": {{"pin": "{SECRET}"}}, "n": 1}}', f'{{"credentials": "{HIDDEN}", "n": 1}}'),
        (f'{{"a": [{{"pass\\u0077ord": "{SECRET}"}}]}}', f'{{"a": [{{"pass\\u0077ord": "{HIDDEN}"}}]}}'),
        ('{"pin_token": 1234}', f'{{"pin_token": "{HIDDEN}"}}'),
        (f'{{"token": "{SECRET} cut o', f'{{"token": "{HIDDEN}"'),
        (f'{{"token": ["{SECRET}", {{"a": "{SECRET}', f'{{"token": "{HIDDEN}"'),
        (f"user=ada&password={SECRET}", f"user=ada&password={HIDDEN}"),
        (f'{{"url": "/a?token={SECRET}"}}', '{"url": "/a?token=' + HIDDEN),
    ],
)
def test_excerpts_of_messages(redactor: Redactor, text: str, told: str) -> None:
    assert redactor.excerpt(text, 1000) == told
    assert redactor.excerpt(text, 0) is None


def test_excerpts_are_cut_and_whatever_is_cut_off_stays_hidden(redactor: Redactor) -> None:
    text = json.dumps({"user": "ada", "session": {"id": SECRET, "more": [SECRET] * 3}, "n": 1})
    for limit in range(1, len(text) + 1):
        told = redactor.excerpt(text, limit)
        assert told is not None
        assert "s3cr3t" not in told
    assert redactor.excerpt("colour: orange", 6) == "colour"


def test_deep_json_is_no_trouble() -> None:
    text = '{"token": ' + "[" * 5_000
    assert concealment.json_members(text, lambda name: name == "token") == f'{{"token": "{HIDDEN}"'


def test_containers_are_searched_by_name(redactor: Redactor) -> None:
    given = {
        "state": {"db": {"password": SECRET, "host": "db"}, "token": 7, "debug": True},
        "session": {"user": SECRET},
        "cookies": {"theme": SECRET},
        "api_keys": [SECRET],
        "secret_bytes": SECRET.encode(),
        "pin_secret": 1234,
        "has_session": True,
        "session_object": object(),
    }
    told = {
        "state": {"db": {"password": HIDDEN, "host": "db"}, "token": HIDDEN, "debug": True},
        "session": HIDDEN,
        "cookies": HIDDEN,
        "api_keys": HIDDEN,
        "secret_bytes": HIDDEN,
        "pin_secret": HIDDEN,
        "has_session": True,
        "session_object": "<builtins.object>",
    }
    for _ in range(2):
        assert dict(redactor.scope(given)) == told
        assert dict(redactor.environ(given)) == told
