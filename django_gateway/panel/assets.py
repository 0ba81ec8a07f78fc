"""The panel's own style sheets, scripts and pictures, served by itself: no host project's static files are needed.

What may be asked for is a table made once, so no name from a request ever becomes a path. One digest covers all files
and stands in the address before the name: modules import each other by relative names, and a page and its parts are of
one release or not found.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parent / "static" / "django_gateway"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Asset(NamedTuple):
    content: bytes
    type: str


class Assets(NamedTuple):
    digest: str
    files: dict[str, Asset]


@functools.cache
def load() -> Assets:
    files = {
        path.name: Asset(path.read_bytes(), TYPES[path.suffix])
        for path in sorted(FOLDER.iterdir())
        if path.suffix in TYPES and path.is_file()
    }
    digest = hashlib.sha256()
    for name, asset in files.items():
        digest.update(f"{name}\0{len(asset.content)}\0".encode())
        digest.update(asset.content)
    return Assets(digest.hexdigest()[:16], files)
