"""Measures log sizes and times of admitted and rejected requests on a local stack, for docs/cost.md.

    for via in counter table; do
        target/debug/local --dir target/cost run \\
            --param DecisionsPerSecond=1000 --param AdmissionVia=$via -- \\
            .venv/bin/python verification/bench/cost/measure.py
    done

writes the results into measured.json beside this file. The times are those of this machine and the emulator."""

import collections
import json
import pathlib
import statistics
import sys
from collections.abc import Iterator
from typing import Any

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "e2e"))

import stack  # noqa: E402

LOGS = pathlib.Path(stack.STACK["logs"])
RESULT = HERE / "measured.json"
REQUESTS = 200


def is_direct() -> bool:
    """Whether the query is in direct mode."""
    query = stack.LAMBDA.get_function_configuration(FunctionName=stack.STACK["queryFunction"])
    return query["Environment"]["Variables"]["ADMISSION_VIA"] == "table"


def lines() -> Iterator[tuple[str, str]]:
    """All log lines of the functions, each with the function's short name."""
    for function in ("counter", "query"):
        for log in sorted((LOGS / f"rds-admission-{function}").glob("*.log")):
            for line in log.read_text().splitlines():
                yield function, line


def milliseconds(line: dict[str, Any]) -> float:
    """The time of a decision, or of acquire and release, from a log line."""
    if "micros" in line:
        return line["micros"] / 1000
    return line["acquire_ms"] + (line.get("release_ms") or 0)


def main() -> None:
    for _ in range(20):
        stack.get("/employees")
    before = collections.Counter(lines())
    admitted = [stack.get("/employees").status for _ in range(REQUESTS)]
    with stack.leases(stack.STANDARD, ttl=600):
        rejected = [stack.get("/employees").status for _ in range(REQUESTS)]
    assert set(admitted) == {200} and set(rejected) == {503}, (set(admitted), set(rejected))
    stack.counter(op="sweep")

    # In direct mode only this program calls the counter.
    functions = {"query": "direct"} if is_direct() else {"query": "query", "counter": "counter"}
    size, took = collections.defaultdict(list), collections.defaultdict(list)
    for function, line in (collections.Counter(lines()) - before).elements():
        fields = json.loads(line)
        if function in functions and fields["message"] in ("decision", "request"):
            what = "sweep" if fields.get("op") == "sweep" else fields["outcome"]
            name = f"{functions[function]}.{what}"
            size[name].append(len(line.encode()))
            if "micros" in fields or "acquire_ms" in fields:
                took[name].append(milliseconds(fields))
    save(
        log_bytes={name: round(statistics.mean(sizes)) for name, sizes in size.items()},
        milliseconds={name: round(statistics.median(times), 1) for name, times in took.items()},
    )


def save(**measured: dict[str, float]) -> None:
    """Merges the results into those of earlier runs."""
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for what, numbers in measured.items():
        result[what] = dict(sorted({**result.get(what, {}), **numbers}.items()))
    text = json.dumps(result, indent=2) + "\n"
    RESULT.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
