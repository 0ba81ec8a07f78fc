"""What gatewayserve says first, and all that it says in a dry run."""

from __future__ import annotations

import os
import shlex

from .. import __version__
from .addresses import Address
from .console import Console
from .plan import Plan
from .sockets import own_address


def greet(plan: Plan, console: Console, token: str | None) -> None:
    from django import get_version

    versions = f"django-gateway {__version__} · Django {get_version()} · settings {plan.project.settings_module}"
    server = plan.server.title if plan.server.distribution == "django" else f"{plan.server.title} {plan.version}"
    workers = "" if plan.options.workers == 1 else f" · {plan.options.workers} workers"
    reload = "restarts when a file changes" if plan.options.reload else "no restart when a file changes"
    if plan.interface == "cgi":
        workers, reload = ": one process per request", "a saved file counts from the next request on"
    urls = [("Project", plan.url, project_elsewhere(plan))]
    if plan.front is not None:
        server = f"{server} behind {plan.front.proxy.title} {plan.front.version} ({where(plan)})"
    if plan.wired is not None:
        server = f"{server}, behind the relay of --wire"
    if plan.panel is not None:
        panel = plan.panel.address
        urls.append(("Panel", f"{panel.reachable.url()}?token={token}", elsewhere(panel)))
    console.banner(versions, f"{plan.interface.upper()} on {server}{workers} · {reload}", urls, "Quit with CONTROL-C.")


def project_elsewhere(plan: Plan) -> str:
    if plan.wired is not None:
        public = plan.wired.listening
        scheme = "http" if plan.wired.certificate is None else "https"
        return "" if public.path is not None else elsewhere(public.address, scheme)
    if plan.front is not None:
        return elsewhere(plan.front.listening.address, "https" if plan.front.values.tls else "http")
    if plan.serving.path is not None:
        return ""
    return elsewhere(plan.serving.address, "http" if plan.certificate is None else "https")


def where(plan: Plan) -> str:
    """Where the proxy finds the server."""
    path = plan.serving.path
    return "over a Unix socket" if path is not None else f"over port {plan.serving.address.port}"


def elsewhere(address: Address, scheme: str = "http") -> str:
    """What to open on another machine, where the socket listens on every address of this one."""
    if not address.wide:
        return ""
    machine = own_address(address)
    return (
        f"{machine.url(scheme)} from other machines ({address.host})"
        if machine
        else f"on every address ({address.host})"
    )


def show(plan: Plan, console: Console) -> None:
    """--dry-run: the commands with what they add to the environment, and the files."""
    front = None if plan.front is None else plan.front.command()
    for command in (front, plan.wire_command(), plan.command(), plan.panel_command()):
        if command is None:
            continue
        environment = plan.environment | command.env
        added = {name: value for name, value in environment.items() if os.environ.get(name) != value}
        for name, value in sorted(added.items()):
            console.line(f"{name}={shlex.quote(value)} \\")
        console.line(f"{shlex.join(command.argv)}\n")
        for path, text in command.files.items():
            console.line(f"# {path}\n{text}")
