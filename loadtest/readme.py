#!/usr/bin/env python3
"""Copies the report of a demonstration into docs/loadtest, and writes the README's table from it.

    make screenshots                  runs the demonstration, takes the pictures, and writes all of them
    loadtest/readme.py REPORT.json    copies this report and writes the table"""

import json
import math
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any

PROJECT = pathlib.Path(__file__).parents[1]
README = PROJECT / "README.md"
KEPT = PROJECT / "docs/loadtest/report.json"
PLACE = re.compile(r"(<!-- demo -->\n).*?(<!-- /demo -->)", re.DOTALL)

Run = dict[str, Any]


def whole(count: int) -> str:
    return f"{count:,}"


def time(ms: float) -> str:
    return f"{ms / 1000:.2f} s" if ms >= 1000 else f"{ms:.0f} ms"


def connections(run: Run) -> str:
    server = run["server"]
    spare = " (with the spare one)" if server["peakUsed"] > server["maxConnections"] else ""
    return f"{server['peakUsed']}{spare}"


def utilisation(run: Run) -> str:
    """Rounded down."""
    seen = run["slots"]["utilisation"]
    return f"{math.floor(1000 * seen['mean']) / 10:.1f} %" if seen else ""


def latency(answers: dict[str, Any]) -> str:
    seen = answers["latency"]
    return f"{time(seen['p50Ms'])}, {time(seen['p99Ms'])}" if seen else ""


def rows(max_connections: int) -> dict[str, Callable[[Run], str]]:
    return {
        "offered": lambda run: whole(run["offered"]),
        "admitted": lambda run: whole(run["admitted"]["count"]),
        "rejected (503 with `Retry-After`)": lambda run: whole(run["rejected"]["count"]),
        "broken": lambda run: whole(run["broken"]["count"]),
        "refused by the server (1040)": lambda run: whole(run["refused"]),
        f"most connections in use, of {max_connections}": connections,
        "slots in use while callers were rejected": utilisation,
        "time of a rejection: p50, p99": lambda run: latency(run["rejected"]),
    }


def table(report: dict[str, Any]) -> str:
    """The setup and the results of the demonstration."""
    runs, settings = report["runs"], report["settings"]
    if [run["admission"] for run in runs] != ["bypassed", "on"]:
        raise ValueError("this is not the report of a demonstration: it has no two runs to compare")
    last = runs[-1]
    head = (
        f"`make demo` on a machine of {report['machine']['processors']} cores: {settings['users']} users for"
        f" {settings['durationSeconds']} s, {last['slots']['standard']} slots for queries of"
        f" {settings['holdSeconds']:g} s."
    )
    lines = ["| | without admission | with admission |", "|---|---|---|"]
    for label, value in rows(last["server"]["maxConnections"]).items():
        lines.append(f"| {label} |" + "|".join(f" {value(run)} ".replace("  ", " ") for run in runs) + "|")
    return "\n".join([head, "", *lines])


def written(page: str, report: dict[str, Any]) -> str:
    """The page with the table of this report between its markers."""
    page, places = PLACE.subn(lambda found: f"{found[1]}{table(report)}\n{found[2]}", page)
    if places != 1:
        raise ValueError(f"the page has {places} places for the demonstration's table")
    return page


def main(report: str) -> None:
    text = pathlib.Path(report).read_text()
    page = written(README.read_text(), json.loads(text))
    KEPT.write_text(text)
    README.write_text(page)


if __name__ == "__main__":
    main(*sys.argv[1:])
