"""Inputs of the cost model, each with its source: measured, simulated, documented or assumed.

To replace one by a measurement, change it here and run `page.py`."""

import json
import pathlib

MEASURED = json.loads((pathlib.Path(__file__).parent / "measured.json").read_text())
BYTES: dict[str, int] = MEASURED["log_bytes"]

HOURS = 730
"""Hours of a month, as in AWS's examples."""

# ---- DynamoDB ------------------------------------------------------------------------------------

WRITES_ADMITTED = 2.0
"""Write units of an acquire and a release, for an item below 1 KB; measured by shared/tests/store."""
READS_REJECTED = 0.35
"""Read units per rejection in the counter, simulated at ten times the capacity (docs/simulation.md, the reference).
A write counts as five reads, as it is priced."""
READS_REJECTED_DIRECT = 0.50
"""The same in direct mode (60 slots, 1 s, any of 1,000 containers), where each container has a cache of its own."""
WRITES_REJECTED_PLAIN = 1.0
"""Write units without cached rejections: every rejection is a failed conditional write."""
READS_SWEEP = 1.0
"""Read units of a sweep without expired leases."""

# ---- Lambda --------------------------------------------------------------------------------------

MEMORY_GB = 0.25
"""Memory of each function (template.yaml)."""
WRITE_MS, PEEK_MS, INVOKE_MS = 6.0, 4.0, 12.0
"""Assumed times of a write, of an eventually consistent read, and of an invoke without the function's own time: the
medians of docs/simulation.md."""
OWN_MS = 1.0
"""Assumed processing time of a decision; Lambda bills whole milliseconds."""


def peeking(reads: float) -> float:
    """The share of rejections that read the table, one eventually consistent read each; the others come from the
    cache."""
    return min(1.0, reads / 0.5)


# ---- Logs ----------------------------------------------------------------------------------------

EVENT_BYTES = 26
"""Bytes that CloudWatch adds to each log event
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html)."""
_ID = "6bc28136-xmpl-4365-b021-0ce6b2e64ab0"
PLATFORM_LINES = (
    f"START RequestId: {_ID} Version: $LATEST\n",
    f"END RequestId: {_ID}\n",
    f"REPORT RequestId: {_ID}\tDuration: 6.12 ms\tBilled Duration: 7 ms\tMemory Size: 256 MB\t"
    "Max Memory Used: 40 MB\t\n",
)
"""Lambda's own log lines for each invocation
(https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html)."""


def lines(*names: str) -> float:
    """Bytes of a function's own lines, by the names in measured.json."""
    return sum(BYTES[name] + EVENT_BYTES for name in names)


def invocation(*names: str) -> float:
    """Bytes of an invocation with these lines."""
    return sum(len(line) + EVENT_BYTES for line in PLATFORM_LINES) + lines(*names)


# ---- Monthly --------------------------------------------------------------------------------

METRICS, ALARMS, DASHBOARDS = 19, 16, 1
"""For a stack with one pool (docs/metrics.md)."""
SWEEPS = HOURS * 60
ZONES = 2
"""Zones of the created VPC, each with the interface endpoints."""
PROXY_VCPUS = 2
"""The minimum that RDS Proxy charges for; also the vCPUs of a db.t4g.micro."""
STORAGE_GB = 20
"""Storage of a created database (template.yaml)."""
VCPUS = {"db.t4g.micro": 2, "db.t3.micro": 2, "db.t2.micro": 1}
"""vCPUs of the template's classes
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html)."""
EXTENDED_SUPPORT = {"8.0"}
"""Versions of MySQL after standard support by RDS, which ended on 31 July 2026 for 8.0."""

# ---- The article's sample ------------------------------------------------------------------------

SAMPLE_WRITES_ADMITTED, SAMPLE_WRITES_REJECTED = 2.0, 1.0
SAMPLE_METRIC_CALLS_ADMITTED, SAMPLE_METRIC_CALLS_REJECTED = 2.0, 1.0
SAMPLE_SECRET_CALLS = 1.0
"""Counted in its code: an admitted request makes 2 writes, 2 PutMetricData, 1 GetSecretValue and 2
invokes; a rejected one 1, 1, 0 and 1."""
SAMPLE_MEMORY_GB = 0.125
"""Lambda's default, which its template keeps."""
SAMPLE_COUNTER_MS = 40.0
"""Assumed time of its counter: one request to DynamoDB, one to CloudWatch, and Python."""
SAMPLE_SECRET_MS = 15.0
"""Assumed time of its GetSecretValue."""
SAMPLE_METRICS = 2
