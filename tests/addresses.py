"""Every view of the test project, asked in a way that is quick to answer."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.urls import reverse

import recorders
from pages.links import GROUPS

_QUICK = {
    "work:sleep": "?ms=1",
    "work:sleep_async": "?ms=1",
    "work:burn": "?ms=1",
    "work:burn_async": "?ms=1",
    "streams:sync": "?count=3&ms=0",
    "streams:async": "?count=3&ms=0",
    "streams:events": "?count=3&ms=0",
}
_STATUS = {
    "pages:redirect": 302,
    "pages:account": 302,
    "admin:index": 302,
    "failures:before": 500,
    "failures:before_async": 500,
}


class Address(NamedTuple):
    path: str
    query: str = ""
    method: str = "GET"
    body: bytes = b""
    content_type: str = ""
    status: int = 200

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def breaks_off(self) -> bool:
        return self.path.startswith("/failures/middle")

    def environ(self, **changes: Any) -> dict[str, Any]:
        fields = {"REQUEST_METHOD": self.method, "CONTENT_TYPE": self.content_type, **changes}
        return recorders.environ(self.path, self.query, self.body, **fields)

    def scope(self) -> dict[str, Any]:
        """What ``recorders.scope`` takes."""
        headers = [(b"host", b"testserver")]
        if self.content_type:
            headers += [
                (b"content-type", self.content_type.encode()),
                (b"content-length", str(len(self.body)).encode()),
            ]
        return {"path": self.path, "query": self.query, "method": self.method, "headers": headers}


def _linked() -> list[Address]:
    found = []
    for group in GROUPS:
        for link in group.links:
            path = reverse(link.url_name, args=[link.argument] if link.argument else [])
            query = _QUICK.get(link.url_name, link.query).removeprefix("?")
            found.append(Address(path, query, status=_STATUS.get(link.url_name, 200)))
    return found


_FORM = (
    b"--edge\r\n"
    b'Content-Disposition: form-data; name="files"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\n"
    b"contents\r\n--edge--\r\n"
)

_URLENCODED = "application/x-www-form-urlencoded"

ADDRESSES = [
    Address("/"),
    *_linked(),
    Address("/login/"),
    Address("/login/", "", "POST", b"username=ada&password=engine", _URLENCODED, 403),
    Address("/admin/login/"),
    # Its CSRF check reads the form before the view can: the whole of it is read, and refused.
    Address("/transfers/upload/", "", "POST", _FORM, "multipart/form-data; boundary=edge", 403),
    Address("/transfers/raw/", "", "PUT", b"raw" * 50_000, "application/octet-stream"),
    Address("/transfers/raw/", status=405),
    Address("/about", status=301),
    Address("/nothing/here/", status=404),
    Address("/work/sleep/", "ms=soon", status=400),
    Address("/about/", "", "HEAD"),
]
