"""``python -m django_gateway.workers.mod_wsgi FOLDER READY -- SIGNAL program …``: keeps Apache, as for CGI.

What mod_wsgi imports is touched when a file changes; it then starts its processes anew before the next request, which
waits for that.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..servers.mod_wsgi import SCRIPT
from . import cgi_server
from .cgi_rehearsal import Rehearsals
from .channel import channel


class Reloads(Rehearsals):
    def changed(self, variables: Mapping[str, str | None]) -> None:
        super().changed(variables)
        os.utime(Path(self._changes).with_name(SCRIPT))


def main() -> int:
    keeper: Any = cgi_server
    keeper.Rehearsals = Reloads
    return cgi_server.main()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: channel.send("interrupt"))
    sys.exit(main())
