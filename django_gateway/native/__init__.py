"""The recorder's hot path in C, where it could be built. All of it has its like in Python, which says what it does.

``core`` is the compiled module, or None: on another Python than CPython for Linux, without a compiler at installation,
in a subinterpreter, or with ``GATEWAY_NATIVE=0`` in the environment. Only speed differs.
"""

from __future__ import annotations

import os
from typing import Any


def _load() -> Any:
    if os.environ.get("GATEWAY_NATIVE") == "0":
        return None
    try:
        from . import core
    except ImportError:
        return None
    return core


core: Any = _load()
