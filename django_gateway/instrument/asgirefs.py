"""Whether sync_to_async's way into a thread is asgiref's own, by its source: then one object can serve many calls."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any, Final

from asgiref.sync import SyncToAsync

#: What asgiref's own ``__call__`` reads of its object. Where it reads more, or another tool has put something of its
#: own in its place, the object is copied for each call.
_READ: Final = frozenset(
    {
        "_executor",
        "_thread_sensitive",
        "context",
        "context_to_thread_executor",
        "deadlock_context",
        "func",
        "single_thread_executor",
        "thread_handler",
        "thread_sensitive_context",
    }
)


def is_asgirefs(original: Any) -> bool:
    """Whether it is asgiref's, and calls ``self.func`` with the arguments it was given, and nothing else of it."""
    try:
        read, calls = _uses(original)
        handled, _ = _uses(SyncToAsync.thread_handler)
    except Exception:  # no source, or none that Python can read
        return False
    return (
        _READ.issuperset(read)
        and read.count("func") == 1
        and "functools.partial(self.func, *args, **kwargs)" in calls
        and set(handled) == {"threadlocal"}
    )


def _uses(method: Any) -> tuple[list[str], list[str]]:
    """What a method of asgiref's reads of ``self``, and what it calls. Raises ValueError where it is another's."""
    nodes = list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(method)))))
    read = [node.attr for node in nodes if isinstance(node, ast.Attribute) and _is_self(node.value)]
    if inspect.getsourcefile(method) != inspect.getsourcefile(SyncToAsync) or sum(map(_is_self, nodes)) != len(read):
        raise ValueError(method)
    return read, [ast.unparse(node) for node in nodes if isinstance(node, ast.Call)]


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"
