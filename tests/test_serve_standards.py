"""A response of a project under gatewayserve leads to its exchange in the panel beside it."""

from __future__ import annotations

import http.client
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from serving import DEADLINE, Serving, until

PROJECT = Path(__file__).parents[1] / "testproject"
TOKEN = "k3rH5cGx0Vw8tq7N2mZyQpLbD4sJfE1u"


def test_the_link_of_a_response_opens_its_exchange(tmp_path: Path) -> None:
    folder = tmp_path / "testproject"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("*.sqlite3*", ".gateway", "__pycache__"))
    with Serving(folder, "--wsgi", "--noreload", "--panel", "0", panel=True, GATEWAY_PANEL_TOKEN=TOKEN) as serving:
        connection = serving.connect()
        connection.request("GET", "/json/")
        response = connection.getresponse()
        response.read()
        connection.close()
        number = response.headers["X-Gateway-Exchange"]
        link = urlsplit(response.headers["X-Gateway-Panel"])
        assert "view;dur=" in response.headers["Server-Timing"]
        assert link.path == f"/exchanges/{number}/"
        assert f"{link.scheme}://{link.netloc}/" == serving.panel_url.partition("?")[0]

        def shown() -> bool:
            panel = http.client.HTTPConnection(link.netloc, timeout=DEADLINE)
            panel.request("GET", f"/api{link.path}", headers={"Authorization": f"Bearer {TOKEN}"})
            answer = panel.getresponse()
            body = answer.read().decode()
            panel.close()
            return answer.status == 200 and '"path": "/json/"' in body.replace('":"', '": "')

        until(shown, "the exchange is not in the panel")
