"""Settings: what is in force, what is refused, and in which words."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core import checks as django_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from django_gateway import checks, conf, process
from django_gateway.recording import Recorder
from django_gateway.stores import Capacity
from recorders import PYTHON

BASE = Path("/srv/project")


def in_force(gateway: Any = None, *, debug: bool = True, base: Path = BASE, **environment: str) -> conf.Settings:
    return conf.settings_from({} if gateway is None else gateway, debug=debug, base=base, environment=environment)


# What is in force


def test_defaults() -> None:
    settings = in_force()
    assert settings.enabled
    assert settings.store == "sqlite:////srv/project/.gateway/exchanges.sqlite3"
    assert settings.folder == BASE / ".gateway"
    assert settings.capacity == Capacity(10_000, 256 * 1024 * 1024)
    assert (settings.max_events, settings.body_bytes, settings.hide) == (20_000, 0, ())
    assert settings.panel
    assert settings.serve == {}


@pytest.mark.parametrize("key", ["ENABLED", "PANEL"])
def test_switches_follow_debug_unless_told(key: str) -> None:
    attribute = key.lower()
    for debug in (True, False):
        assert getattr(in_force({}, debug=debug), attribute) is debug
        assert getattr(in_force({key: None}, debug=debug), attribute) is debug
        assert getattr(in_force({key: True}, debug=debug), attribute) is True
        assert getattr(in_force({key: False}, debug=debug), attribute) is False


def test_every_key_is_taken() -> None:
    given = {
        "ENABLED": False,
        "STORE": "sqlite:////tmp/x.sqlite3",
        "MAX_EXCHANGES": 7,
        "MAX_BYTES": 2**20,
        "MAX_EVENTS": 9,
        "BODY_BYTES": 10,
        "HIDE": ["IBAN", "^X-"],
        "PANEL": False,
        "SERVER_TIMING": False,
        "EXCHANGE_HEADER": False,
        "SERVE": {"server": "gunicorn"},
    }
    assert given.keys() == conf.KEYS.keys()
    assert conf.problems(given, {}) == []
    settings = in_force(given)
    assert (settings.enabled, settings.panel) == (False, False)
    assert settings.store == "sqlite:////tmp/x.sqlite3"
    assert settings.capacity == Capacity(7, 2**20)
    assert (settings.max_events, settings.body_bytes) == (9, 10)
    assert settings.hide == ("IBAN", "^X-")
    assert settings.serve == {"server": "gunicorn"}


def test_responses_are_added_to_in_debug_alone() -> None:
    for debug in (False, True):
        settings = in_force({}, debug=debug)
        assert (settings.server_timing, settings.exchange_header) == (debug, debug)
        settings = in_force({"SERVER_TIMING": True, "EXCHANGE_HEADER": False}, debug=debug)
        assert (settings.server_timing, settings.exchange_header) == (debug, False)


@pytest.mark.parametrize(
    ("value", "enabled"),
    [
        ("1", True),
        ("true", True),
        ("ON", True),
        ("Yes", True),
        ("0", False),
        ("False", False),
        ("off", False),
        ("no", False),
    ],
)
def test_the_environment_switches_recording(value: str, enabled: bool) -> None:
    for given in ({}, {"ENABLED": True}, {"ENABLED": False}):
        assert in_force(given, GATEWAY_ENABLED=value).enabled is enabled
    assert conf.problems({}, {"GATEWAY_ENABLED": value}) == []


def test_an_empty_variable_says_nothing() -> None:
    assert in_force({"ENABLED": False}, GATEWAY_ENABLED="", GATEWAY_STORE="", GATEWAY_FOLDER="") == in_force(
        {"ENABLED": False}
    )
    assert conf.problems({}, {"GATEWAY_ENABLED": "", "GATEWAY_STORE": ""}) == []


def test_the_environment_names_another_store_or_folder() -> None:
    given = {"STORE": "sqlite:////tmp/x.sqlite3"}
    assert in_force(given, GATEWAY_STORE="memory:").store == "memory:"
    moved = in_force({}, GATEWAY_FOLDER="/run/gateway")
    assert moved.folder == Path("/run/gateway")
    assert moved.store == "sqlite:////run/gateway/exchanges.sqlite3"


def test_a_relative_folder_is_one_of_the_working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert in_force(GATEWAY_FOLDER="here").folder == tmp_path / "here"
    assert in_force(base=Path()).store == f"sqlite:///{tmp_path}/.gateway/exchanges.sqlite3"


# What is refused

MALFORMED: list[tuple[str, Any, str]] = [
    ("ENABLED", "yes", "True, False, or None"),
    ("ENABLED", 1, "True, False, or None"),
    ("PANEL", "on", "True, False, or None"),
    ("PANEL", 0, "True, False, or None"),
    ("STORE", "", "memory:"),
    ("STORE", "sqlite:/x", "sqlite:///absolute/path"),
    ("STORE", "redis://localhost", "sqlite:///absolute/path"),
    ("STORE", Path("/tmp/x"), "sqlite:///absolute/path"),
    ("STORE", 7, "memory:"),
    ("MAX_EXCHANGES", 0, "a whole number above 0"),
    ("MAX_EXCHANGES", "100", "a whole number above 0"),
    ("MAX_EXCHANGES", True, "a whole number above 0"),
    ("MAX_EXCHANGES", 1.5, "a whole number above 0"),
    ("MAX_BYTES", -1, "bytes"),
    ("MAX_BYTES", 1000, "1048576 at the least"),
    ("MAX_BYTES", "256 MiB", "bytes"),
    ("MAX_EVENTS", None, "a whole number above 0"),
    ("MAX_EVENTS", [], "a whole number above 0"),
    ("BODY_BYTES", -1, "0 for none"),
    ("BODY_BYTES", False, "0 for none"),
    ("BODY_BYTES", 0.0, "0 for none"),
    ("HIDE", "IBAN", "a list of regular expressions"),
    ("HIDE", [7], "a list of regular expressions"),
    ("HIDE", ["(unclosed"], "a list of regular expressions"),
    ("HIDE", ["(a", "b)"], "a list of regular expressions"),
    ("HIDE", None, "a list of regular expressions"),
    ("SERVER_TIMING", None, "True or False"),
    ("EXCHANGE_HEADER", 1, "True or False"),
    ("SERVE", ["--wsgi"], "a dict of gatewayserve's options"),
    ("SERVE", None, "a dict of gatewayserve's options"),
]


def test_every_key_can_be_malformed() -> None:
    assert {key for key, _, _ in MALFORMED} == conf.KEYS.keys()


@pytest.mark.parametrize(("key", "value", "words"), MALFORMED, ids=repr)
def test_a_malformed_value_is_named_with_what_is_accepted(key: str, value: Any, words: str) -> None:
    with override_settings(GATEWAY={key: value}):
        (found,) = checks.check_settings(None)
    assert isinstance(found, django_checks.Error)
    assert found.id == "django_gateway.E001"
    assert found.obj == key
    assert f"GATEWAY[{key!r}] is {value!r}." in found.msg
    assert found.hint is not None
    assert words in found.hint
    # Until it is put right it counts as absent: nothing breaks before the check can speak.
    assert in_force({key: value}) == in_force()


@pytest.mark.parametrize("value", [None, [], "on", 7])
def test_gateway_itself_may_be_no_dict(value: Any) -> None:
    with override_settings(GATEWAY=value):
        (found,) = checks.check_settings(None)
    assert found.msg == "GATEWAY is no dict."
    assert found.hint is not None
    assert all(key in found.hint for key in conf.KEYS)
    assert in_force(value) == in_force()


@pytest.mark.parametrize("key", ["STORAGE", "enabled", 7, None])
def test_an_unknown_key_is_named_with_those_that_there_are(key: Any) -> None:
    (problem,) = conf.problems({key: 1}, {})
    assert repr(key) in problem.message
    assert "MAX_EXCHANGES" in problem.hint


def test_every_problem_is_told() -> None:
    given = {"ENABLED": 7, "STORE": 7, "NOTHING": 7}
    assert [problem.key for problem in conf.problems(given, {"GATEWAY_STORE": "x", "GATEWAY_ENABLED": "maybe"})] == [
        "ENABLED",
        "STORE",
        "NOTHING",
        "GATEWAY_ENABLED",
        "GATEWAY_STORE",
    ]


def test_malformed_variables_are_named_and_count_as_absent() -> None:
    (problem,) = conf.problems({}, {"GATEWAY_ENABLED": "maybe"})
    assert "GATEWAY_ENABLED is 'maybe'" in problem.message
    assert "1 or 0" in problem.hint
    (problem,) = conf.problems({}, {"GATEWAY_STORE": "redis://x"})
    assert "GATEWAY_STORE is 'redis://x'" in problem.message
    assert "memory:" in problem.hint
    assert in_force({}, GATEWAY_ENABLED="maybe", GATEWAY_STORE="redis://x") == in_force()


# Through Django


def test_manage_check_fails_and_names_the_key() -> None:
    with override_settings(GATEWAY={"MAX_EXCHANGES": "many"}), pytest.raises(SystemCheckError) as caught:
        call_command("check")
    said = str(caught.value)
    assert "GATEWAY['MAX_EXCHANGES'] is 'many'." in said
    assert "It takes a whole number above 0." in said
    assert "django_gateway.E001" in said


def test_two_gateway_middleware_are_one_too_many() -> None:
    ours = "django_gateway.middleware.GatewayMiddleware"
    with override_settings(MIDDLEWARE=[ours, ours]):
        (found,) = checks.check_middleware(None)
    assert found.id == "django_gateway.W002"
    with override_settings(MIDDLEWARE=[ours]):
        assert checks.check_middleware(None) == []


@pytest.mark.parametrize(
    ("debug", "gateway", "warned"),
    [
        (False, {"PANEL": True}, True),
        (False, {}, False),
        (True, {"PANEL": True}, False),
        (False, {"PANEL": False}, False),
    ],
)
def test_an_open_panel_is_warned_of_at_deployment(debug: bool, gateway: Any, warned: bool) -> None:
    with override_settings(DEBUG=debug, GATEWAY=gateway):
        found = [message for message in checks.check_deployment(None) if message.id == "django_gateway.W001"]
    assert bool(found) is warned


def test_current_reads_the_project() -> None:
    with override_settings(DEBUG=False, GATEWAY={"ENABLED": True, "MAX_EVENTS": 5}, BASE_DIR="/srv/elsewhere"):
        settings = conf.current()
    assert settings.enabled
    assert settings.max_events == 5
    assert settings.folder == Path("/srv/elsewhere/.gateway")


def run(code: str, folder: Path, **environment: str) -> str:
    """The output of a process without this one's settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GATEWAY_", "DJANGO_"))}
    done = subprocess.run(
        [*PYTHON, "-c", code], cwd=folder, env={**kept, **environment}, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout


SHOW = "from django_gateway import conf; s = conf.current(); print(s.enabled, s.store)"


def test_without_django_the_environment_alone_counts(tmp_path: Path) -> None:
    assert run(SHOW, tmp_path) == f"False sqlite:///{tmp_path}/.gateway/exchanges.sqlite3\n"
    assert run(SHOW, tmp_path, GATEWAY_STORE="memory:") == "True memory:\n"
    assert run(SHOW, tmp_path, GATEWAY_STORE="memory:", GATEWAY_ENABLED="0") == "False memory:\n"


def test_settings_that_cannot_be_imported_break_nothing_here(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError('broken settings')")
    assert run(SHOW, tmp_path, DJANGO_SETTINGS_MODULE="broken").startswith("False ")


def test_the_process_recorder_has_the_settings(tmp_path: Path) -> None:
    given = {"STORE": f"sqlite:///{tmp_path}/x.sqlite3", "MAX_EVENTS": 5, "BODY_BYTES": 3, "HIDE": ["IBAN"]}
    process.reset()
    try:
        with override_settings(GATEWAY=given):
            recorder = process.recorder()
            assert isinstance(recorder, Recorder)
            assert process.recorder() is recorder
            assert process.writer().store.location == given["STORE"]
        assert recorder.body_bytes == 3
        assert recorder.room.longest == 20
        assert recorder.redactor.is_secret("my_iban")
    finally:
        process.reset()
    assert not re.search("x.sqlite3", " ".join(os.listdir(tmp_path))), "nothing is made before something is kept"
