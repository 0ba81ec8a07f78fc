"""``python -m measuring.worker TOOL INTERFACE FOLDER``: one contender, waiting for the word to go.

Reads one JSON object a line on its standard input and answers each with one on its standard output: a number of
``requests`` with the nanoseconds of CPU they took, ``memory`` with the resident bytes, ``verify`` with what the tool
has recorded.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from types import ModuleType
from typing import Any

from .contenders import PROJECT
from .driving import drive_asgi, drive_wsgi
from .requests import PATH
from .tools import TOOLS, Tool, view


class Worker:
    def __init__(self, tool: Tool) -> None:
        self.tool = tool
        self.sent = 0
        application = load(tool)
        self.send = drive_wsgi(application) if tool.interface == "wsgi" else drive_asgi(application)

    def requests(self, number: int) -> dict[str, Any]:
        """All threads count, the writer's too: a round is over when all it recorded is written."""
        self.sent += number
        started, cpu = perf_counter_ns(), process_time_ns()
        self.send(number)
        self.tool.drain(self.sent)
        return {"cpu_ns": process_time_ns() - cpu, "wall_ns": perf_counter_ns() - started}

    def memory(self, _: Any) -> dict[str, Any]:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return {"resident": pages * os.sysconf("SC_PAGESIZE")}

    def verify(self, _: Any) -> dict[str, Any]:
        return self.tool.verify(self.sent)


def load(tool: Tool) -> Any:
    """The application of a project fresh from startproject, with DEBUG off, one view and the tool."""
    import django
    from django.conf import settings

    fresh = importlib.import_module(f"{PROJECT}.settings")
    values = {name: value for name, value in vars(fresh).items() if name.isupper()}
    values |= {"DEBUG": False, "ALLOWED_HOSTS": ["*"], "BASE_DIR": tool.folder, "ROOT_URLCONF": "measuring.urls"}
    values["DATABASES"]["default"]["NAME"] = tool.folder / "db.sqlite3"
    values |= tool.settings(values["INSTALLED_APPS"], values["MIDDLEWARE"])
    settings.configure(**values)
    tool.start()
    django.setup()
    if tool.database:
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
    _install_urls(tool)
    if tool.interface == "wsgi":
        from django.core.wsgi import get_wsgi_application

        return tool.wrap(get_wsgi_application())
    from django.core.asgi import get_asgi_application

    return tool.wrap(get_asgi_application())


def _install_urls(tool: Tool) -> None:
    from django.urls import path

    urls: Any = ModuleType("measuring.urls")
    urls.urlpatterns = [path(PATH.lstrip("/"), view), *tool.patterns()]
    sys.modules["measuring.urls"] = urls


def main() -> None:
    name, interface, folder = sys.argv[1:]
    # What a tool prints must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    worker = Worker(TOOLS[name](interface, Path(folder)))
    for line in sys.stdin:
        ((action, argument),) = json.loads(line).items()
        answers.write(json.dumps(getattr(worker, action)(argument)) + "\n")


if __name__ == "__main__":
    main()
