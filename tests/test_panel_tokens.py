"""Where the panel's token comes from."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from django_gateway.panel.tokens import VARIABLE, TokenError, load_token


@pytest.fixture(autouse=True)
def _no_token_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, "  given ")
    assert load_token(tmp_path) == "given"
    assert not (tmp_path / "token").exists()


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, " ")
    assert len(load_token(tmp_path)) == 43


def test_it_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "project" / ".gateway"
    token = load_token(folder)
    assert len(token) == 43  # 256 bits in base64
    assert load_token(folder) == token
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
    assert (folder / ".gitignore").read_text() == "*\n"
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "token"]


def test_another_folder_has_another(tmp_path: Path) -> None:
    assert load_token(tmp_path / "a") != load_token(tmp_path / "b")


def test_all_who_start_at_once_agree(tmp_path: Path) -> None:
    found: list[str] = []
    start = threading.Barrier(16)

    def load() -> None:
        start.wait()
        found.append(load_token(tmp_path))

    threads = [threading.Thread(target=load) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert set(found) == {load_token(tmp_path)}
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


def test_processes_agree_too(tmp_path: Path) -> None:
    load = "from django_gateway.panel.tokens import load_token as load"
    code = f"import pathlib, sys; {load}; print(load(pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate()[0] for process in processes}) == 1
    assert not any(process.returncode for process in processes)


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    token = load_token(tmp_path)
    (tmp_path / "token").chmod(0o644)
    assert load_token(tmp_path) == token
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("a" * 43)
    (tmp_path / "token").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TokenError, match="can't be read"):
        load_token(tmp_path)


@pytest.mark.parametrize("content", ["", "short", "a" * 21])
def test_a_damaged_file_is_no_token(content: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(content)
    with pytest.raises(TokenError, match="damaged"):
        load_token(tmp_path)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "token").mkdir()
    with pytest.raises(TokenError):
        load_token(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TokenError, match=VARIABLE):
        load_token(tmp_path / "file" / ".gateway")
