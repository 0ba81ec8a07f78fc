"""Exchanges as bytes (MessagePack), whatever came to be in them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ..exchange import Exchange


def _unforeseen(value: Any) -> Any:
    """What a project passed where others pass plain data: a SafeString for a template's name, say.

    Plain data of the same meaning, or else the type's name: no exchange is lost for it.
    """
    if isinstance(value, str):
        return str.__str__(value)  # str() gives the very object back where its class says so
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


encode: Final = msgspec.msgpack.Encoder(enc_hook=_unforeseen).encode
decode: Final = msgspec.msgpack.Decoder(Exchange).decode
encode_plain: Final = msgspec.msgpack.Encoder().encode
