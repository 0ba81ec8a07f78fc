"""One proxy in front of two application hosts with Redis between them, each in a network namespace of its own, all
from generated files: one host dies under load, and the site goes on."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from deploy import fronts
from deploy.network import Network, network
from deploy.processes import Process, accepts, exec_start, running
from deploy.projects import Project, complete, place
from deploy.requests import Site, ask_everything
from secure import SecureWebSocket
from serving import DEADLINE, until

ADDRESSES: Final = {
    "proxy": "10.77.0.1",
    "one": "10.77.0.11",
    "two": "10.77.0.12",
    "redis": "10.77.0.20",
    "client": "10.77.0.100",
}
APPLICATIONS: Final = ("one", "two")
PORT, REDIRECT, APPLICATION_PORT, REDIS_PORT = 8443, 8080, 8000, 6379
LOADERS: Final = 3

SETTINGS: Final = f"""
from .asgi_settings import *

ALLOWED_HOSTS = ["{ADDRESSES["proxy"]}"]
ASGI_APPLICATION = "mysite.hosts_asgi.application"
CHANNEL_LAYERS = {{
    "default": {{
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # redis-py 8 would give up a connection on which nothing has come for five seconds.
        "CONFIG": {{
            "hosts": [{{"address": "redis://{ADDRESSES["redis"]}:{REDIS_PORT}/0", "socket_timeout": None}}],
        }},
    }}
}}
"""
ASGI: Final = """
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path

from .asgi import Echo, django_application


class Room(AsyncWebsocketConsumer):
    async def connect(self):
        await self.channel_layer.group_add("room", self.channel_name)
        await self.accept()
        await self.send(text_data=self.scope["server"][0])

    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.group_send("room", {"type": "said", "text": text_data})

    async def said(self, message):
        await self.send(text_data=message["text"])


sockets = URLRouter([path("socket/", Echo.as_asgi()), path("room/", Room.as_asgi())])
application = ProtocolTypeRouter({"http": django_application, "websocket": AllowedHostsOriginValidator(sockets)})
"""


class Hosts:
    """What is running where."""

    def __init__(self, net: Network, project: Project, output: Path, certificate: fronts.Certificate) -> None:
        self.net = net
        self._project = project
        self._output = output
        self._stack = ExitStack()
        self.site = Site(PORT, certificate.authority, host=ADDRESSES["proxy"], redirect=REDIRECT)
        self.site.client_address = ADDRESSES["client"]

    def start(self, stack: ExitStack) -> None:
        for host in APPLICATIONS:
            self.start_application(host, stack)

    def start_application(self, host: str, stack: ExitStack) -> None:
        unit = (self._output / "systemd" / "mysite.service").read_text(encoding="utf-8")
        self._start(host, exec_start(unit), APPLICATION_PORT, stack)

    def start_redis(self, stack: ExitStack, folder: Path) -> None:
        options = ["--bind", ADDRESSES["redis"], "--port", str(REDIS_PORT), "--protected-mode", "no"]
        options += ["--save", "", "--appendonly", "no", "--dir", str(folder)]
        self._start("redis", ["redis-server", *options], REDIS_PORT, stack)

    def start_proxy(self, stack: ExitStack, folder: Path) -> None:
        process = stack.enter_context(
            fronts.nginx(self._output / "nginx" / "mysite.conf", folder, PORT, self.net.on("proxy"))
        )
        process.until(lambda: self.listens("proxy", PORT), "nginx does not listen")

    def _start(self, host: str, command: list[str], port: int, stack: ExitStack) -> Process:
        variables = {"DJANGO_SETTINGS_MODULE": "mysite.hosts_settings", "WEB_CONCURRENCY": "1"}
        log = self._output / f"{host}.log"
        process = stack.enter_context(
            running([*self.net.on(host), *command], log, cwd=self._project.folder, variables=variables)
        )
        process.until(lambda: self.listens(host, port), f"nothing listens on {host}")
        return process

    def listens(self, host: str, port: int) -> bool:
        with self.net.inside("client"):
            return accepts((ADDRESSES[host], port))

    def room(self, stack: ExitStack) -> tuple[str, SecureWebSocket]:
        """Which host it is on, and the connection, which ends with the stack."""
        address = f"wss://{self.site.host}:{PORT}/room/"
        with self.net.inside("client"):
            client = stack.enter_context(SecureWebSocket(address, self.site.context, self.site.url))
        return str(client.recv()), client

    def rooms(self, stack: ExitStack) -> dict[str, SecureWebSocket]:
        """One connection on each host."""
        found: dict[str, SecureWebSocket] = {}
        for _ in range(20):
            address, client = self.room(stack)
            found.setdefault(address, client)
            if len(found) == len(APPLICATIONS):
                break
        return found


class Load:
    """Visitors who ask one page after another, each on a connection that is kept."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        #: Answers that were cut off in the middle: their host died while it wrote.
        self.cut_off = 0
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(LOADERS)]

    def _run(self) -> None:
        with self._hosts.net.inside("client"), self._hosts.site.client() as client:
            while not self._stop.is_set():
                try:
                    answer = client.get("/echo/")
                except httpx.RemoteProtocolError:
                    with self._lock:
                        self.cut_off += 1
                    continue
                except httpx.HTTPError as error:
                    with self._lock:
                        self.failures.append(repr(error))
                    return
                with self._lock:
                    if answer.status_code == 200:
                        self.answers[answer.json()["meta"]["SERVER_NAME"]] += 1
                    else:
                        self.failures.append(f"{answer.status_code}: {answer.text[:200]}")

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(DEADLINE)

    def more_from(self, host: str, count: int) -> None:
        """Wait until that host has answered so many times more."""
        wanted = self.answers[ADDRESSES[host]] + count
        until(lambda: self.failures or self.answers[ADDRESSES[host]] >= wanted, f"{host} does not answer")


@contextmanager
def running_hosts() -> Iterator[Hosts]:
    with place("a $HOME & 'b'") as folder, network(ADDRESSES) as net, ExitStack() as stack:
        project = complete(folder)
        project.write("mysite/hosts_settings.py", SETTINGS)
        project.write("mysite/hosts_asgi.py", ASGI)
        certificate = fronts.Certificate(fronts.own_folder(folder.parent, "tls"), ADDRESSES["proxy"])
        output = folder / "deploy"
        upstreams = [f"--upstream={ADDRESSES[host]}:{APPLICATION_PORT}" for host in APPLICATIONS]
        project.manage(
            *("gatewaydeploy", "nginx", "uvicorn", "systemd", "--asgi", "--output", str(output), *upstreams),
            *("--proxy", ADDRESSES["proxy"], "--host", ADDRESSES["proxy"], *certificate.options),
            *("--listen", f"{ADDRESSES['proxy']}:{PORT}", "--redirect", f"{ADDRESSES['proxy']}:{REDIRECT}"),
            DJANGO_SETTINGS_MODULE="mysite.hosts_settings",
        )
        hosts = Hosts(net, project, output, certificate)
        hosts.start_redis(stack, fronts.own_folder(folder.parent, "redis"))
        hosts.start(stack)
        hosts.start_proxy(stack, fronts.own_folder(folder.parent, "nginx"))
        yield hosts


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with running_hosts() as started:
        yield started
    assert started.net.leftovers() == []


def test_the_site_answers_as_it_should(hosts: Hosts) -> None:
    with hosts.net.inside("client"):
        ask_everything(hosts.site, asgi=True)


def test_a_message_on_one_host_reaches_a_client_of_the_other(hosts: Hosts) -> None:
    with ExitStack() as stack:
        rooms = hosts.rooms(stack)
        assert set(rooms) == {ADDRESSES[host] for host in APPLICATIONS}
        for host, sender in rooms.items():
            sender.send(f"from {host}")
            for client in rooms.values():
                assert client.recv(DEADLINE) == f"from {host}"


def test_a_host_dies_under_load_and_the_site_goes_on(hosts: Hosts) -> None:
    with ExitStack() as stack:
        rooms = hosts.rooms(stack)
        with Load(hosts) as load:
            for host in APPLICATIONS:
                load.more_from(host, 5)
            hosts.net.kill("one")
            hosts.net.unplug("one")
            load.more_from("two", 50)
            # Whoever was connected to it sees the end, comes again, and meets the others.
            with pytest.raises(ConnectionClosed):
                rooms[ADDRESSES["one"]].recv(DEADLINE)
            where, again = hosts.room(stack)
            assert where == ADDRESSES["two"]
            rooms[ADDRESSES["two"]].send("still here")
            assert again.recv(DEADLINE) == "still here"
            # When it comes back it is asked again, without a word to the proxy.
            hosts.net.plug_in("one")
            hosts.start_application("one", stack)
            load.more_from("one", 5)
        assert load.failures == []
        # What it was writing at that moment is lost; whatever it had not begun to answer, the other host has answered.
        assert load.cut_off <= LOADERS


def test_namespaces_go_when_a_test_fails() -> None:
    made: list[Network] = []

    def fails() -> None:
        with network({"one": "10.78.0.1"}) as net, running([*net.on("one"), "sleep", "1000"], Path("/dev/null")):
            made.append(net)
            assert len(net.leftovers()) == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert made[0].leftovers() == []
