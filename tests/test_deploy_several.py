"""Apache and Caddy in front of two application servers: one is killed, and the site goes on. nginx does the same over
hosts of their own, in test_deploy_hosts."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from deploy import fronts
from deploy.processes import Process, accepts, exec_start, free_port, running
from deploy.projects import complete, place
from deploy.requests import (
    Site,
    addresses,
    ask_everything,
    lies,
    pages,
    static_files,
    streams,
    web_sockets,
)
from serving import until

SETTINGS = "mysite.asgi_settings"


@pytest.mark.parametrize("front", ["apache", "caddy"])
def test_one_of_two_servers_is_killed(front: str, tmp_path: Path) -> None:
    with place("a $HOME & 'b'") as folder, ExitStack() as stack:
        project = complete(folder)
        port, redirect, *applications = (free_port() for _ in range(4))
        certificate = fronts.Certificate(fronts.own_folder(folder.parent, "tls"))
        output = folder / "deploy"
        project.manage(
            *("gatewaydeploy", front, "uvicorn", "systemd", "--asgi", "--host", "localhost", "--output", str(output)),
            *(f"--upstream=127.0.0.1:{application}" for application in applications),
            *("--listen", f"127.0.0.1:{port}", "--redirect", f"127.0.0.1:{redirect}", *certificate.options),
            DJANGO_SETTINGS_MODULE=SETTINGS,
        )
        command = exec_start((output / "systemd" / "mysite.service").read_text(encoding="utf-8"))
        servers: dict[str, Process] = {}
        for application in applications:
            variables = {"DJANGO_SETTINGS_MODULE": SETTINGS, "PORT": str(application), "WEB_CONCURRENCY": "1"}
            log = tmp_path / f"{application}.log"
            process = stack.enter_context(running(command, log, cwd=folder, variables=variables))
            process.until(partial(accepts, application), "nothing listens")
            servers[str(application)] = process
        own = fronts.own_folder(folder.parent, "front")
        if front == "caddy":
            stack.enter_context(fronts.caddy(output / "caddy" / "Caddyfile", own, port))
        else:
            stack.enter_context(fronts.apache(output / "apache" / "mysite.conf", own, port, redirect))
        site = Site(port, certificate.authority, redirect=redirect)
        ask_everything(site, asgi=True)

        def who() -> str:
            with site.client() as client:
                answer = client.get("/echo/")
            assert answer.status_code == 200, answer.text
            return str(answer.json()["meta"]["SERVER_PORT"])

        def asked() -> bool:
            unasked.discard(who())
            return not unasked

        unasked = set(servers)
        until(asked, "one of them is never asked")
        victim, survivor = sorted(servers)
        servers[victim].end(signal.SIGKILL)
        assert {who() for _ in range(20)} == {survivor}
        if front == "caddy":
            # Debian's can't send a body to another host than the one that it meant it for, once it asks the dead one again.
            for question in (pages, addresses, lies, static_files, streams, web_sockets):
                question(site)
        else:
            ask_everything(site, asgi=True)
