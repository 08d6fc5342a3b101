#!/usr/bin/env python3
"""The release latencies before, in and after the spike of a load test, from the query's log lines. Passes if every slot
was released, and in the spike fast enough. Usage: releases.py STACK.json REPORT.json"""

import json
import math
import pathlib
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

# The limit of the p99 as a share of the hold. Until it is released, a slot is missing for the next request.
SHARE_OF_HOLD = 0.1


class Release(NamedTuple):
    """A release of a slot, or an attempt."""

    at: float
    ms: int
    succeeded: bool


def releases(logs: pathlib.Path, since: float) -> Iterator[Release]:
    """The releases in the logs of a function's instances since `since`."""
    for log in logs.glob("*.log"):
        for entry in map(json.loads, log.read_text().splitlines()):
            at = datetime.fromisoformat(entry["timestamp"]).timestamp()
            if at >= since and "release_ms" in entry:
                yield Release(at, entry["release_ms"], entry["given_back"] == "released")


def by_phase(found: list[Release], start: float, duration: float) -> dict[str, list[int]]:
    """The sorted latencies of each third of the load."""
    ends = {"before": start + duration / 3, "in": start + 2 * duration / 3, "after": math.inf}
    times: dict[str, list[int]] = {phase: [] for phase in ends}
    for release in found:
        phase = next(phase for phase, end in ends.items() if release.at < end)
        times[phase].append(release.ms)
    return {phase: sorted(taken) for phase, taken in times.items()}


def quantile(times: list[int], share: float) -> int:
    """The quantile of sorted `times`."""
    return times[max(0, math.ceil(share * len(times)) - 1)]


def shortcomings(in_spike: list[int], failed: int, limit: float) -> Iterator[str]:
    """Why the spike fails."""
    if failed:
        yield f"not released: {failed}"
    if not in_spike:
        yield "no slot was released in the spike"
    elif (p99 := quantile(in_spike, 0.99)) > limit:
        yield f"in the spike, p99 is {p99} ms"


def table(times: dict[str, list[int]]) -> str:
    lines = ["slots released     count   p50 ms   p99 ms   max ms"]
    for phase, taken in times.items():
        if taken:
            numbers = (len(taken), quantile(taken, 0.5), quantile(taken, 0.99), taken[-1])
            lines.append(f"{phase + ' the spike':16}" + "".join(f"{number:9}" for number in numbers))
    return "\n".join(lines)


def load(file: str) -> dict[str, Any]:
    return json.loads(pathlib.Path(file).read_text())


def main(stack_file: str, report_file: str) -> int:
    stack, report = load(stack_file), load(report_file)
    start, settings = report["runs"][-1]["startedAt"], report["settings"]
    found = list(releases(pathlib.Path(stack["logs"]) / stack["queryFunction"], start))
    times = by_phase(found, start, settings["durationSeconds"])
    failed = sum(not release.succeeded for release in found)
    limit = 1000 * settings["holdSeconds"] * SHARE_OF_HOLD
    print(f"\n{table(times)}\nnot released: {failed}")
    print(f"Limits: 0, and in the spike a p99 of {limit:.0f} ms at the most, {SHARE_OF_HOLD:.0%} of the hold.")
    reasons = list(shortcomings(times["in"], failed, limit))
    print(f"RELEASES: FAIL: {'; '.join(reasons)}" if reasons else "RELEASES: PASS")
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
