"""The picture of an exchange: from its trail to lanes, from lanes to a drawing. Pure functions, no Django."""

from __future__ import annotations

from .geometry import Timeline, timeline
from .lanes import picture
from .spans import Trail, read

__all__ = ["Timeline", "Trail", "picture", "read", "timeline"]
