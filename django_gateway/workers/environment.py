"""What the supervisor tells a worker through the environment: the names, once for both sides."""

from __future__ import annotations

from typing import Final

#: The file descriptor of the worker's end of the channel to the supervisor.
CHANNEL: Final = "GATEWAY_CHANNEL"
#: The supervisor's process id, so that a worker can tell that it was gone before the worker had begun to look.
SUPERVISOR: Final = "GATEWAY_SUPERVISOR"
#: Present in a spare: import ahead, and wait for the word.
SPARE: Final = "GATEWAY_SPARE"
#: The dotted path of the application; absent where the project's settings say it.
APPLICATION: Final = "GATEWAY_APPLICATION"
#: "auto" (in DEBUG, where staticfiles is installed), "always" or "never".
STATIC: Final = "GATEWAY_STATIC"
#: "0" skips the system checks and the notice about migrations.
CHECKS: Final = "GATEWAY_CHECKS"
#: "1" where the application writes the request log, because the server's own is off.
REQUEST_LOG: Final = "GATEWAY_REQUEST_LOG"
#: "1" where recording was on when gatewayserve was started: what records can then be imported before the project.
RECORDS: Final = "GATEWAY_RECORDS"
#: A copy of the terminal's file descriptor, where the server sends what is said elsewhere.
TERMINAL: Final = "GATEWAY_TERMINAL"
#: Name and version of the server, as ``name/version``, which ASGI tells no application.
SERVER: Final = "GATEWAY_SERVER"

#: Exit code of a worker that could not load the project and has said why; sysexits.h calls it EX_CONFIG.
CANNOT_LOAD: Final = 78
#: Seconds that a worker told to end gives the requests it has begun.
GRACE: Final = 5.0
