"""gatewayserve --wire, asked from another machine: a network namespace with an address of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from recorders import PYTHON
from serving import Serving
from wires import project, wired

ASK = """
import http.client, sys
machine, port, mine, mark = sys.argv[1:]
connection = http.client.HTTPConnection(machine, int(port), timeout=30, source_address=(mine, 0))
connection.request("GET", f"/who/?mark={mark}", headers={"Host": "localhost"})
print(connection.getresponse().read().decode())
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class Elsewhere:
    """A machine with two addresses, on a cable to this one."""

    def __init__(self) -> None:
        number = os.getpid()
        self.name = f"gateway-{number}"
        self.cable = f"gw{number}"
        network = f"10.{number >> 8 & 255}.{number & 255}"
        self.here = f"{network}.1"
        self.addresses = [f"{network}.2", f"{network}.3"]

    def made(self) -> None:
        """Raises CalledProcessError, with what ``ip`` says, where that is not allowed."""
        ip("netns", "add", self.name)
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "there", "netns", self.name)
        ip("address", "add", f"{self.here}/29", "dev", self.cable)
        ip("link", "set", self.cable, "up")
        for address in self.addresses:
            ip("-n", self.name, "address", "add", f"{address}/29", "dev", "there")
        ip("-n", self.name, "link", "set", "there", "up")

    def gone(self) -> None:
        """And the cable with it."""
        subprocess.run(["ip", "netns", "delete", self.name], check=False, capture_output=True)

    def asks(self, serving: Serving, mine: str, mark: str) -> str:
        """What the server takes for its client's address."""
        command = ["ip", "netns", "exec", self.name, *PYTHON, "-c", ASK, self.here, str(serving.port), mine, mark]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["address"])


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    machine = Elsewhere()
    try:
        try:
            machine.made()
        except subprocess.CalledProcessError as refused:
            pytest.skip(f"no network namespace can be made here: {refused.stderr.strip()}")
        yield machine
    finally:
        machine.gone()


@pytest.mark.parametrize("arguments", ["--wsgi", "--server uvicorn"])
def test_a_client_of_another_machine_passes_for_nobody_of_this_one(
    tmp_path: Path, elsewhere: Elsewhere, arguments: str
) -> None:
    site = project(tmp_path)
    first, second = elsewhere.addresses
    with Serving(site.folder, *arguments.split(), "--wire", port="0.0.0.0:0") as serving:
        assert elsewhere.asks(serving, first, "one") == "127.128.0.1"
        assert elsewhere.asks(serving, second, "two") == "127.128.0.2"
        assert elsewhere.asks(serving, first, "again") == "127.128.0.1"
        exchange = wired(site, "mark=two")
    assert exchange.parts["wire"]["client"].rpartition(":")[0] == second
    assert exchange.client is not None
    assert exchange.client.startswith("127.128.0.2")
