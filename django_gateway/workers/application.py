"""The application that every server is told to import: ``django_gateway.workers.application:wsgi`` and ``:asgi``.

Either attribute is made when it is first asked for: the project's application, with static files in front of it as
runserver has them, recorded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from typing import Any, cast

from . import afterwards, failures
from .channel import channel
from .environment import APPLICATION, CANNOT_LOAD, CHECKS, REQUEST_LOG, STATIC, TERMINAL


def __getattr__(name: str) -> Any:
    if name not in ("wsgi", "asgi"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    use_terminal()
    channel.hold_on()
    application = globals()[name] = load(name)
    afterwards.serving()
    return application


def use_terminal() -> None:
    """Say on the terminal what Python would say to the server's own log."""
    terminal = os.environ.pop(TERMINAL, None)
    if terminal is not None:
        sys.stdout = sys.stderr = open(int(terminal), "w", buffering=1, errors="backslashreplace")  # noqa: SIM115


def load(interface: str) -> Any:
    """The application, ready to be called. Ends the process where it can't be had, with the reason shown and reported.

    Raises SystemExit.
    """
    channel.send("loading")
    try:
        application = bare(interface)
        if os.environ.get(CHECKS) != "0":
            check()
        application = recorded(application, interface)
        if os.environ.get(REQUEST_LOG) != "1":
            return application
        from .request_log import logged

        return logged(application, interface)
    except (Exception, SystemExit) as error:
        raise SystemExit(_report(error)) from error


def bare(interface: str) -> Any:
    """The project's application with static files in front of it. Raises what the project raises."""
    return with_static_files(_import(interface), interface)


def _report(error: BaseException) -> int:
    from django.core.management.base import SystemCheckError

    text = str(error) if isinstance(error, SystemCheckError) else failures.useful_traceback(error)
    hint = failures.hint(error)
    if hint:
        text = f"{text.rstrip()}\n\n{hint}"
    if channel.connected:
        afterwards.report_modules()
        channel.send("failed", title=failures.title(error), text=text.strip()[-60_000:])
    else:
        sys.stderr.write(f"{text.strip()}\n")
    return CANNOT_LOAD


def _import(interface: str) -> Any:
    """The project's own application, imported first of all, as every server does it."""
    from django.conf import settings

    path = os.environ.get(APPLICATION) or application_path(interface, settings)
    if not path:
        return _djangos_own(interface)
    module, attribute = split(path)
    found = import_module(module)
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            raise ImportError(f"{path!r} is to be the application, but {module} has no {part!r}.") from error
    if not callable(found):
        raise TypeError(f"{path!r} is to be the application, but it is {found!r}, which can't be called.")
    from django.apps import apps

    if not apps.ready:
        # The application isn't Django's (--application names another), but it stands in a Django project.
        import django

        django.setup(set_prefix=False)
    return found


def _djangos_own(interface: str) -> Any:
    if interface == "asgi":
        from django.core.asgi import get_asgi_application

        return get_asgi_application()
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def split(path: str) -> tuple[str, str]:
    """Module and attribute of ``module:attribute`` or ``module.attribute``. Raises ImportError for neither."""
    module, separator, attribute = path.partition(":") if ":" in path else path.rpartition(".")
    if not (module and separator and attribute):
        raise ImportError(f"{path!r} is no application: it takes the form module.attribute.")
    return module, attribute


def application_path(interface: str, settings: Any) -> str | None:
    """Where the project's settings say that its application is; None for Django's own, as runserver takes it.

    For ASGI without ASGI_APPLICATION: ``asgi.py`` beside the WSGI application or beside the settings, which is where
    startproject puts it. Other templates, Wagtail's among them, have none.
    """
    if interface != "asgi":
        return cast("str | None", getattr(settings, "WSGI_APPLICATION", None))
    path = cast("str | None", getattr(settings, "ASGI_APPLICATION", None))
    if path:
        return path
    beside = getattr(settings, "WSGI_APPLICATION", None)
    package = beside.rpartition(".")[0].rpartition(".")[0] if beside else settings.SETTINGS_MODULE.partition(".")[0]
    module = f"{package}.asgi" if package else "asgi"
    return f"{module}.application" if _exists(module) else None


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def check() -> None:
    """System checks, told as runserver does where there is anything to tell. Raises SystemCheckError."""
    from django.core.management.base import BaseCommand

    said = StringIO()
    BaseCommand(stderr=said).check()
    afterwards.notice("checks", said.getvalue())


def with_static_files(application: Any, interface: str) -> Any:
    """Django's own handler for static files in front, which lets WebSockets and everything else pass."""
    from django.apps import apps
    from django.conf import settings

    wanted = os.environ.get(STATIC, "auto")
    if wanted == "never" or not apps.is_installed("django.contrib.staticfiles"):
        return application
    if not settings.DEBUG and wanted != "always":
        return application
    from django.contrib.staticfiles import handlers

    handler: Callable[[Any], Any] = (
        handlers.StaticFilesHandler if interface == "wsgi" else handlers.ASGIStaticFilesHandler
    )
    return handler(application)


def recorded(application: Any, interface: str) -> Any:
    from .. import record_asgi, record_wsgi

    return record_wsgi(application) if interface == "wsgi" else record_asgi(application)
