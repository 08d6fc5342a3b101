"""What a page has to show, worked out from its report alone."""

import datetime
import math
import re
import unittest
from collections.abc import Iterator
from typing import Any, NamedTuple

# Units, in that of the report's key.
MILLISECONDS = {"ms": 1, "s": 1000}
SECONDS = {"s": 1, "min": 60}
SHARE = {"%": 0.01}
BYTES = {"GiB": 2**30}
SHARES = "mean", "minUtilisation"
NUMBER = re.compile(r"(-?\d{1,3}(?:,\d{3})*|-?\d+)(\.\d+)?(?:\u202f(\w+|%))?")
# What charts show instead.
DRAWN = re.compile(r"\.(timeline\.(offered|admitted|rejected|broken)|samples\.\w+|distribution)\.\d+\b")


def at(report: Any, path: str) -> Any:
    for key in path.split("."):
        if report is None:
            return None
        report = report[int(key)] if isinstance(report, list) else report[key]
    return report


def leaves(part: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict | list):
        pairs = part.items() if isinstance(part, dict) else enumerate(part)
        for key, inner in pairs:
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, part


def numbers_and_texts(report: Any) -> set[str]:
    """The paths of all that has to be in a cell."""
    return {
        path
        for path, value in leaves(report)
        if isinstance(value, int | float | str)
        and not isinstance(value, bool)
        and not DRAWN.search(path)
    } | {"verdict.pass"}


def units(path: str) -> dict[str | None, float]:
    key = path.rsplit(".", 1)[-1]
    if key.endswith("Ms"):
        return MILLISECONDS
    if key.lower().endswith("seconds"):
        return SECONDS
    if key in SHARES:
        return SHARE
    return BYTES if key.endswith("Bytes") else {None: 1}


def check_cell(test: unittest.TestCase, report: Any, path: str, text: str) -> None:
    value = at(report, path)
    if value is None or value == "":
        test.assertEqual(text, "–", path)
    elif path == "verdict.pass":
        test.assertEqual(text, "PASS" if value else "FAIL")
    elif isinstance(value, bool):
        test.assertEqual(text, "yes" if value else "no", path)
    elif isinstance(value, str):
        words = re.sub("[A-Z]", lambda capital: f" {capital[0].lower()}", value)
        test.assertIn(text, (value, words), path)
    elif path.endswith("startedAt"):
        date = datetime.datetime.fromtimestamp(value, datetime.UTC)
        test.assertEqual(text, f"{date:%Y-%m-%d %H:%M:%S} UTC", path)
    else:
        check_number(test, path, text, value)


def check_number(test: unittest.TestCase, path: str, text: str, value: float) -> None:
    parts = NUMBER.fullmatch(text)
    test.assertIsNotNone(parts, f"{path}: {text}")
    whole, fraction, unit = parts.groups()
    fraction = fraction or ""
    scale = units(path).get(unit)
    test.assertIsNotNone(scale, f"{path}: {text} in {unit}")
    digits = whole.replace(",", "") + fraction
    if isinstance(value, int) and unit is None:
        test.assertEqual(int(digits), value, path)
        return
    # Half of the last digit, and what a double can't tell apart.
    half = 0.5 * 10.0 ** -max(0, len(fraction) - 1)
    off = value / scale - float(digits)
    if unit == "%":
        # A share is never rounded up.
        test.assertTrue(-1e-9 < off < 2 * half, f"{path}: {text} for {value}")
        return
    off = abs(off)
    test.assertLessEqual(off, half * (1 + 1e-9), f"{path}: {text} for {value}")
    # A number that is there is not rounded to few digits.
    shown = len(digits.lstrip("-0.").replace(".", ""))
    test.assertTrue(value == 0 or off == 0 or shown >= 3 or len(fraction) > 1, f"{path}: {text}")


class Chart(NamedTuple):
    x: list[float]
    lines: dict[str, list[float]]
    # Values and names of the lines across it.
    marks: list[list]


def charts(report: Any) -> dict[str, Chart]:
    """The charts that there have to be: those that there are numbers for."""
    found = {}
    for index, run in enumerate(report["runs"]):
        drawn = {
            "timeline": timeline(run["timeline"]),
            "connections": connections(run["server"]),
            "slots": slots(run["slots"]),
            "latency": latency(run),
        }
        found |= {f"{index}.{kind}": chart for kind, chart in drawn.items() if chart and chart.x}
    return found


def timeline(counts: dict) -> Chart:
    seconds = counts["bucketSeconds"]
    middles = [(stretch + 0.5) * seconds for stretch in range(len(counts["offered"]))]
    kinds = "offered", "admitted", "rejected", "broken"
    return Chart(middles, {kind: [n / seconds for n in counts[kind]] for kind in kinds}, [])


def connections(server: dict | None) -> Chart | None:
    if server is None:
        return None
    samples, limit = server["samples"], server["maxConnections"]
    lines = {"all": samples["used"]}
    if samples["service"]:
        lines["the service's"] = samples["service"]
    return Chart(samples["at"], lines, [[limit, f"max_connections {limit}"]])


def slots(pool: dict | None) -> Chart | None:
    if pool is None:
        return None
    samples = pool["samples"]
    lines = {"in use": samples["inUse"], "of them expired": samples["expired"]}
    marks = [[pool[key], f"{key} {pool[key]}"] for key in ("size", "standard")]
    return Chart(samples["at"], lines, marks)


def latency(run: dict) -> Chart | None:
    found = {
        kind: run[kind]["latency"]["distribution"]
        for kind in ("admitted", "rejected", "broken")
        if run[kind]["latency"]
    }
    if not found:
        return None
    points = next(iter(found.values()))
    ranks = [1 / (1 - point["share"]) for point in points]
    assert math.isclose(max(ranks), 1000)
    return Chart(ranks, {kind: [p["ms"] for p in points] for kind, points in found.items()}, [])
