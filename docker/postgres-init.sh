#!/bin/sh
# Run once by the PostgreSQL image, as its superuser, when the data directory is new: the owner of the
# schema is no superuser. The logins of API and worker are made by `augentis migrate`.
set -eu

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv password AUGENTIS_OWNER_PASSWORD
CREATE ROLE augentis_owner LOGIN CREATEROLE CREATEDB NOSUPERUSER NOBYPASSRLS PASSWORD :'password';
CREATE DATABASE augentis OWNER augentis_owner;
SQL
