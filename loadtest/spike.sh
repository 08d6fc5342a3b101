#!/usr/bin/env bash
# A spike on a running stack: ten times the pool's capacity for a third of the time, with open arrivals. Checks how long
# rejections take, and whether slots are still released in time.
set -euo pipefail

reports=${REPORTS:-target/spike}
hold=4
stack() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$STACK_JSON" "$1"; }
status=$(curl --silent --show-error --fail --max-time 30 \
    --data "{\"op\": \"status\", \"RDBMSName\": \"$(stack pool)\"}" \
    "$(stack awsEndpoint)/2015-03-31/functions/$(stack counterFunction)/invocations")
slots=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["standardLimit"])' "$status")
spike=$((10 * slots / hold))
printf '\n%d slots held for %d s admit %d requests per second. The spike: %d.\n\n' \
    "$slots" $hold $((slots / hold)) $spike
"${LOADTEST:-target/debug/loadtest}" --stack "$STACK_JSON" --shape spike --arrival "$spike/s" \
    --duration 60 --hold $hold --min-utilisation 0.95 --max-rejection-p99 $((1000 * hold)) \
    --out "$reports"
exec python3 loadtest/releases.py "$STACK_JSON" "$reports/report.json"
