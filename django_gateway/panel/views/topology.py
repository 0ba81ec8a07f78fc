"""The real processes of what is served, their threads, and the sockets they listen on, as they are now."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, Final

from django.http import HttpResponse

from ...exchange import IN_FLIGHT
from ...stores.filters import Condition
from ..access import PanelRequest, panel_view
from ..pages import render
from ..topology import Listener, Process, Thread, listeners, readable, tree
from ..topology import words as told
from ..topology.processes import PROC
from .list import chain_of

#: Of exchanges in flight, how many are counted.
IN_FLIGHT_MOST: Final = 500
TITLES: Final = {
    "supervisor": ("Supervisor", "Owns the listening sockets, starts the others, watches files. No request passes it."),
    "panel": ("Panel", "What you look at. It reads the store and never imports the project."),
    "relay": ("Relay", "Stands at the client's side for --wire: passes every byte on, and reads along."),
    "keeper": ("Keeper", "Starts a server that is no Python, and sees that it ends. No request passes it."),
    "proxy": (
        "Web server",
        "Stands in front: takes connections, buffers slow clients, serves files, passes the rest on.",
    ),
    "files": ("Static files", "Gathers the project's static files in a folder that the web server in front serves."),
    "worker": ("Worker", "Runs the server and the project: here application(…) is called."),
    "master": ("Master", "Has loaded the server, starts its workers and starts them anew. It takes no request itself."),
    "reserve": ("In reserve", "A worker with Python and Django loaded, which waits for a file to change."),
}


@panel_view
def topology(request: PanelRequest) -> HttpResponse:
    root = request.gateway.instance.supervisor or os.getpid()
    found = tree(root)
    context: dict[str, Any] = {"place": "topology", "chain": chain_of(request), "found": found is not None}
    if found is None:
        context["silent"] = not readable()
    else:
        context.update(drawn(request, found))
    return render(request, "topology.html", context)


def drawn(request: PanelRequest, root: Process) -> dict[str, Any]:
    store = request.gateway.store
    running = store.page([Condition("state", IN_FLIGHT)], limit=IN_FLIGHT_MOST)
    in_flight = Counter(summary.pid for summary in running)
    served = {summary.pid for summary in store.page(limit=100)}
    every = list(root.walk())
    listening = listeners({inode for process in every for inode in process.sockets})
    by_inode = {listener.inode: listener for listener in listening}
    largest = max((process.memory for process in every), default=1) or 1
    roles = {process.pid: told.role(process.arguments, process.name, root=process is root) for process in every}
    for process in every:
        if roles[process.pid] != "worker":
            continue
        if any(child.arguments[:3] == process.arguments[:3] for child in process.children):
            roles[process.pid] = "master"
        elif process.pid not in served and not in_flight[process.pid] and is_spare(process):
            roles[process.pid] = "reserve"

    def card(process: Process) -> dict[str, Any]:
        title, meaning = TITLES[roles[process.pid]]
        name, explained = told.state("R" if _state(process) == "running" else process.state)
        return {
            "pid": process.pid,
            "role": roles[process.pid],
            "title": title,
            "meaning": meaning,
            "name": process.name,
            "command": told.command(process.arguments),
            "state": _state(process),
            "state_name": name,
            "state_words": explained,
            "memory": process.memory,
            "memory_bar": max(round(100 * process.memory / largest, 1), 1.0),
            "cpu": process.cpu,
            "in_flight": in_flight[process.pid],
            "threads": [thread_words(thread, process.pid) for thread in process.threads],
            "listens": [
                {"where": where(by_inode[inode]), "descriptors": ", ".join(map(str, descriptors))}
                for inode, descriptors in process.sockets.items()
                if inode in by_inode
            ],
            "connections": sum(len(each) for inode, each in process.sockets.items() if inode not in by_inode),
            "children": [card(child) for child in process.children],
        }

    return {
        "root": card(root),
        "sockets": [
            {
                "where": where(listener),
                "kind": "Unix socket" if listener.kind == "unix" else "TCP port",
                "port": listener.port,
                "waiting": listener.waiting,
                "room": listener.room,
                "open": listener.open,
                "holders": [
                    {"pid": each.pid, "title": TITLES[roles[each.pid]][0], "role": roles[each.pid]}
                    for each in every
                    if listener.inode in each.sockets
                ],
            }
            for listener in listening
        ],
        "total": len(every),
        "threads": sum(len(process.threads) for process in every),
        "memory": sum(process.memory for process in every),
        "in_flight": len(running),
    }


def _state(process: Process) -> str:
    """For the colour: a process runs where any of its threads does."""
    letters = {thread.state for thread in process.threads} or {process.state}
    return "running" if "R" in letters else "waiting" if "D" in letters else "ended" if letters == {"Z"} else "sleeping"


def thread_words(thread: Thread, pid: int) -> dict[str, Any]:
    name, _ = told.state(thread.state)
    return {
        "tid": thread.tid,
        "name": thread.name,
        "main": thread.tid == pid,
        "state": "running" if thread.state == "R" else "sleeping",
        "words": told.waits_for(thread.channel) or name,
        "channel": thread.channel,
        "running": thread.running,
        "ready": thread.ready,
    }


def where(listener: Listener) -> str:
    if listener.kind == "unix":
        return listener.host
    return f"[{listener.host}]:{listener.port}" if ":" in listener.host else f"{listener.host}:{listener.port}"


def is_spare(process: Process) -> bool:
    """Whether gatewayserve started it to wait. Of its environment this one name is looked for."""
    try:
        with open(f"{PROC}/{process.pid}/environ", "rb") as file:
            return b"GATEWAY_SPARE=1" in file.read().split(b"\0")
    except OSError:
        return False
