"""``python -m django_gateway template`` says where the project template is, for ``django-admin startproject``."""

from __future__ import annotations

import sys
from pathlib import Path

_USAGE = "usage: python -m django_gateway template"


def main(arguments: list[str]) -> int:
    if arguments != ["template"]:
        print(_USAGE, file=sys.stderr)
        return 2
    print(Path(__file__).parent / "deploy" / "project_template")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
