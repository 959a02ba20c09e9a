#!/bin/sh
# audit.sh BIN: what is known against what we install. Ends with 1 if anything was found, and if anything could
# not be judged. Versions that a lock holds for another Python than .venv's are judged where .venv has that one.
# AUDIT_SERVICE=osv asks OSV in place of PyPI.
set -u
bad=

echo "== vulnerabilities known of the locks"
for lock in requirements/*.txt benchmarks/*/requirements.txt; do
    if said=$("$1/pip-audit" --vulnerability-service "${AUDIT_SERVICE:-pypi}" --progress-spinner off --strict \
        --require-hashes --disable-pip --requirement "$lock" 2>&1); then
        echo "$lock: none"
    else
        bad="$bad $lock"
        echo "$lock:"
        echo "$said" | tail -n "${AUDIT_LINES:-15}"
    fi
done
echo "cli/stack/jgo.lock.toml ($(grep -c '^\[\[' cli/stack/jgo.lock.toml) jars): not judged; no tool of ours knows Maven's." \
    "osv-scanner does, and needs its database."

echo "== declared in pyproject.toml, and imported"
"$1/deptry" . --no-ansi || bad="$bad pyproject.toml"

echo "== licences of what is installed in .venv"
"$1/pip-licenses" --python .venv/bin/python --from mixed --order license || bad="$bad licences"

[ -z "$bad" ] || { echo "== found, or not to be judged:$bad"; exit 1; }
echo "== nothing found"
