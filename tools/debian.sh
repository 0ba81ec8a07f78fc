#!/bin/sh
# Makes sure that the programs named by their group are here, and installs Debian's packages of those that are not.
#   tools/debian.sh python    what a virtual environment needs
#   tools/debian.sh tests     what the tests drive besides Python
#   tools/debian.sh compiler    what the compiled part of recording is made with, for $PYTHON
#   tools/debian.sh apache2-dev    what mod_wsgi is built with
# Fails, and names what is missing, where a package cannot be installed.
set -eu

# Where Debian keeps daemons, which are not in every user's PATH.
PATH="$PATH:/usr/sbin:/sbin"

# One line each: how to see that it is here, and the package that brings it.
wanted() {
    case "$1" in
    python)
        echo 'python3 -c "import ensurepip, venv"|python3-venv'
        ;;
    tests)
        echo 'command -v chromium|chromium'
        echo 'command -v nginx|nginx'
        echo 'command -v caddy|caddy'
        echo 'command -v systemd-analyze && command -v systemd-socket-activate|systemd'
        echo 'command -v redis-server|redis-server'
        echo 'command -v apache2|apache2'
        echo 'test -e /usr/lib/apache2/modules/mod_wsgi.so|libapache2-mod-wsgi-py3'
        echo 'command -v lighttpd|lighttpd'
        echo 'command -v fcgiwrap|fcgiwrap'
        echo 'command -v wrk|wrk'
        echo 'command -v ip|iproute2'
        ;;
    compiler)
        echo 'command -v cc|gcc'
        echo 'test -e "$("${PYTHON:-python3}" -c "import sysconfig; print(sysconfig.get_path(\"include\"))")/Python.h"|python3-dev'
        ;;
    apache2-dev)
        echo 'command -v apxs|apache2-dev'
        echo 'command -v cc|gcc'
        ;;
    esac
}

missing() {
    wanted "$1" | while IFS='|' read -r check package; do
        sh -c "$check" >/dev/null 2>&1 || echo "$package"
    done
}

install() {
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null 2>&1; then
        as_root=sudo
    else
        echo "Installing needs root, and there is no sudo here." >&2
        return 1
    fi
    command -v apt-get >/dev/null 2>&1 || { echo "There is no apt-get here." >&2; return 1; }
    # The tests start these servers themselves, in folders of their own: the system's copies stay stopped.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
        $as_root chmod 755 "$policy"
        trap '$as_root rm -f "$policy"' EXIT
    fi
    $as_root apt-get update -qq || return 1
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" </dev/null
}

group="${1:-}"
case "$group" in
python | tests | compiler | apache2-dev) ;;
*) echo "usage: tools/debian.sh python|tests|compiler|apache2-dev" >&2; exit 2 ;;
esac
packages="$(missing "$group")"
[ -n "$packages" ] || exit 0
echo "Installing from Debian:" $packages
# shellcheck disable=SC2086  # a list of package names
install $packages || true
packages="$(missing "$group")"
if [ -n "$packages" ]; then
    echo "Missing, and could not be installed:" $packages >&2
    exit 1
fi
