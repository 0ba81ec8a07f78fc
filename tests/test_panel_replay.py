"""A request sent once more: to our own loopback address, with what may be sent, and nowhere else whatever was recorded."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import factories
import trails
from django_gateway import served
from django_gateway.exchange import Sizes, format_id
from django_gateway.panel.replay import ReplayError, Target, plan, send
from django_gateway.panel.views.replay import prepare
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from panels import installed, signed_in


class Listener:
    """Answers each connection with the same bytes, and keeps what it was sent."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.heard: list[bytes] = []
        self.on_request: Callable[[], None] = lambda: None
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head and (part := connection.recv(65_536)):
                    head += part
                if not head:
                    return
                self.heard.append(head)
                self.on_request()
                connection.sendall(self.answer)

    def close(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)):
            pass
        self.thread.join(10)
        self.socket.close()


@contextmanager
def listening(answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") -> Iterator[Listener]:
    listener = Listener(answer)
    try:
        yield listener
    finally:
        listener.close()


# What can be sent


def test_credentials_hidden_values_and_what_belongs_to_a_connection_stay_behind() -> None:
    headers = [
        *(("Host", "evil.example"), ("Connection", "keep-alive"), ("Cookie", "a=1"), ("Authorization", "Basic x")),
        *(
            ("X-Token", "•••••"),
            ("Accept", "*/*"),
            ("X-Forwarded-For", "1.2.3.4"),
            ("Odd Name", "x"),
            ("X", "a\r\nb: c"),
        ),
    ]
    found = plan("GET", "/a?b", headers, body=0)
    assert found.headers == [("Accept", "*/*")]
    assert found.left_out == ["Cookie", "Authorization", "X-Token", "Odd Name", "X"]
    assert not found.asks
    assert not found.impossible


def test_what_may_change_something_is_asked_for_and_bodies_are_said_to_be_missing() -> None:
    found = plan("POST", "/", [], body=212)
    assert found.asks
    assert any("212 bytes" in each for each in found.differences)
    assert plan("DELETE", "/", [], body=0).asks


@pytest.mark.parametrize("method", [None, "CONNECT", "TRACE", "GET /x", ""])
def test_methods_that_are_none(method: str | None) -> None:
    assert plan(method, "/", [], body=0).impossible


@pytest.mark.parametrize("target", ["", "http://evil.example/", "/a b", "/a\r\nX: y", "/é", "*"])
def test_targets_that_cannot_be_sent(target: str) -> None:
    assert plan("GET", target, [], body=0).impossible


def test_a_websocket_is_not_replayed() -> None:
    assert prepare(factories.websocket()).impossible
    assert prepare(factories.wsgi_page(handover=None)).impossible


# Where it goes


def test_a_request_is_sent_as_it_was_to_the_address_that_is_served() -> None:
    with listening() as listener:
        answer = send(Target("127.0.0.1", listener.port), plan("GET", "/a//b?c=%20", [("Accept", "*/*")], body=0))
        assert (answer.status, answer.size) == (200, 2)
        head = listener.heard[0].decode().split("\r\n")
        assert head[0] == "GET /a//b?c=%20 HTTP/1.1"
        assert head[1] == f"Host: 127.0.0.1:{listener.port}"
        assert "Accept: */*" in head


def test_a_redirect_is_not_followed_and_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as other:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{other.port}")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{other.port}")
        redirect = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other.port}/\r\nContent-Length: 0\r\n\r\n"
        with listening(redirect.encode()) as listener:
            assert send(Target("127.0.0.1", listener.port), plan("GET", "/", [], body=0)).status == 302
        assert other.heard == []


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "192.168.1.1", "example.org", ""])
def test_no_address_but_loopback(host: str) -> None:
    with pytest.raises(ReplayError):
        send(Target(host, 80), plan("GET", "/", [], body=0))


def test_every_address_of_this_machine_means_loopback() -> None:
    assert Target("0.0.0.0", 1).address() == "127.0.0.1"
    assert Target("::", 1).address() == "::1"


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ReplayError, match="Nobody answers"):
        send(Target("127.0.0.1", port), plan("GET", "/", [], body=0))


def test_an_answer_that_is_none() -> None:
    with listening(b"SSH-2.0\r\n") as listener, pytest.raises(ReplayError, match="could not be sent"):
        send(Target("127.0.0.1", listener.port), plan("GET", "/", [], body=0))


# The page


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


def test_sending_leads_to_the_comparison(store: Store, tmp_path: Path) -> None:
    handed = trails.handover("environ", REQUEST_URI="http://169.254.169.254/orders/?page=2", HTTP_HOST="evil.example")
    old, new = factories.wsgi_page(handover=handed), factories.wsgi_page()
    factories.keep(store, old)
    with listening() as listener:
        listener.on_request = lambda: factories.keep(store, new)
        about = served.Served(host="127.0.0.1", port=listener.port, interface="wsgi", server="Gunicorn")
        with installed(store, tmp_path, served=lambda: about) as client:
            address = f"/exchanges/{format_id(old.id)}/replay/"
            assert "as it is served now" in client.get(address).content.decode()
            assert listener.heard == []
            answer = client.post(address, {"through": ""})
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"/compare/?a={format_id(old.id)}&b={format_id(new.id)}"
        assert listener.heard[0].startswith(b"GET /orders/?page=2 HTTP/1.1\r\n")
        assert b"evil" not in listener.heard[0]


def test_what_may_change_something_is_not_sent_before_somebody_says_so(store: Store, tmp_path: Path) -> None:
    old = factories.failure(sizes=Sizes(request_bytes=5))
    factories.keep(store, old)
    with listening() as listener:
        listener.on_request = lambda: factories.keep(store, factories.failure())
        about = served.Served(host="127.0.0.1", port=listener.port, interface="wsgi")
        with installed(store, tmp_path, served=lambda: about) as client:
            address = f"/exchanges/{format_id(old.id)}/replay/"
            refused = client.post(address)
            assert refused.status_code == 400
            assert listener.heard == []
            assert client.post(address, {"sure": "1"}).status_code == 303
            assert client.post(address, {"sure": "1", "through": "ftp"}).status_code == 502
        assert len(listener.heard) == 1


def test_it_takes_a_form_of_our_own(store: Store, tmp_path: Path) -> None:
    old = factories.wsgi_page()
    factories.keep(store, old)
    with listening() as listener:
        about = served.Served(host="127.0.0.1", port=listener.port, interface="wsgi")
        with installed(store, tmp_path, served=lambda: about):
            client = signed_in()
            address = f"/exchanges/{format_id(old.id)}/replay/"
            assert client.post(address).status_code == 403
            assert client.post(address, {"csrf": "x"}, headers={"Origin": "http://localhost"}).status_code == 403
            assert client.post(address, headers={"Origin": "http://evil.example"}).status_code == 403
        assert listener.heard == []


def test_a_mounted_panel_sends_nothing(store: Store, tmp_path: Path) -> None:
    old = factories.wsgi_page()
    factories.keep(store, old)
    with installed(store, tmp_path, served=served.of_project) as client:
        address = f"/exchanges/{format_id(old.id)}/replay/"
        assert "Only the panel that gatewayserve starts" in client.get(address).content.decode()
        assert client.post(address).status_code == 409
