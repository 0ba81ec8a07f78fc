#!/bin/sh
# Builds mod_wsgi for a virtual environment's Python, into its folder mod_wsgi: tools/mod-wsgi.sh .venv
# PyPI has its source only, which wants a compiler and Debian's apache2-dev. Where that can't be had, the one test that
# wants it is skipped and says so: this script says why, and does not fail.
set -u
cd "$(dirname "$0")/.."

venv="$1"
folder="$venv/mod_wsgi"
[ ! -d "$folder/mod_wsgi" ] || exit 0
tools/debian.sh apache2-dev || exit 0
log="$("$venv/bin/python" -m pip install --quiet --no-deps --target "$folder.new" 'mod_wsgi>=5' 2>&1)" &&
    rm -rf "$folder" && mv "$folder.new" "$folder" ||
    { echo "mod_wsgi could not be built, its test is skipped:" >&2; echo "$log" | tail -5 >&2; }
exit 0
