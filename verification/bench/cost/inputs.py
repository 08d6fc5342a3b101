"""What a request does, as numbers: measured, simulated, documented or assumed, and which of these.

To replace one by a measurement, change it here and run `page.py`."""

import json
import pathlib

MEASURED = json.loads((pathlib.Path(__file__).parent / "measured.json").read_text())
BYTES: dict[str, int] = MEASURED["log_bytes"]

HOURS = 730
"""Of a month, as AWS counts them in its own examples."""

# ---- DynamoDB ------------------------------------------------------------------------------------

WRITES_ADMITTED = 2.0
"""Write units: an acquire and a release, of an item below 1 KB. shared/tests/store measures it."""
READS_REJECTED = 0.32
"""Read units by the rule for cheap rejections in the counter, simulated with an overload of ten times
(docs/simulation.md, the reference), a write counted as five reads, as it is priced."""
READS_REJECTED_DIRECT = 0.47
"""The same where each query container decides for itself (60 slots, 1 s, any of 1,000 containers): one
knows less than a counter that is asked all the time."""
WRITES_REJECTED_PLAIN = 1.0
"""Write units without that rule: every refusal is a failed conditional write."""
READS_SWEEP = 1.0
"""Read units of a sweep that finds nothing."""

# ---- Lambda --------------------------------------------------------------------------------------

MEMORY_GB = 0.25
"""Of each function (template.yaml)."""
WRITE_MS, LOOK_MS, INVOKE_MS = 6.0, 4.0, 12.0
"""Assumed of a write, of an eventually consistent read, and of the way to another function and back
without its own time: the medians of docs/simulation.md."""
OWN_MS = 1.0
"""Assumed of a function's own work on a decision; Lambda bills whole milliseconds."""


def looking(reads: float) -> float:
    """The share of refusals that ask the table, if each of them makes one eventually consistent read;
    the rest are refused from memory."""
    return min(1.0, reads / 0.5)


# ---- Logs ----------------------------------------------------------------------------------------

EVENT_BYTES = 26
"""CloudWatch adds these to each log event
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html)."""
_ID = "6bc28136-xmpl-4365-b021-0ce6b2e64ab0"
PLATFORM_LINES = (
    f"START RequestId: {_ID} Version: $LATEST\n",
    f"END RequestId: {_ID}\n",
    f"REPORT RequestId: {_ID}\tDuration: 6.12 ms\tBilled Duration: 7 ms\tMemory Size: 256 MB\t"
    "Max Memory Used: 40 MB\t\n",
)
"""What Lambda itself logs of each invocation
(https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html)."""


def lines(*names: str) -> float:
    """Bytes of a function's own lines, by measured.json's names."""
    return sum(BYTES[name] + EVENT_BYTES for name in names)


def invocation(*names: str) -> float:
    """Bytes of an invocation with these lines."""
    return sum(len(line) + EVENT_BYTES for line in PLATFORM_LINES) + lines(*names)


# ---- By the month --------------------------------------------------------------------------------

METRICS, ALARMS, DASHBOARDS = 19, 16, 1
"""Of a stack with one pool (docs/metrics.md)."""
SWEEPS = HOURS * 60
ZONES = 2
"""Of the created VPC, in which each interface endpoint stands."""
PROXY_VCPUS = 2
"""What RDS Proxy charges for at the least, and what a db.t4g.micro has."""
STORAGE_GB = 20
"""Of a created database (template.yaml)."""
VCPUS = {"db.t4g.micro": 2, "db.t3.micro": 2, "db.t2.micro": 1}
"""Of the template's classes
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html)."""
EXTENDED_SUPPORT = {"8.0"}
"""Versions of MySQL whose standard support by RDS is over: that of 8.0 ended on 31 July 2026."""

# ---- The article's sample ------------------------------------------------------------------------

SAMPLE_WRITES_ADMITTED, SAMPLE_WRITES_REJECTED = 2.0, 1.0
SAMPLE_METRIC_CALLS_ADMITTED, SAMPLE_METRIC_CALLS_REJECTED = 2.0, 1.0
SAMPLE_SECRET_CALLS = 1.0
"""Counted with its code: an admitted request makes 2 writes, 2 PutMetricData, 1 GetSecretValue and 2
invokes; a rejected one 1, 1, 0 and 1."""
SAMPLE_MEMORY_GB = 0.125
"""Lambda's default, which its template leaves."""
SAMPLE_COUNTER_MS = 40.0
"""Assumed of its counter: one request to DynamoDB, one to CloudWatch, and Python."""
SAMPLE_SECRET_MS = 15.0
"""Assumed of its GetSecretValue."""
SAMPLE_METRICS = 2
