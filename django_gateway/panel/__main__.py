"""``python -m django_gateway.panel --fd N --store URL``: the panel as a process of its own.

It never imports the project, so it answers while the project hangs, reloads or can't be imported. It ends when the
process that started it does, or on SIGTERM.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from .. import served
from ..stores import Capacity, Store, open_store


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    # gatewayserve may have ended before this line was reached: then somebody else is the parent by now.
    parent = int(os.environ.get("GATEWAY_SUPERVISOR") or os.getppid())
    about = served.read(options.served) if options.served else None
    capacity = Capacity(about.most_exchanges, about.most_bytes) if about else None
    try:
        store = open_store(options.store, capacity)
    except ValueError as error:
        return _complain(str(error))
    folder = options.folder or _folder_of(store)

    import django
    from django.conf import settings

    settings.configure(
        DEBUG=False,
        # The panel checks the Host itself, more strictly.
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="django_gateway.panel.urls",
        SECRET_KEY="unused: nothing here signs with it",
        INSTALLED_APPS=[],
        MIDDLEWARE=[],
        DATABASES={},
        USE_TZ=True,
        LOGGING_CONFIG=None,
    )
    django.setup()
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    if not options.verbose:
        # What is refused is refused with an answer, and is no news for a terminal. Mistakes of the panel's own are.
        logging.getLogger("django.request").addFilter(lambda record: record.exc_info is not None)

    from django.core.handlers.wsgi import WSGIHandler

    from . import instance
    from .server import PanelServer, listen_on
    from .tokens import TokenError, load_token

    try:
        token = load_token(folder)
        listener = listen_on(options.fd)
    except TokenError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"--fd {options.fd} is no listening socket ({error.strerror})")
    instance.install(
        instance.Instance(
            folder=folder,
            hosts=frozenset(name.lower() for name in options.host),
            open_store=lambda: store,
            token=lambda: token,
            streams=True,
            served=lambda: about,
            supervisor=parent if about else None,
        )
    )
    # A page reads tens of thousands of small objects and lets all of them go: looking for circles among them at each
    # seven hundred takes longer than the page.
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    server = PanelServer(listener, WSGIHandler(), alive=lambda: os.getppid() == parent)
    signal.signal(signal.SIGTERM, server.stop)
    # Ctrl-C in a terminal goes to the whole group: whoever started the panel decides when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if _is_pipe(0):
        threading.Thread(target=_until_closed, args=(server.stop,), daemon=True).start()
    server.serve_forever(poll_interval=0.2)
    server.server_close()
    store.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m django_gateway.panel", description="The panel, on a given socket.")
    parser.add_argument("--fd", type=int, required=True, metavar="N", help="the listening socket, inherited")
    parser.add_argument("--store", required=True, metavar="URL", help="what to show: sqlite:///absolute/path")
    parser.add_argument("--folder", type=Path, help="where the token file is (default: beside the store)")
    parser.add_argument(
        "--host", action="append", default=[], metavar="NAME", help="answer to this Host too, besides localhost; repeat"
    )
    parser.add_argument("--served", type=Path, help="the file in which gatewayserve says what it serves")
    parser.add_argument("--verbose", action="store_true", help="say on the terminal what was refused")
    return parser


def _folder_of(store: Store) -> Path:
    path = store.location.removeprefix("sqlite:///")
    given = os.environ.get("GATEWAY_FOLDER")
    return Path(given) if given else Path(path).parent if path != store.location else Path.cwd() / ".gateway"


def _is_pipe(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _until_closed(then: Callable[[], None]) -> None:
    """A pipe as standard input is a lifeline: the kernel closes it with the process at its other end."""
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    then()


def _complain(text: str) -> int:
    sys.stderr.write(f"django_gateway.panel: {text}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
