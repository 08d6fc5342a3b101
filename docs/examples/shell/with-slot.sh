#!/usr/bin/env bash
# Runs one SQL statement while holding a slot.
# usage: with-slot.sh SECONDS STATEMENT
#
# SECONDS (6 to 955) is the total time. Needs the AWS CLI (1 or 2), and the client of MySQL or MariaDB,
# which reads server, account and TLS from ~/.my.cnf. Environment: COUNTER_FUNCTION, POOL_NAME.
# Exits with 75 if no slot is available; no connection was opened then.
set -euo pipefail

seconds=$1 statement=$2
[[ $seconds =~ ^[0-9]{1,3}$ ]] && ((seconds >= 6 && seconds <= 955)) || {
    echo "SECONDS must be a whole number from 6 to 955" >&2
    exit 64
}
# The time limit is for one statement only.
[[ $statement != *\;* ]] || {
    echo "one statement, without a semicolon" >&2
    exit 64
}

# The lease outlives the work by 5 s; the server ends a session after 2 s without a statement.
grace=5 idle=2
lease=$(head -c 6 /dev/urandom | base64 | tr '+/' '-_')
out=maybe
answer=$(mktemp)

# Sends a request to the counter and writes its answer to $answer; fails without an answer.
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

# On every way out, releases a lease that may be held. After four failures the lease is left to expire.
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

# The lease's time starts before the acquire.
SECONDS=0
ask "\"op\": \"acquire\", \"ttlSeconds\": $((seconds + grace))"
# Anything but a grant is a rejection.
if ! grep -Eq '"granted": ?true' "$answer"; then
    out=no
    cat "$answer" >&2
    exit 75
fi

# Of the remaining time, 3 s are reserved for connecting and 1 s for the release.
limit=$((seconds - SECONDS - 4))
((limit > 0)) || exit 75
# Only MariaDB executes the comments that begin with M, only MySQL the last one.
limits="SET SESSION autocommit = 1, wait_timeout = $idle, net_read_timeout = $idle, net_write_timeout = $idle, \
innodb_lock_wait_timeout = $limit, lock_wait_timeout = $limit \
/*M!100101 , max_statement_time = $limit */ \
/*M!100300 , idle_transaction_timeout = $idle, idle_readonly_transaction_timeout = $idle, \
idle_write_transaction_timeout = $idle */ \
/*!50708 , max_execution_time = $((limit * 1000)) */"

# A transaction that a procedure leaves open is rolled back before the connection is closed: a server
# closes it before it rolls back, and counts it until then. (After a procedure that fails with an open
# transaction this does not happen: call none that does.)
#
# The limits end the connection of a killed client; its lease expires a little later.
out=lapses
status=0
timeout --foreground --kill-after=1 $((limit + 3)) \
    mysql --connect-timeout=3 --skip-reconnect --batch --skip-column-names \
    --init-command="$limits" --execute="$statement"$'\n; ROLLBACK' || status=$?
((status >= 124)) || out=maybe
exit "$status"
