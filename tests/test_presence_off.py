"""With recording off nothing of it is there."""

from __future__ import annotations

import importlib
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import AsyncToSync, SyncToAsync
from django.core import signals
from django.core.handlers import base, exception
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.db.backends.base.base import BaseDatabaseWrapper
from django.dispatch import Signal
from django.http import HttpRequest
from django.template.backends.django import Template

import recorders
from django_gateway import instrument
from recorders import recorded_process

# Recording off


def everything_patched() -> dict[str, Any]:
    """What the instrumentation puts its hand on."""
    return {
        f"{getattr(owner, '__name__', owner)}.{name}": vars(owner).get(name)
        for owner, name in [
            (WSGIHandler, "__call__"),
            (ASGIHandler, "__call__"),
            (ASGIHandler, "run_get_response"),
            (ASGIHandler, "send_response"),
            (BaseHandler, "load_middleware"),
            (BaseHandler, "resolve_request"),
            (BaseHandler, "make_view_atomic"),
            (base, "convert_exception_to_response"),
            (exception, "response_for_exception"),
            (exception, "convert_exception_to_response"),
            (Template, "render"),
            (SyncToAsync, "__call__"),
            (AsyncToSync, "__call__"),
            (BaseHandler, "adapt_method_mode"),
            (base, "import_string"),
            (HttpRequest, "body"),
            (HttpRequest, "_load_post_and_files"),
            (HttpRequest, "read"),
            (HttpRequest, "readline"),
            (Signal, "connect"),
            (Signal, "disconnect"),
            (BaseDatabaseWrapper, "connect"),
            (BaseDatabaseWrapper, "_cursor"),
            (BaseDatabaseWrapper, "close"),
            (signals.request_started, "send"),
            (signals.request_started, "asend"),
            (signals.request_finished, "send"),
            (signals.request_finished, "asend"),
        ]
    }


def test_what_is_installed_is_taken_out_again_to_the_last() -> None:
    before = everything_patched()
    with recorded_process():
        during = everything_patched()
        patched = {(getattr(owner, "__name__", str(owner)), name) for owner, name, _ in instrument._installed}
        instrument.install()
        assert everything_patched() == during
    after = everything_patched()
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)
    changed = [name for name in before if during[name] is not before[name]]
    # Nothing is patched that the list above does not know.
    assert len(changed) == len(patched)
    assert not instrument.is_installed()


OFF = """
import sys
from django.conf import settings
settings.configure(
    DEBUG=True, SECRET_KEY="-", ROOT_URLCONF="chains", MIDDLEWARE=[], ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django_gateway"], GATEWAY={"ENABLED": ENABLED}, BASE_DIR=FOLDER,
)
import asgiref.sync
from django.core.handlers import base, exception, wsgi
before = [
    asgiref.sync.SyncToAsync.__call__, base.convert_exception_to_response, exception.response_for_exception,
    base.BaseHandler.load_middleware, wsgi.WSGIHandler.__call__,
]
import django
django.setup()
after = [
    asgiref.sync.SyncToAsync.__call__, base.convert_exception_to_response, exception.response_for_exception,
    base.BaseHandler.load_middleware, wsgi.WSGIHandler.__call__,
]
from django.core.wsgi import get_wsgi_application
from django_gateway import record_asgi, record_wsgi
application = get_wsgi_application()
print(
    [a is b for a, b in zip(before, after)],
    record_wsgi(application) is application,
    record_asgi(application) is application,
    sorted(name for name in sys.modules if name.startswith("django_gateway.in")),
)
"""


@pytest.mark.parametrize("enabled", [False, True])
def test_recording_off_leaves_no_trace(tmp_path: Path, enabled: bool) -> None:
    code = OFF.replace("ENABLED}", f"{enabled}}}").replace("FOLDER", repr(str(tmp_path)))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GATEWAY_", "DJANGO_"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [*recorders.PYTHON, "-c", code], capture_output=True, text=True, env=environment, check=False, timeout=60
    )
    assert done.stderr == ""
    if enabled:
        assert done.stdout.startswith("[False, False, False, False, False] False False ['django_gateway.instrument'")
    else:
        assert done.stdout == "[True, True, True, True, True] True True []\n"
    assert not (tmp_path / ".gateway").exists()


@pytest.mark.parametrize("recording", ["on", "off"])
def test_every_function_that_recording_replaces_is_the_one_that_it_was(tmp_path: Path, recording: str) -> None:
    """By identity, of all that any module of the instrumentation has patches for, after requests of each kind."""
    script = Path(__file__).with_name("patch_targets.py")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GATEWAY_", "DJANGO_"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(script.parent), *sys.path])
    done = subprocess.run(
        [*recorders.PYTHON, str(script), recording, str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    modules = [path.stem for path in Path(instrument.__file__).parent.glob("*.py")]
    patching = {
        name for name in modules if "def patches(" in Path(instrument.__file__).with_name(f"{name}.py").read_text()
    }
    assert told["same"].keys() == patching
    for module, targets in told["same"].items():
        assert targets, module
        assert set(targets.values()) == {recording == "off"}, (module, targets)
    # The handler and three middleware.
    assert len(told["files"]) == 4
    ours = [file for file in told["files"] if file.startswith(str(Path(instrument.__file__).parent.parent))]
    assert len(ours) == (0 if recording == "off" else 3)


def test_logging_is_left_alone() -> None:
    before = logging.root.handlers.copy()
    importlib.import_module("django_gateway.instrument.handler")
    assert logging.root.handlers == before
