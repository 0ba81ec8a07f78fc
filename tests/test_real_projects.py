"""Projects that nobody here wrote serve and record with one line more in INSTALLED_APPS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from real import journeys
from real.checks import check, check_secrets, from_panel, from_store
from real.projects import Project, fresh_django, fresh_wagtail
from real.servers import NAMES, serving_with
from real.visitor import Visitor
from serving import Serving, environment

WITNESS = Path(__file__).parent / "real" / "witness"
TOKEN = "Nm4tR8wYc2VxZ6pLq9KsJ3hGf7DbTa5E"
#: In the server's own environment, which Django's server puts into each environ.
PLANTED = {"PAYMENT_API_KEY": "pk-7f3c9a51e2d84b60", "MAIL_URL": "smtp://mailer:Tr0ub4dor-and-3@mail.example/"}
SECRETS = {*journeys.TYPED, TOKEN, PLANTED["PAYMENT_API_KEY"], "Tr0ub4dor-and-3"}


@pytest.fixture(scope="module")
def django_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return fresh_django(tmp_path_factory.mktemp("django") / "site")


@pytest.fixture(scope="module")
def wagtail_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return fresh_wagtail(tmp_path_factory.mktemp("wagtail") / "site")


class Witness:
    """What the recorder of any process under test swallowed."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "faults"
        path = os.pathsep.join(filter(None, (str(WITNESS), os.environ.get("PYTHONPATH"))))
        self.environment = {"PYTHONPATH": path, "WITNESS": str(self.file)}

    def assert_silent(self) -> None:
        assert self.file.read_text(encoding="utf-8") == ""


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path)


def test_the_witness_speaks(witness: Witness) -> None:
    code = "from django_gateway.recording import faults; faults.note(ValueError('seen'))"
    subprocess.run([sys.executable, "-c", code], env=environment(**witness.environment), check=True)
    with pytest.raises(AssertionError, match="ValueError: seen"):
        witness.assert_silent()


@pytest.mark.parametrize("mode", ["wsgi", "asgi"])
def test_startproject(django_project: Project, tmp_path: Path, witness: Witness, mode: str) -> None:
    project = django_project.copy(tmp_path / "site")
    assert "ASGI_APPLICATION" not in (project.folder / project.settings).read_text(encoding="utf-8")
    browse(project, mode, witness, journeys.browse_django, journeys.DJANGO_VIEWS)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["wsgi", "asgi"])
def test_wagtail(wagtail_project: Project, tmp_path: Path, witness: Witness, mode: str) -> None:
    project = wagtail_project.copy(tmp_path / "site")
    browse(project, mode, witness, journeys.browse_wagtail, journeys.WAGTAIL_VIEWS)


def browse(project: Project, mode: str, witness: Witness, journey: Any, views: journeys.Views) -> None:
    """Under gatewayserve; what was recorded is asked of the panel."""
    more = {**PLANTED, **witness.environment, "GATEWAY_PANEL_TOKEN": TOKEN}
    with Serving(project.folder, f"--{mode}", panel=True, **more) as serving:
        with Visitor(serving.url) as visitor:
            journey(visitor)
        documents, said = from_panel(serving.panel_url.partition("?")[0], TOKEN, len(visitor.visits))
        check(
            documents,
            visitor.visits,
            interface=mode,
            server="django" if mode == "wsgi" else "daphne",
            vantage="wrapper",
            middleware=project.middleware,
            views=views,
        )
        check_secrets(project.store, said, visitor.secrets | SECRETS)
    # Nothing came after it, the panel's own requests least of all.
    assert len(from_store(project.store, len(visitor.visits))) == len(visitor.visits)
    check_secrets(project.store, "", visitor.secrets | SECRETS)
    witness.assert_silent()


@pytest.mark.parametrize("server", NAMES)
def test_startproject_on_servers_started_by_hand(
    django_project: Project, tmp_path: Path, witness: Witness, server: str
) -> None:
    project = django_project.copy(tmp_path / "site")
    interface, name = NAMES[server]
    with (
        serving_with(server, project, environment(**PLANTED, **witness.environment)) as url,
        Visitor(url) as visitor,
    ):
        journeys.browse_django(visitor, static=server == "runserver")
    documents = from_store(project.store, len(visitor.visits))
    # Uvicorn asks; Django's handler knows no lifespan and says so with an exception.
    others = [found["type"] for found in documents if found["type"] != "http"]
    assert others == (["lifespan"] if server == "uvicorn" else [])
    check(
        [found for found in documents if found["type"] == "http"],
        visitor.visits,
        interface=interface,
        server=name,
        vantage="handler",
        middleware=project.middleware,
        views=journeys.DJANGO_VIEWS,
    )
    check_secrets(project.store, "", visitor.secrets | SECRETS)
    witness.assert_silent()
