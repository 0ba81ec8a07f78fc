#!/bin/sh
# Prints the newest Python from 3.12 on that can make a virtual environment; prints nothing where there is none.
# Looks in PATH and among pyenv's versions, whose shims exist even where the version they name is not selected.

usable() {
    "$1" -c 'import ensurepip, sqlite3, ssl, sys, venv; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

for version in 3.14 3.13 3.12; do
    for candidate in "$(command -v "python$version")" \
        $(ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python 2>/dev/null | sort -rV); do
        if [ -n "$candidate" ] && usable "$candidate"; then
            echo "$candidate"
            exit 0
        fi
    done
done
if usable python3; then
    command -v python3
fi
