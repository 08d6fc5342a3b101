#!/usr/bin/env bash
# Runs one SQL statement with a slot in hand.
# usage: with-slot.sh SECONDS STATEMENT
#
# SECONDS (6 to 955) is the time for all of it. Needs the AWS CLI (1 or 2), and the client of MySQL or
# MariaDB, which reads server, account and TLS from ~/.my.cnf. In the environment: COUNTER_FUNCTION,
# POOL_NAME. Exits with 75 when there is no slot: nothing was connected then.
set -euo pipefail

seconds=$1 statement=$2
[[ $seconds =~ ^[0-9]{1,3}$ ]] && ((seconds >= 6 && seconds <= 955)) || {
    echo "SECONDS must be a whole number from 6 to 955" >&2
    exit 64
}
# The limit that the server is told is right for one statement only.
[[ $statement != *\;* ]] || {
    echo "one statement, without a semicolon" >&2
    exit 64
}

# The lease outlives the holder by 5 s; the server ends a session that is silent for 2 s.
grace=5 idle=2
lease=$(head -c 6 /dev/urandom | base64 | tr '+/' '-_')
out=maybe
answer=$(mktemp)

# Says a request to the counter and leaves its answer in $answer; fails if there is none.
ask() {
    local error
    error=$(printf '{"RDBMSName": "%s", "lease": "%s", %s}' "$POOL_NAME" "$lease" "$1" |
        AWS_MAX_ATTEMPTS=2 aws lambda invoke --function-name "$COUNTER_FUNCTION" \
            --payload fileb:///dev/stdin --cli-connect-timeout 2 --cli-read-timeout 6 \
            --query FunctionError --output text "$answer") || return 1
    [[ $error == None ]] || {
        cat "$answer" >&2
        return 1
    }
}

# On every way out: a lease that may be out comes back. Tried for a while; after that, it ends by itself.
finish() {
    local pause
    if [[ $out == maybe ]]; then
        for pause in 0.1 0.2 0.4 0; do
            ! ask '"op": "release"' || break
            sleep "$pause"
        done
    fi
    rm -f "$answer"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# The lease's life is counted from the moment it is asked for.
SECONDS=0
ask "\"op\": \"acquire\", \"ttlSeconds\": $((seconds + grace))"
# Whatever is not a grant is a no.
if ! grep -Eq '"granted": ?true' "$answer"; then
    out=no
    cat "$answer" >&2
    exit 75
fi

# Of the time that is left, 3 s are kept for connecting and 1 s for giving back.
limit=$((seconds - SECONDS - 4))
((limit > 0)) || exit 75
# MariaDB alone reads the comments that begin with M, MySQL alone the last.
limits="SET SESSION autocommit = 1, wait_timeout = $idle, net_read_timeout = $idle, net_write_timeout = $idle, \
innodb_lock_wait_timeout = $limit, lock_wait_timeout = $limit \
/*M!100101 , max_statement_time = $limit */ \
/*M!100300 , idle_transaction_timeout = $idle, idle_readonly_transaction_timeout = $idle, \
idle_write_transaction_timeout = $idle */ \
/*!50708 , max_execution_time = $((limit * 1000)) */"

# What a procedure leaves open is rolled back before the connection is closed: a server closes it first, and counts it
# until it has rolled back. (One that fails with a transaction open is not waited for: call none that does.)
#
# A client that is killed has not said goodbye: its connection ends by the limits, and its slot, a
# little later, by its lease.
out=lapses
status=0
timeout --foreground --kill-after=1 $((limit + 3)) \
    mysql --connect-timeout=3 --skip-reconnect --batch --skip-column-names \
    --init-command="$limits" --execute="$statement"$'\n; ROLLBACK' || status=$?
((status >= 124)) || out=maybe
exit "$status"
