"""Variables of the server's own process, which some servers copy into every environ."""

from __future__ import annotations

from typing import Final

from .base import PROCESS, Origin

#: Servers that hand os.environ on, as they were seen to do.
LEAKING: Final = frozenset({"wsgiserver", "granian", "cgi", "wsgiref"})

NAMES: Final[dict[str, str]] = {
    "DJANGO_SETTINGS_MODULE": "The settings module of the project.",
    "GATEWAY_ENABLED": "Overrides django-gateway's setting ENABLED.",
    "GATEWAY_PANEL_TOKEN": "Sets the token of django-gateway's panel.",
    "GATEWAY_SERVER": "The server's name and version, set by gatewayserve for its children.",
    "GATEWAY_STORE": "Overrides django-gateway's setting STORE.",
    "HOME": "The home folder of the user that the process runs as.",
    "HOSTNAME": "The name of the machine.",
    "INVOCATION_ID": "Set by systemd: which start of the service this is.",
    "JOURNAL_STREAM": "Set by systemd: where the output of the process goes.",
    "LANG": "The language and encoding of the process.",
    "LISTEN_FDS": "Set by systemd: how many sockets the process was given.",
    "LISTEN_PID": "Set by systemd: for which process the sockets are meant.",
    "LOGNAME": "The user that the process runs as.",
    "NOTIFY_SOCKET": "Set by systemd: where the process says that it is ready.",
    "OLDPWD": "The folder that the shell was in before.",
    "PATH": "Where programs are looked for.",
    "PWD": "The folder that the process was started in.",
    "RUN_MAIN": "Set by Django's autoreloader: this is the child that serves.",
    "SHELL": "The user's shell.",
    "SHLVL": "How many shells deep the process was started.",
    "TERM": "The kind of terminal.",
    "TMPDIR": "Where temporary files go.",
    "TZ": "The time zone of the process. Django sets it from TIME_ZONE.",
    "USER": "The user that the process runs as.",
    "VIRTUAL_ENV": "The virtual environment that is active.",
    "WERKZEUG_RUN_MAIN": "Set by Werkzeug's autoreloader.",
    "_": "The program that the shell started, by its path.",
}

FAMILIES: Final[dict[str, str]] = {
    "DJANGO_": "Read by Django or by the project's settings.",
    "GATEWAY_": "A setting of django-gateway.",
    "LC_": "A part of the language and encoding of the process.",
    "PYTHON": "An option of the Python interpreter.",
    "SSH_": "From the SSH session in which the process was started.",
    "XDG_": "From the desktop or login session.",
}


def explain(key: str, server: str) -> Origin:
    """For a key that nothing about the request explains."""
    said = NAMES.get(key) or next((text for prefix, text in FAMILIES.items() if key.startswith(prefix)), None)
    leaks = server.lower() in LEAKING
    how = "Not about this request: the server copies its own variables into every environ."
    if said is not None:
        return Origin(PROCESS, f"{said} {how}" if leaks else said, "PEP 3333, environ Variables")
    if leaks and key.replace("_", "").isalnum():
        return Origin(PROCESS, how, "PEP 3333, environ Variables")
    return Origin(
        "not known",
        "No specification and no server known here defines it: an environment variable, or something set by the"
        " server's configuration or by a wrapper around the application.",
        known=False,
    )
