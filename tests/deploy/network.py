"""Several hosts on one machine: a network namespace for each, and a bridge between them in a namespace of its own.

Nothing of the machine's own network is touched, and whatever was made goes with the context, processes included.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

import pytest

from django_gateway.deploy.installed import find
from serving import DEADLINE

_PREFIX: Final = "gateway-test-"
_NEW_NET: Final = 0x40000000
_NUMBERS: Final = itertools.count(1)
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class Network:
    def __init__(self, name: str, addresses: Mapping[str, str]) -> None:
        self._name = name
        self._addresses = addresses

    def namespace(self, host: str) -> str:
        return f"{self._name}-{host}"

    def on(self, host: str) -> tuple[str, ...]:
        """What stands before a command that is to run there; it keeps its process id."""
        return (_ip(), "netns", "exec", self.namespace(host))

    @contextmanager
    def inside(self, host: str) -> Iterator[None]:
        """Sockets that this thread makes in the meantime are that host's."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.namespace(host)}") as away:
            _enter(away.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def unplug(self, host: str) -> None:
        """Packets to it are lost from now on; nobody tells the sender."""
        self._link("switch", "set", host, "down")

    def plug_in(self, host: str) -> None:
        self._link("switch", "set", host, "up")

    def kill(self, host: str) -> None:
        """Everything that runs there, and wait until it is gone: its connections are closed then."""
        for pid in _run("netns", "pids", self.namespace(host)).split():
            with suppress(ProcessLookupError):
                _kill(int(pid))

    def build(self, stack: ExitStack) -> None:
        for host in ("switch", *self._addresses):
            _run("netns", "add", self.namespace(host))
            stack.callback(self._remove, host)
        self._link("switch", "add", "bridge", "type", "bridge")
        self._link("switch", "set", "bridge", "up")
        for host, address in self._addresses.items():
            self._link("switch", "add", host, "type", "veth", "peer", "name", "wire", "netns", self.namespace(host))
            self._link("switch", "set", host, "master", "bridge", "up")
            _run("-n", self.namespace(host), "address", "add", f"{address}/24", "dev", "wire")
            self._link(host, "set", "wire", "up")
            self._link(host, "set", "lo", "up")

    def leftovers(self) -> list[str]:
        """Its namespaces that are there."""
        return [name for name in _names() if name.startswith(f"{self._name}-")]

    def _link(self, host: str, action: str, *words: str) -> None:
        _run("-n", self.namespace(host), "link", action, *words)

    def _remove(self, host: str) -> None:
        self.kill(host)
        _run("netns", "delete", self.namespace(host))


@contextmanager
def network(addresses: Mapping[str, str]) -> Iterator[Network]:
    """Hosts by name with an address of one /24 each. Where there may be none, the test fails; it is skipped for a
    developer who is not root."""
    if os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("network namespaces need root")
    _sweep()
    made = Network(f"{_PREFIX}{os.getpid()}-{next(_NUMBERS)}", addresses)
    with ExitStack() as stack:
        try:
            made.build(stack)
        except OSError as error:
            pytest.fail(f"network namespaces cannot be made here, and the test of several hosts needs them: {error}")
        yield made


def _sweep() -> None:
    """Namespaces of test runs that were killed."""
    for name in _names():
        owner = name.removeprefix(_PREFIX).partition("-")[0]
        if name.startswith(_PREFIX) and not os.path.exists(f"/proc/{owner}"):
            _run("netns", "delete", name)


def _names() -> list[str]:
    return [line.split()[0] for line in _run("netns", "list").splitlines() if line.strip()]


def _ip() -> str:
    return find("ip") or "ip"


def _run(*words: str) -> str:
    """Raises OSError with what ip(8) said."""
    done = subprocess.run([_ip(), *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def _kill(pid: int) -> None:
    """And wait for the last of its threads: they share its sockets."""
    descriptor = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        ended, _, _ = select.select([descriptor], [], [], DEADLINE)
        assert ended, f"process {pid} does not end"
    finally:
        os.close(descriptor)


def _enter(namespace: int) -> None:
    if _LIBC.setns(namespace, _NEW_NET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
