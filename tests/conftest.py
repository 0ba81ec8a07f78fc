from __future__ import annotations

import os
import shutil
import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("real.checks", "real.visitor")


# Speed is for benchmarks: a busy machine must not fail an example that is right. Continuous integration takes the same
# examples each time; everybody else's runs look further.
settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("any"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "any")


def pytest_configure(config: pytest.Config) -> None:
    # Django is set up by now. Projects that tests start in processes of their own choose their own settings.
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    # A shell that starts a job in the background has it ignore these, and so would every server that a test starts and
    # interrupts.
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Playwright keeps an event loop running in the main thread from the first browser test to the end of the session,
    # and neither async tests nor Django's database work beside it.
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(autouse=True)
def connections_left_alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test without a database serves requests all the same.

    The connection that an earlier test opened stays, since the database in memory lives in it, and Django would look at
    it before and after each request.
    """
    from django.db.backends.base.base import BaseDatabaseWrapper

    uses = {"db", "transactional_db", "live_server"} & set(request.fixturenames)
    if not uses and not request.node.get_closest_marker("django_db"):
        monkeypatch.setattr(BaseDatabaseWrapper, "close_if_unusable_or_obsolete", lambda self: None)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium, which asks nobody on the network for anything."""
    arguments = (
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    )
    return {**browser_type_launch_args, "executable_path": shutil.which("chromium"), "args": list(arguments)}
