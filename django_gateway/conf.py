"""Settings: one dict, ``GATEWAY``, every key with a default; the environment overrides two of them.

``current()`` works without Django too (a Flask application under ``record_wsgi``): then the environment alone counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from .stores import Capacity

#: Next to the project, ignored by git: the store, the panel's token, what servers and proxies are started with.
FOLDER: Final = ".gateway"
STORE_FILE: Final = "exchanges.sqlite3"
#: The environment variable in which gatewayserve tells its workers where the panel is, as a URL.
PANEL_ADDRESS: Final = "GATEWAY_PANEL_ADDRESS"


class Settings(msgspec.Struct, frozen=True):
    """What is in force; see docs/reference/settings.md."""

    #: Whether anything is recorded; None in GATEWAY means "as DEBUG".
    enabled: bool
    #: A URL that ``stores.open_store`` takes.
    store: str
    capacity: Capacity
    #: Events kept of one exchange; what comes after is counted.
    max_events: int
    #: Bytes kept of each WebSocket message, 0 for none.
    body_bytes: int
    #: Further patterns (regular expressions, case ignored) of names whose values are hidden.
    hide: tuple[str, ...]
    #: Whether a mounted panel answers; None in GATEWAY means "as DEBUG".
    panel: bool
    #: Whether responses carry a ``Server-Timing`` header, and one that names their exchange; never without DEBUG.
    server_timing: bool
    exchange_header: bool
    #: The project's own defaults for gatewayserve's options.
    serve: Mapping[str, Any]
    #: The ``.gateway`` folder.
    folder: Path


class Problem(msgspec.Struct, frozen=True):
    """A setting that can't be used; ``hint`` names what is accepted."""

    key: str
    message: str
    hint: str


#: Bytes.
_LEAST: Final = 1024 * 1024


def _switch(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _room(value: Any) -> bool:
    # Less than this an empty store's own tables take.
    return _count(value) and value >= _LEAST


def _store(value: Any) -> bool:
    return isinstance(value, str) and (value == "memory:" or re.fullmatch(r"sqlite:///.+", value) is not None)


def _patterns(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or not all(isinstance(pattern, str) for pattern in value):
        return False
    try:
        for pattern in value:
            re.compile(pattern)
        re.compile("|".join(value))
    except re.error:
        return False
    return True


#: Each key of GATEWAY: its default, its test, and what it accepts, in words.
KEYS: Final[dict[str, tuple[Any, Callable[[Any], bool], str]]] = {
    "ENABLED": (None, _switch, "True, False, or None for the value of DEBUG"),
    "STORE": (None, lambda value: value is None or _store(value), '"sqlite:///absolute/path", "memory:", or None'),
    "MAX_EXCHANGES": (Capacity().exchanges, _count, "a whole number above 0"),
    "MAX_BYTES": (Capacity().bytes, _room, f"a whole number of bytes, {_LEAST} at the least"),
    "MAX_EVENTS": (20_000, _count, "a whole number above 0"),
    "BODY_BYTES": (0, _size, "a whole number of bytes, 0 for none"),
    "HIDE": ((), _patterns, "a list of regular expressions, each a string"),
    "PANEL": (None, _switch, "True, False, or None for the value of DEBUG"),
    "SERVER_TIMING": (True, lambda value: isinstance(value, bool), "True or False"),
    "EXCHANGE_HEADER": (True, lambda value: isinstance(value, bool), "True or False"),
    "SERVE": ({}, lambda value: isinstance(value, Mapping), "a dict of gatewayserve's options"),
}
_SWITCHES: Final = {
    "1": True,
    "true": True,
    "on": True,
    "yes": True,
    "0": False,
    "false": False,
    "off": False,
    "no": False,
}


def problems(gateway: Any, environment: Mapping[str, str] | None = None) -> list[Problem]:
    """What is wrong with a GATEWAY setting and with the environment's overrides."""
    environment = os.environ if environment is None else environment
    if not isinstance(gateway, Mapping):
        return [Problem("GATEWAY", "GATEWAY is no dict.", f"Make it a dict with any of the keys {', '.join(KEYS)}.")]
    found = []
    for key, value in gateway.items():
        if key not in KEYS:
            found.append(Problem(str(key), f"GATEWAY[{key!r}] is not a setting.", f"The keys are {', '.join(KEYS)}."))
            continue
        _, accepts, words = KEYS[key]
        if not accepts(value):
            found.append(Problem(key, f"GATEWAY[{key!r}] is {value!r}.", f"It takes {words}."))
    enabled = environment.get("GATEWAY_ENABLED")
    if enabled and enabled.lower() not in _SWITCHES:
        found.append(
            Problem("GATEWAY_ENABLED", f"The environment's GATEWAY_ENABLED is {enabled!r}.", "It takes 1 or 0.")
        )
    store = environment.get("GATEWAY_STORE")
    if store and not _store(store):
        _, _, words = KEYS["STORE"]
        found.append(Problem("GATEWAY_STORE", f"The environment's GATEWAY_STORE is {store!r}.", f"It takes {words}."))
    return found


def settings_from(gateway: Any, *, debug: bool, base: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in force; a malformed value counts as absent, since the system check names it."""
    environment = os.environ if environment is None else environment
    given = gateway if isinstance(gateway, Mapping) else {}

    def value(key: str) -> Any:
        default, accepts, _ = KEYS[key]
        return given[key] if key in given and accepts(given[key]) else default

    def switch(key: str) -> bool:
        return debug if value(key) is None else bool(value(key))

    # Absolute, or the store's URL would name a place at the root.
    folder = Path(environment.get("GATEWAY_FOLDER") or base / FOLDER).absolute()
    store = environment.get("GATEWAY_STORE", "")
    return Settings(
        enabled=_SWITCHES.get(environment.get("GATEWAY_ENABLED", "").lower(), switch("ENABLED")),
        store=store if _store(store) else value("STORE") or f"sqlite:///{folder / STORE_FILE}",
        capacity=Capacity(value("MAX_EXCHANGES"), value("MAX_BYTES")),
        max_events=value("MAX_EVENTS"),
        body_bytes=value("BODY_BYTES"),
        hide=tuple(value("HIDE")),
        panel=switch("PANEL"),
        server_timing=debug and value("SERVER_TIMING"),
        exchange_header=debug and value("EXCHANGE_HEADER"),
        serve=dict(value("SERVE")),
        folder=folder,
    )


def current() -> Settings:
    """The settings of this process' Django project, or of its environment where there is none."""
    try:
        from django.conf import settings

        gateway = getattr(settings, "GATEWAY", {})
        debug = bool(settings.DEBUG)
        base = Path(getattr(settings, "BASE_DIR", None) or Path.cwd())
    except Exception:  # no Django, or no settings: ImproperlyConfigured, ImportError, or whatever they raise
        gateway, debug, base = {}, "GATEWAY_STORE" in os.environ, Path.cwd()
    return settings_from(gateway, debug=debug, base=base)
