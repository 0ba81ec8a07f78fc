"""Exchanges as bytes (MessagePack), whatever came to be in them."""

from __future__ import annotations

from typing import Final

import msgspec

from ..exchange import Exchange
from ..vocabulary import unforeseen

encode: Final = msgspec.msgpack.Encoder(enc_hook=unforeseen).encode
decode: Final = msgspec.msgpack.Decoder(Exchange).decode
encode_plain: Final = msgspec.msgpack.Encoder().encode
