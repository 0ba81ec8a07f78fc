"""Generated server files take the socket that systemd hands over, the port that a platform names, and say when they
are ready."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.processes import accepts, exec_start, free_port, running, unit_settings
from deploy.projects import Project, complete, place
from deploy.requests import UnixConnection
from django_gateway.deploy.servers import SERVERS
from serving import DEADLINE

INTERFACES = [(kind.name, interface) for kind in SERVERS.values() for interface in kind.interfaces]
ACTIVATED = [(name, interface) for name, interface in INTERFACES if SERVERS[name].activation]


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with place() as folder:
        yield complete(folder)


def generate(project: Project, server: str, interface: str) -> Path:
    """The folder with the server's files, and with units that are no part of the system's."""
    output = project.folder / f"deploy {server} {interface}"
    if not output.exists():
        socket_path = project.folder.parent / f"{server}-{interface}.sock"
        project.manage(
            *("gatewaydeploy", server, "systemd", "procfile", f"--{interface}", "--output", str(output)),
            *("--socket", str(socket_path), "--host", "localhost"),
            DJANGO_SETTINGS_MODULE=settings(interface),
        )
    return output


def settings(interface: str) -> str:
    return f"mysite.{'asgi_' if interface == 'asgi' else ''}settings"


def where(connection: http.client.HTTPConnection) -> str:
    """Which folder the project that answers is in."""
    try:
        connection.request("GET", "/where/", headers={"Host": "localhost", "X-Forwarded-Proto": "https"})
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()
    finally:
        connection.close()


def unless_refused(path: str) -> str | None:
    try:
        return where(UnixConnection(path))
    except ConnectionRefusedError:
        return None


@pytest.mark.parametrize(("server", "interface"), ACTIVATED)
def test_a_server_takes_over_the_socket_that_systemd_opened(project: Project, server: str, interface: str) -> None:
    output = generate(project, server, interface)
    path = unit_settings((output / "systemd" / "mysite.socket").read_text(encoding="utf-8"))["ListenStream"]
    command = exec_start((output / "systemd" / "mysite.service").read_text(encoding="utf-8"))
    activate = shutil.which("systemd-socket-activate")
    assert activate
    # One worker: another of Gunicorn's that is still starting when the end comes would not hear of it.
    variables = {"DJANGO_SETTINGS_MODULE": settings(interface), "WEB_CONCURRENCY": "1"}
    passed = [word for name in ("PATH", *variables) for word in ("-E", name)]
    with running(
        [activate, "--listen", path, *passed, *command],
        output / "server.log",
        cwd=project.folder,
        variables=variables,
    ) as process:
        process.until(lambda: os.path.exists(path), "systemd made no socket")
        inode = os.stat(path).st_ino
        # The first connection starts the server, and waits for it. There is a socket before anybody listens at it.
        process.until(lambda: unless_refused(path) == str(project.folder), "systemd does not listen")
        # It is the same socket still: the server has not made one of its own in its place.
        assert os.stat(path).st_ino == inode


@pytest.mark.parametrize(("server", "interface"), INTERFACES)
def test_a_server_listens_where_port_says(project: Project, server: str, interface: str) -> None:
    output = generate(project, server, interface)
    command = exec_start((output / "systemd" / "mysite.service").read_text(encoding="utf-8"))
    port = free_port()
    variables = {"DJANGO_SETTINGS_MODULE": settings(interface), "PORT": str(port), "WEB_CONCURRENCY": "1"}
    # From anywhere: the project is found from the file.
    with running(command, output / "port.log", cwd=Path("/"), variables=variables) as process:
        process.until(lambda: accepts(port), "nothing listens")
        assert where(http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)) == str(project.folder)


@pytest.mark.parametrize("server", [name for name, kind in SERVERS.items() if kind.notify])
def test_a_server_tells_systemd_when_it_is_ready(project: Project, server: str) -> None:
    output = generate(project, server, "wsgi")
    unit = (output / "systemd" / "mysite.service").read_text(encoding="utf-8")
    assert unit_settings(unit)["Type"] == "notify"
    path = str(project.folder.parent / f"{server}-notify.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(path)
        notices.settimeout(DEADLINE)
        variables = {"DJANGO_SETTINGS_MODULE": settings("wsgi"), "NOTIFY_SOCKET": path}
        with running(exec_start(unit), output / "notify.log", cwd=project.folder, variables=variables):
            said = b""
            while b"READY=1" not in said:
                said += notices.recv(4096)
            # It is: nothing has to be tried twice.
            assert where(UnixConnection(str(project.folder.parent / f"{server}-wsgi.sock"))) == str(project.folder)


def test_honcho_starts_what_the_procfile_says(project: Project) -> None:
    output = generate(project, "gunicorn", "wsgi")
    shutil.copy(output / "procfile" / "Procfile", project.folder / "Procfile")
    port = free_port()
    variables = {"PORT": str(port), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "honcho", "start", "web"]
    with running(command, output / "honcho.log", cwd=project.folder, variables=variables) as process:
        process.until(lambda: accepts(port), "nothing listens")
        assert where(http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)) == str(project.folder)


@pytest.mark.parametrize(("server", "interface"), [("gunicorn", "wsgi"), ("uvicorn", "asgi"), ("granian", "asgi")])
def test_a_reload_of_the_service_brings_new_code_and_refuses_nothing(
    project: Project, server: str, interface: str
) -> None:
    output = generate(project, server, interface)
    unit = (output / "systemd" / "mysite.service").read_text(encoding="utf-8")
    assert unit_settings(unit)["ExecReload"] == "/bin/kill -HUP $MAINPID"
    path = str(project.folder.parent / f"{server}-{interface}.sock")
    before = project.read("mysite/views.py")
    with running(
        exec_start(unit),
        output / "reload.log",
        cwd=project.folder,
        variables={"DJANGO_SETTINGS_MODULE": settings(interface)},
    ) as process:
        process.until(lambda: accepts(path), "nothing listens")
        assert where(UnixConnection(path)) == str(project.folder)
        project.edit("mysite/views.py", "HttpResponse(str(settings.BASE_DIR))", 'HttpResponse("new")')
        try:
            process.popen.send_signal(signal.SIGHUP)
            process.until(lambda: where(UnixConnection(path)) == "new", "the old code answers")
        finally:
            project.write("mysite/views.py", before)


@pytest.mark.parametrize(
    ("server", "interface"), [("gunicorn", "wsgi"), ("hypercorn", "asgi"), ("granian", "wsgi"), ("daphne", "asgi")]
)
def test_the_socket_is_for_its_group_alone(project: Project, server: str, interface: str) -> None:
    """Of all servers that make a socket with permissions of its own; uvicorn's is open, and its folder keeps it."""
    output = generate(project, server, interface)
    unit = (output / "systemd" / "mysite.service").read_text(encoding="utf-8")
    path = str(project.folder.parent / f"{server}-{interface}.sock")
    variables = {"DJANGO_SETTINGS_MODULE": settings(interface), "WEB_CONCURRENCY": "1"}
    with running(exec_start(unit), output / "mode.log", cwd=project.folder, variables=variables) as process:
        process.until(lambda: accepts(path), "nothing listens")
        assert where(UnixConnection(path)) == str(project.folder)
        assert os.stat(path).st_mode & 0o007 == 0
        assert os.stat(path).st_mode & 0o060 == 0o060
