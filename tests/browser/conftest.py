"""What every browser test stands on: the panel on a socket, and a page whose console stays silent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from panels import PanelProcess

#: Milliseconds: a condition may take as long as a busy machine needs.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def base_url() -> None:
    """No tests for one site: pytest-base-url's own fixture warns under this pytest."""


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[PanelProcess]:
    with PanelProcess(tmp_path) as panel:
        yield panel


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """Whatever a page says on its console is a failure: mistakes, and what the content security policy kept out."""
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        said.append(f"{message.type}: {message.text}")

    page.on("console", note)
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
    yield page
    assert said == []
