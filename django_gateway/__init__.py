"""See what happens between the client and a Django view.

``record_wsgi`` and ``record_asgi`` wrap an application; with ``"django_gateway"`` in INSTALLED_APPS the inside of
Django is recorded too.
"""

from __future__ import annotations

from typing import Any

__all__ = ["__version__", "record_asgi", "record_wsgi"]
__version__ = "0.1.0"


def record_wsgi(application: Any) -> Any:
    """The WSGI application, recorded; the very same object where recording is off."""
    from . import process

    if not process.enabled():
        return application
    from . import instrument
    from .interfaces.wsgi import RecordedWSGI

    instrument.adopt(application, "wsgi")
    return RecordedWSGI(application, process.recorder())


def record_asgi(application: Any) -> Any:
    """The ASGI application, recorded; the very same object where recording is off."""
    from . import process

    if not process.enabled():
        return application
    from . import instrument
    from .interfaces.asgi import RecordedASGI

    instrument.adopt(application, "asgi")
    return RecordedASGI(application, process.recorder())
