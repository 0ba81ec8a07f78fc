"""What is left of a text once its secret is out of it: one function for each form that secrets come in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from .legible import LONGEST, shortened

HIDDEN: Final = "•••••"

#: Schemes that may be named (the IANA registry, and what is often seen beside it): any other first word may itself be
#: the secret.
_SCHEMES: Final = frozenset(
    "apikey aws4-hmac-sha256 basic bearer concealed digest dpop gnap hoba jwt mutual negotiate ntlm oauth "  # noqa: SIM905
    "privatetoken scram-sha-1 scram-sha-256 token vapid".split()
)
#: An authority that ends in a port: what follows is a path, and an ``@`` in it separates nothing.
_PORT: Final = re.compile(r"[^:]*:\d*|\[[^\]]*\](?::\d*)?")

#: The name of a member of a JSON object, up to its value; at the end of an excerpt the value may be cut off.
_JSON_NAME: Final = re.compile(r'("(?:[^"\\]|\\.){1,200}")\s*:\s*(?=\S)')
_json = json.JSONDecoder()


def hidden(name: str, value: str) -> str:
    """What may be told of the value of a secret header or variable."""
    return hides(name)(value)


@lru_cache(1024)
def hides(name: str) -> Callable[[str], str]:
    """The same as a function: the names of cookies, the scheme of an authorization; never a length."""
    folded = name.upper().replace("-", "_").removeprefix("HTTP_")
    if folded == "COOKIE":
        return lambda value: shortened(cookie(value))
    if folded == "SET_COOKIE":
        return lambda value: shortened(set_cookie(value))
    if folded in ("AUTHORIZATION", "PROXY_AUTHORIZATION", "WWW_AUTHENTICATE", "PROXY_AUTHENTICATE"):
        return authorization
    return lambda _: HIDDEN


def authorization(value: str) -> str:
    """The scheme stays."""
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {HIDDEN}" if space and scheme.lower() in _SCHEMES else HIDDEN


_COOKIE_VALUES: Final = re.compile(r"\s*=[^;]*")


def cookie(value: str) -> str:
    """The names stay. A part without "=" may be a value cut off from its name, or a cookie without one."""
    value = value[:LONGEST]
    told = _COOKIE_VALUES.sub(f"={HIDDEN}", value)
    if told.count("=") == value.count("; ") + 1 == value.count(";") + 1:
        return told
    names = [pair.partition("=")[0].strip() for pair in value.split(";") if "=" in pair]
    return "; ".join([f"{name}={HIDDEN}" for name in names]) or HIDDEN


def set_cookie(value: str) -> str:
    """The name and the attributes stay."""
    pair, mark, attributes = value.partition(";")
    name, equals, _ = pair.partition("=")
    return f"{name}={HIDDEN}{mark}{attributes}" if equals else HIDDEN


def userinfo(text: str) -> str:
    """``scheme://user:password@host`` without user and password, in linear work.

    A password with an unescaped "/", "?" or "#" in it is found too, where there is a colon that begins no port.
    """
    first, *rest = text.split("://")
    return "://".join([first, *map(_authority, rest)])


def _authority(text: str) -> str:
    """``text`` begins with an authority, userinfo and host."""
    address = text.split(None, 1)[0] if text and not text[0].isspace() else ""
    at = address.rfind("@")
    if at < 0:
        return text
    before = address[:at]
    end = min((place for place in map(before.find, "/?#") if place >= 0), default=-1)
    if end < 0:
        return HIDDEN + text[at:]
    authority = before[:end]
    inner = authority.rfind("@")
    if inner >= 0:
        return HIDDEN + text[inner:]
    if ":" in authority and _PORT.fullmatch(authority) is None:
        return HIDDEN + text[at:]
    return text


def json_members(text: str, is_secret: Callable[[str], bool]) -> str:
    """The values of secret members are hidden, however deep; one that is cut off takes the rest of the text along."""
    pieces: list[str] = []
    done = 0
    for name in _JSON_NAME.finditer(text):
        if name.start() < done or not is_secret(_json_name(name[1])):
            continue
        try:
            _, end = _json.raw_decode(text, name.end())
        except (ValueError, RecursionError):
            end = len(text)
        pieces += [text[done : name.end()], f'"{HIDDEN}"']
        done = end
    return "".join([*pieces, text[done:]])


def _json_name(quoted: str) -> str:
    try:
        name: str = json.loads(quoted, strict=False)
    except ValueError:
        return quoted
    return name
