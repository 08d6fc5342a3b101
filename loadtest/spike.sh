#!/usr/bin/env bash
# A rush on a stack that is up: ten times what the pool can admit, for a third of the time, from clients
# that wait for nobody. Shows how long a rejection takes then, and whether slots still come back in time.
set -euo pipefail

reports=${REPORTS:-target/spike}
hold=4
stack() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$STACK_JSON" "$1"; }
status=$(curl --silent --show-error --fail --max-time 30 \
    --data "{\"op\": \"status\", \"RDBMSName\": \"$(stack pool)\"}" \
    "$(stack awsEndpoint)/2015-03-31/functions/$(stack counterFunction)/invocations")
slots=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["standardLimit"])' "$status")
rush=$((10 * slots / hold))
printf '\n%d slots held for %d s admit %d requests a second. The rush: %d.\n\n' \
    "$slots" $hold $((slots / hold)) $rush
"${LOADTEST:-target/debug/loadtest}" --stack "$STACK_JSON" --shape spike --arrival "$rush/s" \
    --duration 60 --hold $hold --min-utilisation 0.95 --max-rejection-p99 $((1000 * hold)) \
    --out "$reports"
exec python3 loadtest/releases.py "$STACK_JSON" "$reports/report.json"
