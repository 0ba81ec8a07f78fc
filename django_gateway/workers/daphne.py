"""Daphne as a worker: ``python -m django_gateway.workers.daphne --fd 3``, with any further options of Daphne's own.

``--certfile`` and ``--keyfile`` make it speak TLS on that socket, for which Daphne would open one of its own.
"""

from __future__ import annotations

import inspect
import signal
import socket
import sys
from argparse import Namespace
from typing import Any

from daphne.cli import CommandLineInterface

from . import spare
from .channel import channel
from .daphne_server import Server
from .daphne_tls import tls_context


def server_options(interface: CommandLineInterface, given: Namespace) -> dict[str, Any]:
    """Daphne's command line as keywords of its server."""
    taken = inspect.signature(Server.__mro__[1].__init__).parameters
    options = {name: value for name, value in vars(given).items() if name in taken and name != "application"}
    if given.proxy_headers:
        options["proxy_forwarded_address_header"] = interface._get_forwarded_host(given)
        options["proxy_forwarded_port_header"] = interface._get_forwarded_port(given)
        options["proxy_forwarded_proto_header"] = "X-Forwarded-Proto"
    return options


def project_options(given: Namespace, options: dict[str, Any]) -> None:
    """What Daphne's runserver takes from the project's settings, where the command line says nothing else."""
    from django.conf import settings

    options["root_path"] = given.root_path or getattr(settings, "FORCE_SCRIPT_NAME", "") or ""
    for name in ("websocket_max_message_size", "websocket_max_frame_size"):
        setting = f"DAPHNE_{name.upper()}"
        if name in options and hasattr(settings, setting) and f"--{name.replace('_', '-')}" not in sys.argv:
            options[name] = getattr(settings, setting)


def main() -> None:
    signal.signal(signal.SIGINT, lambda *_: channel.send("interrupt"))
    interface = CommandLineInterface()
    interface.parser.prog = "gatewayserve --server daphne"
    interface.parser.add_argument("--certfile")
    interface.parser.add_argument("--keyfile")
    given = interface.parser.parse_args([*sys.argv[1:], "application"])
    options = server_options(interface, given)
    spare.hold([given.file_descriptor])

    from . import afterwards
    from .application import load

    channel.hold_on()
    application = load("asgi")
    project_options(given, options)
    listener = socket.socket(fileno=given.file_descriptor)
    listener.set_inheritable(False)
    context = tls_context(given.certfile, given.keyfile) if given.certfile else None
    Server(application, listener, afterwards.serving, context, **options).run()


if __name__ == "__main__":
    main()
