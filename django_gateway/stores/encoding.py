"""Exchanges as bytes (MessagePack), whatever came to be in them."""

from __future__ import annotations

from typing import Final

import msgspec

from ..exchange import Exchange
from ..vocabulary import encode as encode  # noqa: PLC0414 (for the stores)

decode: Final = msgspec.msgpack.Decoder(Exchange).decode
encode_plain: Final = msgspec.msgpack.Encoder().encode
