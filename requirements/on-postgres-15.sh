#!/bin/sh
# on-postgres-15.sh PYTEST: run the tests of schema, tenancy and storage on Debian's PostgreSQL 15, in a
# cluster of their own that is dropped afterwards (pg_virtualenv, of Debian's postgresql-common). With -t it
# lies in a temporary folder for root too: one that a killed run left behind does not stop the next. What of
# the API is about HTTP, tokens and bodies is left to "make test", since no version of PostgreSQL changes it:
# each table, right and rule is asked for below it.
set -eu
exec pg_virtualenv -o full_page_writes=off -o synchronous_commit=off -o autovacuum=off -t -v 15 sh -c '
    export TEST_DATABASE_SUPERUSER_URL="postgresql://$PGUSER:$PGPASSWORD@127.0.0.1:$PGPORT/postgres"
    unset PGUSER PGPASSWORD PGHOST PGPORT PGDATABASE
    exec "$0" -n 3 --dist loadfile --no-loadscope-reorder -m "" --ignore tests/tenancy/test_http.py --ignore tests/tenancy/test_http_ids.py tests/system \
        tests/migrations tests/tenancy tests/rules tests/integration/test_apply.py tests/integration/test_init.py tests/integration/test_at_once.py' "$@"
