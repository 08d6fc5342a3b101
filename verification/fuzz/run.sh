#!/bin/sh
# Runs each target with a million inputs (RUNS). Exits with 1 at the first input that breaks a property, and
# writes it to target/fuzz/artifacts.
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
    # No sanitizer: it finds nothing in safe Rust, and requires a nightly compiler.
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
