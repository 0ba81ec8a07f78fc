"""Which web servers this machine has, and where they keep what their configuration has to name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from .values import FrontProcess

#: Where Debian keeps daemons, which are not in every user's PATH.
PATH: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"

_APACHE_MODULES: Final = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules")
_NGINX_TYPES: Final = ("/etc/nginx/mime.types", "/usr/local/nginx/conf/mime.types")
_APACHE_TYPES: Final = ("/etc/mime.types", "/etc/apache2/mime.types", "/etc/httpd/conf/mime.types")


def find(name: str) -> str | None:
    """The program's path."""
    return shutil.which(name, path=PATH)


def apache() -> str | None:
    return find("apache2") or find("httpd")


def nginx_version() -> tuple[int, ...] | None:
    """None where there is no nginx."""
    program = find("nginx")
    found = program and re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", _said(program, "-v"))
    return tuple(int(part) for part in found.groups()) if found else None


def front_process(folder: str, error_log: str = "error.log", *, workers: int = 1, wsgi: bool = False) -> FrontProcess:
    """How a proxy of this machine is run from a folder of its own. A list of types that is missing is written there."""
    program = apache()
    return FrontProcess(
        folder=folder,
        error_log=error_log,
        workers=workers,
        mime_types=_first(_NGINX_TYPES) or _written(folder, "types { text/html html; text/css css; }\n"),
        types=_first(_APACHE_TYPES) or _written(folder, "text/html html\ntext/css css\n"),
        modules=_first(_APACHE_MODULES),
        built_in=tuple(re.findall(r"mod_(\w+)\.c", _said(program, "-l"))) if program else (),
        wsgi=wsgi,
    )


def has_mod_wsgi() -> bool:
    return (Path(_first(_APACHE_MODULES)) / "mod_wsgi.so").is_file()


def _first(paths: tuple[str, ...]) -> str:
    return next((path for path in paths if Path(path).exists()), "")


def _written(folder: str, text: str) -> str:
    path = Path(folder, f"types-{len(text)}")
    path.write_text(text, encoding="utf-8")
    return str(path)


def _said(*command: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout
