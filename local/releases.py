#!/usr/bin/env python3
"""How long it took to give slots back before, in and after the spike of a load test: from the query's
own log lines. Usage: releases.py STACK.json REPORT.json"""

import json
import math
import pathlib
import sys
from datetime import datetime


def quantile(times: list[int], share: float) -> int:
    """The time that so large a share of sorted `times` does not exceed."""
    return times[max(0, math.ceil(share * len(times)) - 1)]


def main(stack_file: str, report_file: str) -> int:
    stack = json.loads(pathlib.Path(stack_file).read_text())
    report = json.loads(pathlib.Path(report_file).read_text())
    start = report["runs"][-1]["startedAt"]
    third = report["settings"]["durationSeconds"] / 3
    ends = {"before": start + third, "in": start + 2 * third, "after": math.inf}
    times: dict[str, list[int]] = {phase: [] for phase in ends}
    failed = 0
    for log in (pathlib.Path(stack["logs"]) / stack["queryFunction"]).glob("*.log"):
        for entry in map(json.loads, log.read_text().splitlines()):
            at = datetime.fromisoformat(entry["timestamp"]).timestamp()
            if at < start or "release_ms" not in entry:
                continue
            failed += entry["given_back"] != "released"
            phase = next(phase for phase, end in ends.items() if at < end)
            times[phase].append(entry["release_ms"])
    print("\nslots given back   count   p50 ms   p99 ms   max ms")
    for phase, taken in times.items():
        if taken:
            taken.sort()
            numbers = (len(taken), quantile(taken, 0.5), quantile(taken, 0.99), taken[-1])
            print(f"{phase + ' the spike':16}" + "".join(f"{number:9}" for number in numbers))
    print(f"not given back: {failed}")
    return 1 if failed or not times["in"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
