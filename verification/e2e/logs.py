"""The functions' log lines, and the metrics that CloudWatch reads from them."""

import json
import pathlib
import time
from collections import Counter
from typing import Any

from stack import POOL, STACK

COUNTER, QUERY, ROTATE = STACK["counterFunction"], STACK["queryFunction"], STACK["rotateFunction"]
UNITS = {"Count", "Milliseconds", "Percent"}


def lines(function: str) -> list[dict[str, Any]]:
    """All log lines of a function's instances, by time. Every line is one JSON object."""
    folder = pathlib.Path(STACK["logs"]) / function
    texts = [line for path in folder.rglob("*.log") for line in path.read_text().splitlines()]
    return sorted(map(json.loads, texts), key=lambda line: line["timestamp"])


def values(line: dict[str, Any]) -> dict[str, float]:
    """The metrics that CloudWatch reads from a line. Raises AssertionError for a line it would ignore.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    if "_aws" not in line:
        return {}
    assert line["_aws"].keys() == {"Timestamp", "CloudWatchMetrics"}, line
    assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 24 * 3600, line
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}, line
    assert directive["Namespace"] == "rds-admission", line
    assert directive["Dimensions"] == [["Pool"]], line
    assert isinstance(line["Pool"], str), line
    assert 0 < len(directive["Metrics"]) <= 100, line
    for metric in directive["Metrics"]:
        assert metric.keys() == {"Name", "Unit"} and metric["Unit"] in UNITS, line
        value = line[metric["Name"]]
        assert isinstance(value, (int, float)) and not isinstance(value, bool), line
    return {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}


def measured(function: str) -> list[dict[str, float]]:
    """The pool's metrics in each of the function's log lines."""
    return [values(line) for line in lines(function) if line.get("Pool") == POOL]


class Sums(Counter[str]):
    """The sum of each metric that counts; for the others, the number of values."""

    GAUGES = ("DecisionLatency", "SlotsInUse", "PoolSize", "SlotUtilisation", "SlotHoldTime")

    @classmethod
    def now(cls) -> "Sums":
        return cls.of(measured(COUNTER) + measured(QUERY))

    @classmethod
    def of(cls, measured: list[dict[str, float]]) -> "Sums":
        sums = cls()
        for line in measured:
            for name, value in line.items():
                sums[name] += 1 if name in cls.GAUGES else int(value)
        return sums
