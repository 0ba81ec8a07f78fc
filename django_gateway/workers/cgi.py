"""``python -m django_gateway.workers.cgi CHANGES``: what a web server starts for each request (RFC 3875).

The request comes in the environment and on standard input, the response goes to standard output, and the process ends.
CHANGES names a file of variables that were changed in the project's .env files since the web server was started.
"""

from __future__ import annotations

from time import perf_counter_ns, process_time_ns

#: The first thing that is done: what came before was the interpreter's start.
READY = (perf_counter_ns(), process_time_ns())

import os  # noqa: E402
import stat  # noqa: E402
import sys  # noqa: E402
from collections.abc import Mapping  # noqa: E402
from contextlib import suppress  # noqa: E402
from importlib import import_module  # noqa: E402
from typing import Any, BinaryIO  # noqa: E402

#: A variable of the process that a client must not be able to set with a header of that name.
_HTTPOXY = "HTTP_PROXY"


def main() -> int:
    # "Proxy: evil" becomes HTTP_PROXY, which programs take for the proxy to use (CVE-2016-5385).
    httpoxy = os.environ.pop(_HTTPOXY, None) is not None
    apply_changes(sys.argv[1] if len(sys.argv) > 1 else "")
    handed = dict(os.environ)
    output = take_stdout()

    from ..interfaces.cgi_process import Terminated, step
    from . import tether
    from .application import bare
    from .cgi_handler import Failed, Handler, ignore_end, listen_for_end
    from .environment import RECORDS

    recording: Any = None

    def told_to_end() -> None:
        if recording is not None:
            recording.disconnected("SIGTERM")

    tether.end_with_group()
    listen_for_end(told_to_end)
    steps = {}
    error: BaseException | None = None
    try:
        if os.environ.get(RECORDS) != "0":
            # Before the project, so that it can be told what this costs.
            import_module("..interfaces.cgi", __package__)
            steps["recorder_loaded"] = step()
        application = bare("wsgi")
        steps["application_loaded"] = step()
    except (Exception, SystemExit, Terminated) as raised:
        error, application = raised, Failed(raised)
    recording = begin(handed, output, httpoxy, steps)
    if recording is not None:
        from ..interfaces.cgi import RecordedCGI

        if error is not None:
            recording.fail(error)
        application = RecordedCGI(application, recording)
    handler = Handler(output, recording)
    if isinstance(error, Terminated):
        told_to_end()
    else:
        handler.run(application)
    ignore_end()
    # The web server sends the rest now; the client waits for nothing that comes after this.
    close(output)
    if error is None:
        handler.log()
    if recording is not None:
        from .. import process

        recording.keep(process.writer())
    return int(handler.failed or error is not None)


def apply_changes(path: str) -> None:
    """Bring the environment up to date: ``NAME=value`` and bare names that are gone, each ended by a NUL."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            entries = file.read().split("\0")[:-1]
    except FileNotFoundError:
        return
    for entry in entries:
        name, equals, value = entry.partition("=")
        if equals:
            os.environ[name] = value
        else:
            os.environ.pop(name, None)


def take_stdout() -> BinaryIO:
    """Standard output for the response alone; what the project prints goes to standard error, so to the terminal."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is what the interpreter made
    return output


def close(output: BinaryIO) -> None:
    with suppress(OSError):
        if stat.S_ISSOCK(os.fstat(output.fileno()).st_mode):
            # Apache hands over one socket for both ways, and waits for the end of the one.
            import socket

            output.flush()
            with socket.socket(fileno=os.dup(output.fileno())) as both:
                both.shutdown(socket.SHUT_WR)
    with suppress(ConnectionError):
        output.close()


def begin(handed: Mapping[str, str], output: BinaryIO, httpoxy: bool, steps: Mapping[str, Any]) -> Any:
    """The recording; None where recording is off, or can't be done."""
    from .. import process
    from ..interfaces import cgi
    from ..recording import faults

    try:
        if not process.enabled():
            return None
        recorder = process.recorder()
        recorder.submit = lambda recording: None  # it is written when the response is out
        return cgi.begin(recorder, handed, READY, stdout=output.fileno(), httpoxy=httpoxy, **steps)
    except Exception as fault:
        faults.note(fault)
        return None


if __name__ == "__main__":
    sys.exit(main())
