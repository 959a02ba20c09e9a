#!/bin/sh
# debian.sh PACKAGE...: install Debian packages unless they are there.
set -eu

missing=
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "augentis: these tests need$missing from Debian or Ubuntu, and there is no apt-get here" >&2
    exit 1
elif [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null; then
    as_root=sudo
else
    echo "augentis: to install$missing be root, or install sudo" >&2
    exit 1
fi

echo "augentis: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get -qq update
# shellcheck disable=SC2086  # a list of words
$as_root apt-get -qq install -y --no-install-recommends $missing
