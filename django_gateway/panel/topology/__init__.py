"""The real processes, threads and sockets of what is served, read from /proc. No Django."""

from .processes import Process, Thread, readable, tree
from .sockets import Listener, listeners

__all__ = ["Listener", "Process", "Thread", "listeners", "readable", "tree"]
