#!/bin/sh
# Prepares the database for the wiki's search. Safe to run again: it runs whenever it or its image changes.
set -eu
PGPASSWORD=$(cat /run/secrets/db_password)
export PGPASSWORD
exec psql -h db -U wiki -d wiki -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION IF NOT EXISTS pg_trgm'
