"""The compiled part as a whole: it is there where it can be, is of these sources, and is not missed where it is not."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from django_gateway import native
from django_gateway.native import build
from recorders import PYTHON

ROOT = Path(__file__).parent.parent
BUILDABLE = build.reason_against() is None
#: One request through the wrapper, and whether its recording is of the compiled kind.
PROGRAM = """
import django_gateway.native as native
from recorders import Recorded, serve
recorded = Recorded()
def application(environ, start_response):
    start_response("200 OK", [("X-Told", "1")])
    return [b"body"]
answered = serve(recorded.wsgi(application))
assert (answered.status, answered.body) == ("200 OK", b"body")
exchange = recorded.only
assert (exchange.status, exchange.sizes.body_bytes, exchange.headers) == (200, 4, [["X-Told", "1"]]), exchange
print(native.core is not None)
"""


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))), **environment}
    return subprocess.run(arguments, env=inherited, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.skipif(not BUILDABLE, reason="it is not for this Python")
@pytest.mark.skipif(os.environ.get("GATEWAY_NATIVE") == "0", reason="it is switched off")
def test_it_is_here_and_of_these_sources() -> None:
    """Else the tests would be of something older, or of Python alone: install the package again."""
    assert native.core is not None
    made = build.target().stat().st_mtime
    late = [path.name for path in build.HERE.glob("*.[ch]") if path.stat().st_mtime > made]
    assert not late, "they are newer than what was compiled: python django_gateway/native/build.py"


@pytest.mark.skipif(native.core is None, reason="the compiled part is not here, or switched off")
def test_every_source_is_part_of_it() -> None:
    included = {
        line.split('"')[1]
        for path in build.HERE.glob("*.[ch]")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith('#include "')
    }
    assert {path.name for path in build.HERE.glob("*.[ch]")} - {"core.c"} == included


def test_it_can_be_switched_off() -> None:
    done = run(*PYTHON, "-c", PROGRAM, GATEWAY_NATIVE="0")
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr


@pytest.mark.skipif(native.core is None, reason="the compiled part is not here, or switched off")
def test_a_subinterpreter_records_in_python() -> None:
    """As mod_wsgi's groups of applications are."""
    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    program = f"""
import importlib, sys
interpreters = importlib.import_module({name!r})
from django_gateway import native
assert native.core is not None
made = interpreters.create(**({{}} if sys.version_info >= (3, 13) else {{"isolated": False}}))
if isinstance(made, tuple):
    made = made[0]
interpreters.run_string(made, '''
import sys
sys.path[:0] = {[str(ROOT), str(ROOT / "tests")]!r}
import django_gateway.native
assert django_gateway.native.core is None
print("recorded in Python", flush=True)
''')
"""
    done = run(*PYTHON[:1], "-c", program)
    assert (done.stdout, done.returncode) == ("recorded in Python\n", 0), done.stderr


def test_without_a_compiler_the_reason_is_told(tmp_path: Path) -> None:
    done = run(*PYTHON[:1], str(ROOT / "django_gateway/native/build.py"), CC=str(tmp_path / "no-compiler"))
    assert done.returncode == 1
    if BUILDABLE:
        assert "is not built" in done.stderr
        assert "no-compiler" in done.stderr


@pytest.mark.skipif(not BUILDABLE, reason="it is not for this Python")
@pytest.mark.slow
def test_a_wheel_works_with_it_and_without(tmp_path: Path) -> None:
    """Built where there is a compiler, and where there is none."""
    for compiler in (None, str(tmp_path / "no-compiler")):
        folder = tmp_path / ("compiled" if compiler is None else "python")
        command = (
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            str(folder),
        )
        done = run(*command, str(copied(tmp_path / "source")), CC=compiler or "")
        assert done.returncode == 0, done.stderr
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "installed")
            compiled = [name for name in archive.namelist() if name.endswith(".so")]
        assert bool(compiled) is (compiler is None)
        assert ("-none-any" in wheel.name) is (compiler is not None)
        path = os.pathsep.join((str(folder / "installed"), str(ROOT / "tests")))
        told = run(*PYTHON, "-c", PROGRAM, cwd=folder, PYTHONPATH=path, GATEWAY_NATIVE="1")
        assert (told.stdout, told.returncode) == (f"{compiler is None}\n", 0), told.stderr


def copied(target: Path) -> Path:
    """The sources as git has them, without what was compiled here."""
    import shutil

    if not target.exists():
        ignored = shutil.ignore_patterns("*.so", "__pycache__")
        target.mkdir()
        shutil.copytree(ROOT / "django_gateway", target / "django_gateway", ignore=ignored)
        for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, target / name)
    for built in (target / "django_gateway/native").glob("*.so"):
        built.unlink()
    return target


def test_the_build_needs_nothing_that_is_not_there_yet() -> None:
    """It runs before the package and what it depends on is installed."""
    for path in (ROOT / "hatch_build.py", ROOT / "django_gateway/native/build.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {
            (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else name.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for name in node.names
        }
        assert imported <= {*sys.stdlib_module_names, "hatchling"}, path
