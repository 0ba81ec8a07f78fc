"""Somebody who browses: keeps cookies, follows redirects, fills in forms, remembers each request and each secret."""

from __future__ import annotations

import re
import ssl
from types import TracebackType
from typing import Any, Final, NamedTuple

import httpx

from .forms import Form, forms

AGENT: Final = "visitor/1.0"


class Visit(NamedTuple):
    """One request and its response, as they were seen on this side."""

    method: str
    path: str
    query: str
    status: int
    sent: int
    received: int
    #: Names of the response's headers, in lower case.
    headers: tuple[str, ...]


class Visitor:
    def __init__(self, url: str, verify: ssl.SSLContext | bool = True) -> None:
        self.visits: list[Visit] = []
        self.secrets: set[str] = set()
        self.page: httpx.Response
        self._client = httpx.Client(
            base_url=url,
            verify=verify,
            headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
            follow_redirects=True,
            trust_env=False,
            timeout=60,
            event_hooks={"response": [self._seen]},
        )

    def _seen(self, response: httpx.Response) -> None:
        request, url = response.request, response.request.url
        body = response.read()
        self.visits.append(
            Visit(
                request.method,
                url.path,
                url.query.decode(),
                response.status_code,
                len(request.read()),
                len(body),
                tuple(response.headers),
            )
        )
        self.secrets |= {value for value in response.cookies.values() if len(value) > 8}
        self.secrets |= set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', response.text))

    def get(self, path: str, status: int = 200) -> httpx.Response:
        """The page at the end of all redirects."""
        return self._arrived(self._client.get(path), status)

    def head(self, path: str, status: int = 200) -> httpx.Response:
        return self._arrived(self._client.head(path), status)

    def form(self, field: str) -> Form:
        """The form of the page that has a field of this name."""
        found = [form for form in forms(self.page.text) if field in form.fields or field in form.files]
        assert found, f"{self.page.url} has no form with {field}:\n{self.page.text[:2_000]}"
        return found[0]

    def submit(self, field: str, values: dict[str, str], files: Any = None) -> httpx.Response:
        """Send the form that has the field, with ``values`` filled in."""
        form = self.form(field)
        address = self.page.url.join(form.action) if form.action else self.page.url
        # Django's admin compares it under HTTPS; browsers send it anyway.
        headers = {"Referer": str(self.page.url)}
        fields = {**form.fields, **values}
        return self._arrived(self._client.post(address, data=fields, files=files, headers=headers), 200)

    def send(self, path: str) -> httpx.Response:
        """A button's POST, with the token from the cookie, as a page's script sends it."""
        return self._arrived(
            self._client.post(
                path,
                data={"csrfmiddlewaretoken": self._client.cookies["csrftoken"]},
                headers={"Referer": str(self.page.url)},
            ),
            200,
        )

    def _arrived(self, response: httpx.Response, status: int) -> httpx.Response:
        assert response.status_code == status, f"{response.url}: {response.status_code}\n{response.text[:4_000]}"
        self.page = response
        return response

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Visitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
