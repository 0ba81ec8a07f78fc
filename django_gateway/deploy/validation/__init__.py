"""The tools' own validators, on the files that are there: each says its verdict, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from ..servers import SERVERS
from ..targets import TARGETS
from . import containers, proxies, servers, systemd
from .base import Result

__all__ = ["NothingToCheck", "Result", "check"]


class NothingToCheck(Exception):
    """The folder holds none of the files that are to be checked; the message says which."""


#: What checks a target's folder: given the output folder, it yields results.
_CHECKERS: Final[dict[str, Callable[[Path], Iterator[Result]]]] = {
    "nginx": proxies.nginx,
    "apache": proxies.apache,
    "mod_wsgi": proxies.mod_wsgi,
    "caddy": proxies.caddy,
    **{name: servers.checker(kind) for name, kind in SERVERS.items()},
    "systemd": systemd.units,
    "docker": containers.docker,
    "kubernetes": containers.kubernetes,
    "procfile": containers.procfile,
}


def check(folder: Path, targets: Iterable[str]) -> list[Result]:
    """Raises NothingToCheck."""
    wanted = list(dict.fromkeys(targets))
    for name in wanted:
        if name not in TARGETS:
            raise NothingToCheck(f"There is no target {name!r}. The targets are {', '.join(TARGETS)}.")
        if not (folder / name).is_dir():
            raise NothingToCheck(f"{folder / name} is not there: write it first, with gatewaydeploy {name}.")
    wanted = wanted or [name for name in TARGETS if (folder / name).is_dir()]
    results = [result for name in wanted for result in _CHECKERS[name](folder)]
    if not results:
        raise NothingToCheck(f"{folder} holds nothing that gatewaydeploy has written.")
    return results
