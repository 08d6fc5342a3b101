"""Measures on a local stack what an admitted and a rejected request log and take, for docs/cost.md.

    for via in counter table; do
        target/debug/local --dir target/cost run \\
            --param DecisionsPerSecond=1000 --param AdmissionVia=$via -- \\
            .venv/bin/python verification/bench/cost/measure.py
    done

writes what it measured into measured.json beside this file. The times are those of the machine and its
emulator."""

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
    """Whether the query decides by itself."""
    query = stack.LAMBDA.get_function_configuration(FunctionName=stack.STACK["queryFunction"])
    return query["Environment"]["Variables"]["ADMISSION_VIA"] == "table"


def lines() -> Iterator[tuple[str, str]]:
    """All lines that the functions have written, with the function's short name."""
    for function in ("counter", "query"):
        for log in sorted((LOGS / f"rds-admission-{function}").glob("*.log")):
            for line in log.read_text().splitlines():
                yield function, line


def milliseconds(said: dict[str, Any]) -> float:
    """What the function says that its decision took, or its way to a slot and from it."""
    if "micros" in said:
        return said["micros"] / 1000
    return said["acquire_ms"] + (said.get("release_ms") or 0)


def main() -> None:
    for _ in range(20):
        stack.get("/employees")
    before = collections.Counter(lines())
    admitted = [stack.get("/employees").status for _ in range(REQUESTS)]
    with stack.leases(stack.STANDARD, ttl=600):
        rejected = [stack.get("/employees").status for _ in range(REQUESTS)]
    assert set(admitted) == {200} and set(rejected) == {503}, (set(admitted), set(rejected))
    stack.counter(op="sweep")

    # In direct mode the counter serves this program only.
    functions = {"query": "direct"} if is_direct() else {"query": "query", "counter": "counter"}
    size, took = collections.defaultdict(list), collections.defaultdict(list)
    for function, line in (collections.Counter(lines()) - before).elements():
        said = json.loads(line)
        if function in functions and said["message"] in ("decision", "request"):
            what = "sweep" if said.get("op") == "sweep" else said["outcome"]
            name = f"{functions[function]}.{what}"
            size[name].append(len(line.encode()))
            if "micros" in said or "acquire_ms" in said:
                took[name].append(milliseconds(said))
    save(
        log_bytes={name: round(statistics.mean(sizes)) for name, sizes in size.items()},
        milliseconds={name: round(statistics.median(times), 1) for name, times in took.items()},
    )


def save(**measured: dict[str, float]) -> None:
    """Keeps what another run has measured."""
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for what, numbers in measured.items():
        result[what] = dict(sorted({**result.get(what, {}), **numbers}.items()))
    text = json.dumps(result, indent=2) + "\n"
    RESULT.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
