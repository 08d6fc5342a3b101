#!/usr/bin/env bash
# The demonstration, on a running stack: one request, then the same flood without and with admission, and the verdict
# about the second one.
set -euo pipefail

url=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["apiUrl"])' "$STACK_JSON")
loadtest=${LOADTEST:-target/debug/loadtest}

printf '\n$ curl %s/employees\n' "$url"
curl --silent --show-error --fail --max-time 30 "$url/employees"
printf '\n\nTwo floods of 400 users for 30 s: first without admission, then with it.\n'
printf 'The server accepts 66 connections; a query holds one for 2 s.\n\n'
exec "$loadtest" --stack "$STACK_JSON" --compare --users 400 --duration 30 --hold 2 \
    --min-admitted 600 --min-utilisation 0.95 \
    --out "${REPORTS:-target/loadtest}"
