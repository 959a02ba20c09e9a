#!/bin/sh
# install.sh LOCK: make .venv if need be, and install requirements/LOCK.txt and this package into it.
# uv, itself from a hashed lock, makes it quick; where uv cannot work (a proxy, a mirror that only pip
# knows) pip does the same.
set -eu

say() { echo "augentis: $*" >&2; }

supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }
complete() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

find_python() {
    seen=
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        version=$("$candidate" -c 'import platform; print(platform.python_version())' 2>/dev/null) || version=
        if [ -z "$version" ]; then
            [ -z "${PYTHON:-}" ] || seen="$seen $candidate does not run;"
        elif ! supported "$candidate"; then
            seen="$seen $candidate is $version;"
        elif ! complete "$candidate"; then
            seen="$seen $candidate ($version) lacks venv or ensurepip (Debian: apt-get install python3-venv);"
        else
            echo "$candidate"
            return
        fi
    done
    say "Python 3.11, 3.12 or 3.13 with venv is needed.${seen:+ Found:$seen}" \
        "Install one, or name one: make PYTHON=/path/to/python"
    return 1
}

if ! supported .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

pip() { .venv/bin/python -m pip "$@" --quiet --disable-pip-version-check; }

say "installing requirements/$1.txt"
pip install --require-hashes -r requirements/bootstrap.txt
export UV_NO_PROGRESS=1
uv() { .venv/bin/uv "$@" --quiet --python .venv/bin/python; }
if uv pip install --require-hashes -r "requirements/$1.txt"; then
    uv pip install --no-deps --no-build-isolation --offline -e .
else
    say "uv could not, so pip does (slower)"
    pip install --require-hashes -r "requirements/$1.txt"
    pip install --no-deps --no-build-isolation -e .
fi
