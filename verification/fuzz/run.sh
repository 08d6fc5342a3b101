#!/bin/sh
# Tries a million inputs on each target; RUNS says otherwise. Ends with 1 at the first that breaks a
# property, and leaves it in target/fuzz/artifacts.
set -eu
cd "$(dirname "$0")/../.."

CARGO_FUZZ=0.13.2
TOOLS=$PWD/target/tools
OUT=$PWD/target/fuzz
RUNS=${RUNS:-1000000}

command -v c++ >/dev/null || { echo "fuzz: no C++ compiler here: install g++" >&2; exit 1; }
if [ "$("$TOOLS/bin/cargo-fuzz" --version 2>/dev/null)" != "cargo-fuzz $CARGO_FUZZ" ]; then
    cargo install cargo-fuzz --locked --version "$CARGO_FUZZ" --root "$TOOLS"
fi
PATH=$TOOLS/bin:$PATH

for target in payload event; do
    corpus=$OUT/corpus/$target
    mkdir -p "$corpus" "$OUT/artifacts/$target"
    # No sanitizer: safe Rust has nothing for one to find, and without it a stable compiler will do.
    set -- --fuzz-dir verification/fuzz --target-dir "$OUT" --sanitizer none "$target"
    cargo fuzz build "$@"
    echo "$target: $RUNS inputs"
    log=$OUT/$target.log
    if ! cargo fuzz run "$@" "$corpus" "verification/fuzz/seeds/$target" -- \
        -runs="$RUNS" -dict="verification/fuzz/$target.dict" -max_len=4096 -timeout=10 \
        -artifact_prefix="$OUT/artifacts/$target/" >"$log" 2>&1; then
        cat "$log"
        exit 1
    fi
    tail -n 1 "$log"
done
