#!/usr/bin/env bash
# The demonstration, on a stack that is up: one request, then a flood that would have exhausted the
# database. Ends with the flood's verdict.
set -euo pipefail

url=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["apiUrl"])' "$STACK_JSON")
reports=${REPORTS:-target/loadtest}
mkdir -p "$reports"

printf '\n$ curl %s/employees\n' "$url"
curl --silent --show-error --fail --max-time 30 "$url/employees"
printf '\n\nThe flood: 200 users for 30 s, 60 standard slots, 2 s a query.\n'
exec "${LOADTEST:-target/debug/loadtest}" --stack "$STACK_JSON" --users 200 --duration 30 \
    --min-admitted 600 --report "$reports/report.html" --json "$reports/report.json"
