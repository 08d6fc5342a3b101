#!/usr/bin/env bash
# The demonstration, on a stack that is up: one request, then the same flood twice, without admission and
# with it. Ends with the verdict on the second.
set -euo pipefail

url=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["apiUrl"])' "$STACK_JSON")
loadtest=${LOADTEST:-target/debug/loadtest}

printf '\n$ curl %s/employees\n' "$url"
curl --silent --show-error --fail --max-time 30 "$url/employees"
printf '\n\nThe flood: 400 users, 30 s, twice: first past the controller, then with it.\n'
printf 'The server takes 66 connections, and a query holds one for 2 s.\n\n'
exec "$loadtest" --stack "$STACK_JSON" --compare --users 400 --duration 30 --hold 2 \
    --min-admitted 600 --min-utilisation 0.95 \
    --out "${REPORTS:-target/loadtest}"
