"""The watcher by itself, on real files."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from watchfiles import watch as really

from django_gateway.supervisor import watching
from django_gateway.supervisor.files import Tree
from django_gateway.supervisor.watching import Watcher
from serving import DEADLINE


class Seen:
    def __init__(self) -> None:
        self.changes: queue.Queue[list[str]] = queue.Queue()
        self.warnings: queue.Queue[str] = queue.Queue()

    def wait_for(self, path: Path) -> None:
        while str(path) not in self.changes.get(timeout=DEADLINE):
            pass


@contextmanager
def watcher(*roots: Path) -> Iterator[tuple[Watcher, Seen]]:
    seen = Seen()
    started = Watcher(Tree(roots=roots), seen.changes.put, seen.warnings.put)
    started.start()
    try:
        yield started, seen
    finally:
        started.stop()
        assert not started._thread.is_alive()


def test_changes_new_files_and_new_folders(tmp_path: Path) -> None:
    with watcher(tmp_path) as (_, seen):
        for name in ("a.py", "new/b.py", "new/deep/er/c.html", "new/deep/er/d.html"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("1")
            seen.wait_for(path)
        (tmp_path / "a.py").unlink()
        seen.wait_for(tmp_path / "a.py")


def test_a_folder_that_is_moved_in_with_old_files(tmp_path: Path) -> None:
    outside, project = tmp_path / "outside", tmp_path / "project"
    (outside / "app").mkdir(parents=True)
    project.mkdir()
    old = outside / "app/models.py"
    old.write_text("1")
    os.utime(old, (1, 1))
    with watcher(project) as (_, seen):
        (outside / "app").rename(project / "app")
        seen.wait_for(project / "app/models.py")


def test_folders_added_later(tmp_path: Path) -> None:
    project, library = tmp_path / "project", tmp_path / "library"
    project.mkdir()
    library.mkdir()
    with watcher(project) as (one, seen):
        one.add([str(library), str(tmp_path / "not there")])
        (library / "a.py").write_text("1")
        seen.wait_for(library / "a.py")


def test_a_watched_folder_that_goes(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    with watcher(tmp_path) as (one, seen):
        (tmp_path / "app").rmdir()
        one.add([str(tmp_path.parent)])
        (tmp_path / "a.py").write_text("1")
        seen.wait_for(tmp_path / "a.py")


def test_files_are_looked_at_where_they_can_not_be_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def limited(*folders: str, force_polling: bool | None = None, **options: object) -> object:
        if not force_polling:
            raise OSError("OS file watch limit reached.")
        return really(*folders, force_polling=True, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(watching, "watch", limited)
    with watcher(tmp_path) as (_, seen):
        assert "OS file watch limit reached." in seen.warnings.get(timeout=DEADLINE)
        (tmp_path / "a.py").write_text("1")
        seen.wait_for(tmp_path / "a.py")
