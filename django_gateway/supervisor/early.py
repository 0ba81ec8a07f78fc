"""Taking over from ``manage.py`` before it imports the project.

Before it runs a command, manage.py sets up Django, which imports every app's models: an error there would end
gatewayserve before it could wait for a fix. Django has an exception of its own for runserver; for us the first of our
modules that it imports is the app configuration, and that is early enough.
"""

from __future__ import annotations

import sys
from typing import NoReturn

_COMMAND = "gatewayserve"


def is_command() -> bool:
    """Whether this process was started as ``manage.py gatewayserve``."""
    return sys.argv[1:2] == [_COMMAND] and not {"-h", "--help"} & set(sys.argv)


def take_over() -> NoReturn:
    """Run the command in place of the rest of ``django.setup()``, and end the process with it."""
    from django.core.management import load_command_class

    load_command_class("django_gateway", _COMMAND).run_from_argv(sys.argv)
    sys.exit(0)
