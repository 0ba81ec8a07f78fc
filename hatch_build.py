"""Builds the compiled part of recording into the wheel, or in place for an editable installation, where that can be."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NativeBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build = _module(Path(self.root) / "django_gateway/native/build.py")
        reason = build.reason_against()
        if reason is None:
            try:
                made = build.build()
            except OSError as error:
                reason = f"no compiler: {error}"
            except subprocess.CalledProcessError as error:
                reason = error.stderr
        if reason is not None:
            # Recording works without it, with a higher cost for each request.
            self.app.display_warning(f"django_gateway.native.core is not built: {reason}")
            return
        if version != "editable":  # which finds it where it was built
            build_data["force_include"][str(made)] = f"django_gateway/native/{made.name}"
            build_data["pure_python"] = False
            build_data["infer_tag"] = True


def _module(path: Path) -> Any:
    """By its path: the package itself needs what is not there while it is built."""
    spec = importlib.util.spec_from_file_location("gateway_native_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
