"""nginx, Apache and Caddy, each run by somebody without rights on a generated site file."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import trustme

from django_gateway.deploy import fronts
from django_gateway.deploy.installed import find, front_process
from django_gateway.deploy.values import Address, Front, Upstream

from .processes import NOBODY, Process, accepts, running


class Certificate:
    """For localhost, with the authority that a client is to trust."""

    def __init__(self, folder: Path, *names: str) -> None:
        authority = trustme.CA()
        issued = authority.issue_cert(*(names or ("localhost",)))
        self.chain, self.key, self.authority = folder / "chain.pem", folder / "key.pem", folder / "authority.pem"
        self.chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        self.key.write_bytes(issued.private_key_pem.bytes())
        authority.cert_pem.write_to_path(self.authority)

    @property
    def options(self) -> tuple[str, ...]:
        return "--cert", str(self.chain), "--key", str(self.key)


def own_folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    # Whoever runs the proxy writes there.
    folder.chmod(0o777)
    return folder


@contextmanager
def nginx(site: Path, folder: Path, port: int, prefix: Sequence[str] = ()) -> Iterator[Process]:
    process = front_process(str(folder), "stderr")
    (folder / "nginx.conf").write_text(fronts.nginx_process(process, str(site)), encoding="utf-8")
    command = [*prefix, find("nginx") or "nginx", "-p", f"{folder}/", "-c", "nginx.conf", "-e", "stderr"]
    with _listening(command, folder, port, wait=not prefix) as started:
        yield started


@contextmanager
def apache(site: Path, folder: Path, port: int, redirect: int) -> Iterator[Process]:
    text = site.read_text(encoding="utf-8")
    front = Front(name="process", listen=(Address(port), Address(redirect)), upstreams=(Upstream(path="/"),))
    process = front_process(str(folder), wsgi="WSGIScriptAlias" in text)
    (folder / "httpd.conf").write_text(fronts.apache_process(process, front, str(site)), encoding="utf-8")
    command = [find("apache2") or "apache2", "-d", str(folder), "-f", "httpd.conf", "-DFOREGROUND"]
    with _listening(command, folder, port) as started:
        try:
            yield started
        except BaseException:
            print((folder / "error.log").read_text(encoding="utf-8", errors="replace"))
            raise


@contextmanager
def caddy(site: Path, folder: Path, port: int) -> Iterator[Process]:
    command = [find("caddy") or "caddy", "run", "--config", str(site), "--adapter", "caddyfile"]
    home = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    with _listening(command, folder, port, variables=home) as started:
        yield started


@contextmanager
def _listening(
    command: Sequence[str], folder: Path, port: int, *, wait: bool = True, variables: Mapping[str, str] | None = None
) -> Iterator[Process]:
    with running(command, folder / "front.log", unprivileged=wait, variables=variables) as process:
        if wait:
            process.until(lambda: accepts(port), "nothing listens")
        yield process


def runs_as_nobody(command: Sequence[str]) -> bool:
    return subprocess.run(command, check=False, **NOBODY).returncode == 0
