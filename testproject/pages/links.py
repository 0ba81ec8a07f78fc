"""What the home page links to, and what to look at in the panel afterwards."""

from __future__ import annotations

from typing import NamedTuple


class Link(NamedTuple):
    title: str
    url_name: str
    look_at: str
    argument: str = ""
    query: str = ""


class Group(NamedTuple):
    title: str
    about: str
    links: tuple[Link, ...]


GROUPS = (
    Group(
        "Pages",
        "Templates, static files, cookies and a login: what most requests are.",
        (
            Link(
                "A page with a picture", "pages:about", "One page makes three requests; compare the static files' way."
            ),
            Link(
                "JSON", "pages:json", "Follow the query string from the handover to the view.", query="?colour=orange"
            ),
            Link(
                "Cookies", "pages:cookies", "The headers of both ways are listed, and what the cookies say is hidden."
            ),
            Link("A redirect", "pages:redirect", "Two exchanges, and the Location header that ties them together."),
            Link(
                "For members only",
                "pages:account",
                "See who turns you away to the login; its name and password are demo.",
            ),
            Link(
                "The admin", "admin:index", "A large application, all of it sync: see where its time goes under ASGI."
            ),
        ),
    ),
    Group(
        "Threads and the event loop",
        "Open these under WSGI and under ASGI, and put the two side by side.",
        (
            Link("A sync view", "work:sync", "Under ASGI, count how often the request changes threads on its way."),
            Link("An async view", "work:async", "Under ASGI one crossing fewer; under WSGI an event loop made for it."),
            Link("Sleep in a thread", "work:sleep", "Nearly all of the time is sleeping, hardly any is running."),
            Link("Wait on the loop", "work:sleep_async", "Suspended, not running: the loop was free for others."),
            Link("Burn CPU", "work:burn", "Running is what was asked for; ready is the wait for a core."),
            Link("Burn CPU on the loop", "work:burn_async", "The longest step: that long, everybody else had to wait."),
        ),
    ),
    Group(
        "Streams",
        "Responses that are still being made while they are sent.",
        (
            Link("Watch all three", "streams:watch", "The time between chunks, here and in the journey's last lane."),
            Link("A sync stream", "streams:sync", "Chunk by chunk under WSGI; under ASGI Django collects it whole."),
            Link("An async stream", "streams:async", "Chunk by chunk under ASGI; under WSGI Django collects it whole."),
            Link("Server-sent events", "streams:events", "Close the tab, and see who noticed, and when."),
        ),
    ),
    Group(
        "Transfers",
        "Bytes by the megabyte, kept nowhere.",
        (
            Link("Upload", "transfers:upload", "Who reads the body, and when: the size grows while the view waits."),
            Link(
                "Download", "transfers:download", "Under WSGI the server is handed the file itself: no chunk of ours."
            ),
        ),
    ),
    Group(
        "Failures",
        "What the panel is for on a bad day.",
        (
            Link("Before the response", "failures:before", "The exception with its stack, and the 500 made of it."),
            Link("Before, async", "failures:before_async", "The same exception after a way over the event loop."),
            Link("In the middle", "failures:middle", "Status 200, and yet it failed: see after which chunk."),
            Link(
                "In the middle, async", "failures:middle_async", "What the server does with a response that breaks off."
            ),
        ),
    ),
    Group(
        "WebSockets",
        "They need ASGI.",
        (
            Link("Chat", "chat:room", "Open it in two tabs: each message in, and each one out again.", "lobby"),
            Link("Echo", "chat:echo", "Text, bytes, and a close code of your choice: see who closed."),
        ),
    ),
)
