"""Costs of admission, networks, databases and RDS Proxy, in dollars."""

from typing import NamedTuple

import inputs
import prices

MILLION = 1_000_000
ROWS = ("DynamoDB", "Lambda: requests", "Lambda: time", "CloudWatch: logs", "CloudWatch: calls", "Secrets Manager")

PLAIN = "the same, every rejection a write"
"""Differs from the counter only in the cost of a rejection."""

Costs = dict[str, float]
"""Dollars per million requests, by row."""


class Way(NamedTuple):
    """A way to admission, with its costs."""

    name: str
    admitted: Costs
    rejected: Costs

    @property
    def dollars_admitted(self) -> float:
        return sum(self.admitted.values())

    @property
    def dollars_rejected(self) -> float:
        return sum(self.rejected.values())


def dynamodb(writes: float = 0, reads: float = 0) -> float:
    return MILLION * (writes * prices.WRITE_UNIT.dollars + reads * prices.READ_UNIT.dollars)


def duration(milliseconds: float, memory_gb: float = inputs.MEMORY_GB) -> float:
    return MILLION * milliseconds / 1000 * memory_gb * prices.LAMBDA_GB_SECOND.dollars


def requests(count: float) -> float:
    return MILLION * count * prices.LAMBDA_REQUEST.dollars


def logs(size: float) -> float:
    # AWS counts 1,024³ bytes to a GB.
    return MILLION * size / 2**30 * prices.LOG_GB.dollars


def by_counter(name: str, rejected: Costs, milliseconds: float) -> Way:
    """The costs through the counter. The query is billed while it waits, so the counter's time counts twice."""
    decision = inputs.WRITE_MS + inputs.OWN_MS
    return Way(
        name,
        admitted={
            "DynamoDB": dynamodb(writes=inputs.WRITES_ADMITTED),
            "Lambda: requests": requests(2),
            "Lambda: time": 2 * duration(2 * decision + inputs.INVOKE_MS),
            "CloudWatch: logs": logs(
                inputs.invocation("counter.granted")
                + inputs.invocation("counter.released")
                + inputs.lines("query.counted")
            ),
        },
        rejected={
            **rejected,
            "Lambda: requests": requests(1),
            "Lambda: time": duration(2 * milliseconds + inputs.INVOKE_MS),
            "CloudWatch: logs": logs(inputs.invocation("counter.full") + inputs.lines("query.no-slot")),
        },
    )


def ways() -> list[Way]:
    peeking = inputs.peeking(inputs.READS_REJECTED)
    peeking_direct = inputs.peeking(inputs.READS_REJECTED_DIRECT)
    counter = by_counter(
        "through the counter",
        {"DynamoDB": dynamodb(reads=inputs.READS_REJECTED)},
        peeking * inputs.PEEK_MS + inputs.OWN_MS,
    )
    plain = by_counter(
        PLAIN,
        {"DynamoDB": dynamodb(writes=inputs.WRITES_REJECTED_PLAIN)},
        inputs.WRITE_MS + inputs.OWN_MS,
    )
    direct = Way(
        "direct mode",
        admitted={
            "DynamoDB": dynamodb(writes=inputs.WRITES_ADMITTED),
            "Lambda: time": 2 * duration(inputs.WRITE_MS + inputs.OWN_MS),
            "CloudWatch: logs": logs(inputs.lines("direct.counted")),
        },
        rejected={
            "DynamoDB": dynamodb(reads=inputs.READS_REJECTED_DIRECT),
            "Lambda: time": duration(peeking_direct * inputs.PEEK_MS + inputs.OWN_MS),
            "CloudWatch: logs": logs(inputs.lines("direct.no-slot")),
        },
    )
    return [counter, plain, direct, sample()]


def sample() -> Way:
    """The article's sample. Its own log lines are left out, in its favour."""
    # The counter's time is billed twice: for the counter and for its waiting caller.
    invoke = 2 * inputs.SAMPLE_COUNTER_MS + inputs.INVOKE_MS
    call = prices.PUT_METRIC_DATA.dollars * MILLION
    return Way(
        "the article's sample",
        admitted={
            "DynamoDB": dynamodb(writes=inputs.SAMPLE_WRITES_ADMITTED),
            "Lambda: requests": requests(2),
            "Lambda: time": duration(2 * invoke + inputs.SAMPLE_SECRET_MS, inputs.SAMPLE_MEMORY_GB),
            "CloudWatch: logs": logs(2 * inputs.invocation()),
            "CloudWatch: calls": inputs.SAMPLE_METRIC_CALLS_ADMITTED * call,
            "Secrets Manager": inputs.SAMPLE_SECRET_CALLS * prices.SECRET_CALL.dollars * MILLION,
        },
        rejected={
            "DynamoDB": dynamodb(writes=inputs.SAMPLE_WRITES_REJECTED),
            "Lambda: requests": requests(1),
            "Lambda: time": duration(invoke, inputs.SAMPLE_MEMORY_GB),
            "CloudWatch: logs": logs(inputs.invocation()),
            "CloudWatch: calls": inputs.SAMPLE_METRIC_CALLS_REJECTED * call,
        },
    )


# ---- Monthly --------------------------------------------------------------------------------


def sweeps() -> float:
    """Dollars per month."""
    per_million = (
        requests(1)
        + duration(inputs.PEEK_MS + inputs.OWN_MS)
        + dynamodb(reads=inputs.READS_SWEEP)
        + logs(inputs.invocation("counter.sweep"))
    )
    return inputs.SWEEPS / MILLION * per_million


def watching() -> Costs:
    return {
        f"{inputs.METRICS} metrics, at the most": inputs.METRICS * prices.METRIC_MONTH.dollars,
        f"{inputs.ALARMS} alarms": inputs.ALARMS * prices.ALARM_MONTH.dollars,
        "the dashboard": inputs.DASHBOARDS * prices.DASHBOARD_MONTH.dollars,
        "the sweep, every minute": sweeps(),
    }


def endpoints(count: int) -> float:
    return count * inputs.ZONES * inputs.HOURS * prices.ENDPOINT_HOUR.dollars


def nat(count: int) -> float:
    return count * inputs.HOURS * (prices.NAT_HOUR.dollars + prices.IPV4_HOUR.dollars)


def networks() -> dict[str, tuple[str, float]]:
    """By name: the parameters, and dollars per month."""
    zones = inputs.ZONES
    return {
        "interface endpoints, through the counter": ("`Network=endpoints` (default)", endpoints(2)),
        "interface endpoint, direct mode": ("`Network=endpoints AdmissionVia=table`", endpoints(1)),
        "egress-only gateway": ("`Network=egress-only`", 0.0),
        "gateway endpoints (DynamoDB, S3)": ("always there", 0.0),
        "a NAT gateway in one zone": ("not in the template", nat(1)),
        f"a NAT gateway in each of {zones} zones": ("not in the template", nat(zones)),
        "no VPC, or one that has its endpoints": ("`ExistingSecretArn`", 0.0),
    }


class Database(NamedTuple):
    """Dollars per month for a created database."""

    hours: float
    storage: float
    extended_support: float

    @property
    def together(self) -> float:
        return self.hours + self.storage + self.extended_support


def database(name: str, mysql: str) -> Database:
    """The cost of a class with this version of MySQL."""
    extended = inputs.VCPUS[name] * inputs.HOURS * prices.EXTENDED_SUPPORT_VCPU_HOUR.dollars
    return Database(
        hours=inputs.HOURS * prices.DATABASE_HOUR[name].dollars,
        storage=inputs.STORAGE_GB * prices.STORAGE_GB_MONTH.dollars,
        extended_support=extended if mysql in inputs.EXTENDED_SUPPORT else 0.0,
    )


def proxy() -> float:
    return inputs.PROXY_VCPUS * inputs.HOURS * prices.PROXY_VCPU_HOUR.dollars
