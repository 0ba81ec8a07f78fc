"""Processes, threads and sockets as the kernel has them: real ones, started here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import factories
from django_gateway.exchange import Server
from django_gateway.panel import topology
from django_gateway.panel.topology import queues, words
from django_gateway.panel.views.topology import where
from django_gateway.stores import Capacity
from django_gateway.stores.memory import MemoryStore
from panels import installed
from serving import until

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="There is no /proc here.")

CHILD = "import sys; print('ready', flush=True); sys.stdin.read()"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def child(listener: socket.socket) -> Iterator[subprocess.Popen[str]]:
    """A child that holds the listening socket too, waits at a pipe, and was given a secret."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, "--password", "hunter2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[listener.fileno()],
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.stdin.close()


def test_the_tree_of_processes(child: subprocess.Popen[str], listener: socket.socket) -> None:
    root = topology.tree(os.getpid())
    assert root is not None
    found = {process.pid: process for process in root.walk()}
    assert found[os.getpid()] is root
    ours = found[child.pid]
    assert ours.parent == os.getpid()
    assert ours.arguments[:2] == [sys.executable, "-c"]
    assert ours.memory > 1_000_000
    assert [thread.tid for thread in ours.threads] == [child.pid]
    assert ours.threads[0].state in "RS"
    inode = os.fstat(listener.fileno()).st_ino
    assert ours.sockets[inode] == [listener.fileno()]
    assert listener.fileno() in root.sockets[inode]


THREADS = """
import sys, threading
thread = threading.Thread(target=sys.stdin.read)
thread.start()
print(thread.native_id, flush=True)
"""


def test_threads_are_listed_with_what_they_wait_for() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", THREADS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        waiting = int(process.stdout.readline())
        root = topology.tree(process.pid)
        assert root is not None
        assert {thread.tid for thread in root.threads} == {process.pid, waiting}
    assert words.waits_for("futex_wait_queue") == "waits for another thread (a lock)"
    assert words.waits_for("inet_csk_accept") == "waits for a connection (accept)"
    assert words.waits_for("do_epoll_wait") == "waits for any of its sockets (epoll)"
    assert words.waits_for("something_else") == ""


def test_listening_sockets_and_what_waits_in_them(listener: socket.socket, tmp_path: Path) -> None:
    inode = os.fstat(listener.fileno()).st_ino
    (found,) = topology.listeners({inode})
    host, port = listener.getsockname()
    assert (found.kind, found.host, found.port, found.waiting, found.open) == ("tcp", host, port, 0, 0)
    with socket.create_connection((host, port)):
        until(lambda: topology.listeners({inode})[0].waiting == 1)
        accepted, _ = listener.accept()
        with accepted:
            until(lambda: [(each.waiting, each.open) for each in topology.listeners({inode})] == [(0, 1)])
    with socket.socket(socket.AF_UNIX) as local:
        local.bind(str(tmp_path / "app.sock"))
        local.listen()
        (found,) = topology.listeners({os.fstat(local.fileno()).st_ino})
        assert (found.kind, found.host, found.open) == ("unix", str(tmp_path / "app.sock"), None)
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as six:
        (found,) = topology.listeners({os.fstat(six.fileno()).st_ino})
        assert where(found) == f"[::1]:{six.getsockname()[1]}"


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_the_backlog(family: socket.AddressFamily, tmp_path: Path) -> None:
    """Where the kernel tells; what /proc/net has is there in any case."""
    if not queues.queues():
        pytest.skip("This kernel tells nothing of sockets' queues, or a container forbids to ask.")
    with socket.socket(family) as listener:
        listener.bind({socket.AF_INET: ("127.0.0.1", 0), socket.AF_INET6: ("::1", 0)}.get(family, str(tmp_path / "s")))
        listener.listen(7)
        inode = os.fstat(listener.fileno()).st_ino
        (found,) = topology.listeners({inode})
        assert (found.waiting, found.room) == (0, 7)
        with socket.socket(family) as client:
            client.connect(listener.getsockname())
            until(lambda: topology.listeners({inode})[0].waiting == 1)


def test_where_the_kernel_tells_nothing_of_queues(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A protocol that no kernel has stands for one that a container forbids."""
    monkeypatch.setattr(queues, "_NETLINK_SOCK_DIAG", 31)
    assert queues.queues() == {}
    with socket.socket(socket.AF_UNIX) as local:
        local.bind(str(tmp_path / "app.sock"))
        local.listen()
        inodes = {os.fstat(each.fileno()).st_ino for each in (listener, local)}
        assert [(each.waiting, each.room) for each in topology.listeners(inodes)] == [(0, None), (None, None)]
        with installed(MemoryStore(Capacity()), tmp_path, supervisor=os.getpid()) as client:
            text = client.get("/topology/").content.decode()
    assert "TCP port · 0 waiting to be accepted · 0 open" in text
    assert "Unix socket · how many wait to be accepted is not told" in text
    assert "room for" not in text.replace("has room for", "")


def test_a_process_that_is_gone() -> None:
    assert topology.tree(2**22 + 1) is None


def test_what_a_process_is_here_for() -> None:
    assert words.role(["python", "manage.py", "gatewayserve"], "python", root=True) == "supervisor"
    assert words.role(["python", "-m", "django_gateway.panel"], "python", root=False) == "panel"
    assert words.role(["nginx: master process", "-c"], "nginx", root=False) == "proxy"
    linking = ["python", "-m", "django_gateway.workers.static_links", "/srv/shop/.gateway/nginx/static"]
    assert words.role(linking, "python", root=False) == "files"
    assert words.role(["python", "-m", "daphne"], "python", root=False) == "worker"
    assert words.role(["python", "-m", "django_gateway.wire", "--fd", "3"], "python", root=False) == "relay"
    keeping = ["python", "-P", "-m", "django_gateway.workers.uwsgi", "--http-socket", "fd://3"]
    assert words.role(keeping, "python", root=False) == "keeper"
    kept = ["python", "uwsgi", "--http-socket", "fd://3", "--module", "django_gateway.workers.wsgi:application"]
    assert words.role(kept, "uwsgi", root=False) == "worker"


def test_no_secret_of_a_command_line_is_shown() -> None:
    line = words.command(["run", "--password", "hunter2", "--api-key=hunter3", "--bind", ":80"])
    assert line == "run --password ••••• --api-key=••••• --bind :80"


def test_the_page(child: subprocess.Popen[str], listener: socket.socket, tmp_path: Path) -> None:
    store = MemoryStore(Capacity())
    factories.keep(store, factories.in_flight(server=Server("daphne", "4", child.pid, "MainThread", "here")))
    with installed(store, tmp_path, supervisor=os.getpid()) as client:
        text = client.get("/topology/").content.decode()
    assert f"pid {child.pid}" in text
    assert "1 in flight" in text
    assert f"127.0.0.1:{listener.getsockname()[1]}" in text
    if queues.queues():
        assert "0 waiting to be accepted, room for " in text
    assert "hunter2" not in text
    with installed(store, tmp_path, supervisor=2**22 + 1) as client:
        assert "has ended" in client.get("/topology/").content.decode()
