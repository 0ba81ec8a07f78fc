"""What arrived, and what the application was handed for it."""

from __future__ import annotations

from typing import Any

from ...exchange import Exchange


def build(exchange: Exchange, *, brief: bool = False) -> dict[str, Any]:
    return {}
