#!/bin/sh
# beside.sh NAME: make .venv-NAME with requirements/NAME.txt; what is installed in .venv is seen there too, behind it.
set -eu
rm -rf ".venv-$1"
.venv/bin/python -m venv ".venv-$1"
.venv/bin/uv pip install --quiet --python ".venv-$1/bin/python" --require-hashes -r "requirements/$1.txt"
where='import sysconfig; print(sysconfig.get_path("purelib"))'
.venv/bin/python -c "$where" >"$(".venv-$1/bin/python" -c "$where")/development.pth"
