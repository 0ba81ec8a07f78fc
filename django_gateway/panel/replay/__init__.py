"""A recorded request sent once more, to the address that gatewayserve serves on loopback and to no other. No Django."""

from .request import Plan, plan
from .sending import Answer, ReplayError, Target, send
from .upgrading import Conversation, converse

__all__ = ["Answer", "Conversation", "Plan", "ReplayError", "Target", "converse", "plan", "send"]
