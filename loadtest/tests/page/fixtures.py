"""Makes the reports that the page is tested with: fixtures.py FOLDER. The numbers are drawn, always the
same ones; they look like those of a load test and add up as its numbers do."""

import json
import math
import pathlib
import random
import sys
from typing import Any

QUANTILES = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
QUANTILES += [0.95, 0.975, 0.99, 0.995, 0.9975, 0.998, 0.999]
STARTED = 1_764_000_000
HOSTILE = "</script><img src=x onerror=\"document.title='broken into'\"><!-- <script>"
RATES = "offered", "admitted", "rejected", "broken"


def latency(values: list[float]) -> dict[str, Any] | None:
    if not values:
        return None
    ordered = sorted(values)

    def at(share: float) -> float:
        return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3)

    return {
        "p50Ms": at(0.5),
        "p95Ms": at(0.95),
        "p99Ms": at(0.99),
        "p999Ms": at(0.999),
        "maxMs": round(ordered[-1], 3),
        "distribution": [{"share": share, "ms": at(share)} for share in QUANTILES],
    }


class Draw:
    """One run's numbers, drawn."""

    def __init__(self, seed: int, elapsed: float):
        self.random = random.Random(seed)
        self.elapsed = elapsed

    def class_of(self, count: int, median: float, spread: float, least: float = 0.0) -> dict:
        values = [
            least + self.random.lognormvariate(math.log(median), spread) for _ in range(count)
        ]
        return {
            "count": count,
            "perSecond": count / self.elapsed,
            "latency": latency(values),
        }

    def around(self, mean: float, spread: float = 0.08) -> int:
        return max(0, round(self.random.gauss(mean, mean * spread)))

    def samples(self, every: float) -> list[float]:
        """Moments from a little before the run to its end."""
        count = int((self.elapsed + 2 * every) / every)
        return [
            round((index - 2) * every + self.random.uniform(0, every / 9), 3)
            for index in range(count)
        ]


def run(admission: str, started: int, elapsed: float, timeline: dict, **parts: Any) -> dict:
    none = {"count": 0, "perSecond": 0.0, "latency": None}
    return {
        "admission": admission,
        "startedAt": started,
        "elapsedSeconds": elapsed,
        "interrupted": False,
        "offered": sum(timeline["offered"]),
        "admitted": none,
        "rejected": none | {"reasons": []},
        "broken": none | {"reasons": [], "examples": []},
        "refused": 0,
        "refusedCallers": 0,
        "clients": [],
        "notSent": [],
        "lateness": None,
        "timeline": timeline,
        "server": None,
        "serverFailure": None,
        "slots": None,
        "slotsFailure": None,
        "goose": None,
    } | parts


def reasons(**counts: int) -> list[dict]:
    return [
        {"reason": reason.replace("_", "-"), "count": count}
        for reason, count in sorted(counts.items(), key=lambda pair: -pair[1])
    ]


def without() -> dict:
    """The server refuses what is more than it can take."""
    draw = Draw(1, 32.284)
    offered = [draw.around(640) for _ in range(30)]
    admitted = [0, 0] + [draw.around(31, 0.1) for _ in range(30)] + [9]
    broken = [0] * 33
    for second, count in enumerate(offered):
        broken[second] = max(0, count - admitted[second] - (66 if second == 0 else 0))
    short = sum(offered) - sum(admitted) - sum(broken)
    broken[29] += short
    timeline = {
        "bucketSeconds": 1,
        "offered": offered + [0] * 3,
        "admitted": admitted,
        "rejected": [0] * 33,
        "broken": broken,
    }
    refused = sum(broken) - 41
    at = draw.samples(0.1)
    used = [
        3 if moment < 0.1 else 66 if moment < 30 else max(3, round(66 - (moment - 30) * 30))
        for moment in at
    ]
    return run(
        "bypassed",
        STARTED,
        draw.elapsed,
        timeline,
        admitted=draw.class_of(sum(admitted), 62, 0.5, 2000),
        broken=draw.class_of(sum(broken), 168, 0.7)
        | {
            "reasons": reasons(connection_refused_by_server=refused, out_of_time=41),
            "examples": [
                {
                    "reason": "connection-refused-by-server",
                    "detail": '{"type":"https://example.com/problems/connection-refused-by-server",'
                    '"title":"The database refused the connection","status":503,'
                    '"detail":"ERROR 1040 (08004): Too many connections"}',
                },
                {"reason": "out-of-time", "detail": '{"title":"Out of time","status":504}'},
            ],
        },
        refused=refused + 12,
        refusedCallers=refused,
        server={
            "version": "10.11.14-MariaDB-0+deb12u2",
            "maxConnections": 66,
            "maxUsedBefore": 4,
            "maxUsedAfter": 67,
            "peakThreads": 66,
            "peakService": 65,
            "peakUsed": 67,
            "peakIsSampled": False,
            "abortedConnects": refused + 12,
            "connectionErrorsMaxConnections": refused - 803,
            "samples": {"at": at, "used": used, "service": [max(0, n - 2) for n in used]},
        },
        slots={
            "pool": "Prod_MySQL",
            "size": 62,
            "standard": 60,
            "peak": 0,
            "utilisation": None,
            "samples": {
                "at": draw.samples(0.25),
                "inUse": [0] * len(draw.samples(0.25)),
                "expired": [0] * len(draw.samples(0.25)),
            },
        },
        goose="goose-1-bypassed.html",
    )


def within() -> dict:
    """The pool is full, and excess requests are rejected with `Retry-After`."""
    draw = Draw(2, 32.117)
    admitted = [0, 0] + [draw.around(29, 0.12) for _ in range(29)] + [24, 4]
    rejected = [138] + [draw.around(71, 0.14) for _ in range(29)] + [0] * 3
    offered = [admitted[second] + rejected[second] for second in range(30)] + [0] * 3
    offered[0] += 28
    timeline = {
        "bucketSeconds": 1,
        "offered": offered,
        "admitted": admitted,
        "rejected": rejected,
        "broken": [0] * 33,
    }
    admitted[2] += sum(offered) - sum(admitted) - sum(rejected)

    def busy(moment: float) -> int:
        if moment < 0.3:
            return 0
        if moment > 30:
            return max(0, round(60 - (moment - 30) * 29))
        return 60 if draw.random.random() < 0.8 else draw.random.choice([58, 59, 59])

    slots_at, server_at = draw.samples(0.25), draw.samples(0.1)
    in_use = [busy(moment) for moment in slots_at]
    service = [max(0, busy(moment) - draw.random.choice([0, 0, 1, 2])) for moment in server_at]
    rejections = sum(rejected)
    patient, impatient = rejections // 4, rejections - rejections // 4
    half = sum(admitted) // 2
    return run(
        "on",
        STARTED + 47,
        draw.elapsed,
        timeline,
        admitted=draw.class_of(sum(admitted), 71, 0.45, 2000),
        rejected=draw.class_of(rejections, 14, 0.55)
        | {"reasons": reasons(no_slot=rejections - 37, throttled=37)},
        clients=[
            {
                "honourRetryAfter": True,
                "users": 100,
                "admitted": draw.class_of(half, 71, 0.45, 2000),
                "rejected": draw.class_of(patient, 14, 0.55),
                "broken": draw.class_of(0, 1, 1),
            },
            {
                "honourRetryAfter": False,
                "users": 100,
                "admitted": draw.class_of(sum(admitted) - half, 71, 0.45, 2000),
                "rejected": draw.class_of(impatient, 14, 0.55),
                "broken": draw.class_of(0, 1, 1),
            },
        ],
        server={
            "version": "10.11.14-MariaDB-0+deb12u2",
            "maxConnections": 66,
            "maxUsedBefore": 67,
            "maxUsedAfter": 67,
            "peakThreads": 63,
            "peakService": 60,
            "peakUsed": 63,
            "peakIsSampled": True,
            "abortedConnects": 0,
            "connectionErrorsMaxConnections": 0,
            "samples": {"at": server_at, "used": [n + 3 for n in service], "service": service},
        },
        slots={
            "pool": "Prod_MySQL",
            "size": 62,
            "standard": 60,
            "peak": 60,
            "utilisation": {"mean": 0.98728, "samples": 116, "seconds": 29},
            "samples": {
                "at": slots_at,
                "inUse": in_use,
                "expired": [1 if 12 < moment < 14 else 0 for moment in slots_at],
            },
        },
        goose="goose-2-on.html",
    )


def deployed() -> dict:
    """A deployment on AWS whose database and table are out of reach."""
    draw = Draw(3, 601.73)
    offered, admitted, rejected, broken = [], [], [], []
    for stretch in range(60):
        height = 1 if 20 <= stretch < 40 else 0.05
        came = draw.around(10 * 120 * height)
        served = min(came, draw.around(300, 0.03))
        failed = 1 if stretch in (23, 31) else 0
        offered.append(came)
        admitted.append(served - failed)
        broken.append(failed)
        rejected.append(came - served)
    admitted.append(0)
    rejected.append(0)
    broken.append(0)
    offered.append(0)
    timeline = {
        "bucketSeconds": 10,
        "offered": offered,
        "admitted": admitted,
        "rejected": rejected,
        "broken": broken,
    }
    count = sum(rejected)
    return run(
        "asDeployed",
        STARTED,
        draw.elapsed,
        timeline,
        admitted=draw.class_of(sum(admitted), 94, 0.4, 180),
        rejected=draw.class_of(count, 41, 0.6)
        | {"reasons": reasons(no_slot=count - 211, throttled=211)},
        broken=draw.class_of(sum(broken), 29_300, 0.001)
        | {
            "reasons": reasons(**{"504: Endpoint request timed out": 2}),
            "examples": [
                {
                    "reason": "504: Endpoint request timed out",
                    "detail": '{"message":"Endpoint request timed out"}',
                }
            ],
        },
        lateness={"maxMs": 212.35, "late": 17, "unsent": 143},
    )


def deployment(**variables: str) -> dict:
    return {
        "queryFunction": "rds-admission-query",
        "codeSha256": "k4uIbCWdmFvbJ0aYxGRZHxUOj4cRLWJk0wPUqlhH3aI=",
        "lastModified": "2025-11-24T15:20:11.000+0000",
        "variables": variables,
        "variablesFailure": None,
    }


def report(verdict: dict, runs: list[dict], **parts: Any) -> dict:
    return {
        "schema": 2,
        "version": "0.1.0",
        "url": "http://127.0.0.1:42123/restapis/ab12cd34ef/prod/_user_request_/employees",
        "startedAt": STARTED,
        "gooseVersion": "0.19.0",
        "machine": {
            "system": "Linux 12 Debian",
            "kernel": "6.12.48",
            "processor": "Intel(R) Xeon(R) Processor @ 2.70GHz",
            "processors": 2,
            "memoryBytes": 8_337_158_144,
        },
        "deployment": deployment(
            ADMISSION="on",
            ADMISSION_VIA="counter",
            HOLD_SECONDS="0",
            SLOT_WAIT_MS="0",
            WARM_BELOW="0.7",
            WARM_SLOT_SECONDS="0",
        ),
        "settings": {
            "shape": "storm",
            "arrival": {"kind": "closed"},
            "users": 200,
            "durationSeconds": 30,
            "timeoutSeconds": 35,
            "holdSeconds": 2.0,
            "retries": "mixed",
        },
        "thresholds": {
            "maxBroken": 0,
            "maxRefused": 0,
            "minAdmitted": 600,
            "minUtilisation": 0.95,
            "maxRejectionP99Ms": 2000.0,
        },
        "runs": runs,
        "verdict": verdict,
    } | parts


def comparison() -> dict:
    return report(
        {
            "pass": True,
            "reasons": [],
            "notes": [
                "The server's record of 67 connections is from before the run; its peak is from samples."
            ],
        },
        [without(), within()],
    )


def aws() -> dict:
    return report(
        {
            "pass": False,
            "reasons": ["2 answers broke, and at most 0 may"],
            "notes": [
                "No database was given: what it refused is known from its callers alone.",
                "17 requests were sent more than 100 ms late.",
                "143 requests were due and never sent, for want of a free user.",
            ],
        },
        [deployed()],
        deployment=deployment(ADMISSION="on", HOLD_SECONDS="0.25"),
        url="https://ab12cd34ef.execute-api.eu-central-1.amazonaws.com/prod/employees",
        settings={
            "shape": "spike",
            # More digits than a double holds.
            "arrival": {"kind": "open", "perSecond": 120.0, "seed": 17_446_744_073_709_551_557},
            "users": 1500,
            "durationSeconds": 600,
            "timeoutSeconds": 35,
            "holdSeconds": None,
            "retries": "none",
        },
        thresholds={
            "maxBroken": 0,
            "maxRefused": 0,
            "minAdmitted": 0,
            "minUtilisation": None,
            "maxRejectionP99Ms": None,
        },
    )


def hostile() -> dict:
    """What others can put into a report, and as little else as there can be."""
    idle = {"bucketSeconds": 1} | {rate: [] for rate in RATES}
    reasons = [{"reason": HOSTILE, "count": 1}, {"reason": "{{script}} &amp; `${1}`", "count": 1}]
    return report(
        {"pass": False, "reasons": [HOSTILE, "{{report}}"], "notes": ["x" * 400]},
        [
            run(
                "asDeployed",
                STARTED,
                0.0,
                idle,
                interrupted=True,
                broken={
                    "count": 0,
                    "perSecond": 0.0,
                    "latency": None,
                    "reasons": reasons,
                    "examples": [{"reason": HOSTILE, "detail": HOSTILE + "\u2028\0" + "y" * 300}],
                },
                serverFailure=HOSTILE,
                slots={
                    "pool": HOSTILE,
                    "size": 0,
                    "standard": 0,
                    "peak": 0,
                    "utilisation": None,
                    "samples": {"at": [], "inUse": [], "expired": []},
                },
                goose="javascript:document.title='broken into'",
            )
        ],
        version=HOSTILE,
        gooseVersion=HOSTILE,
        deployment=deployment()
        | {"queryFunction": HOSTILE, "variables": None, "variablesFailure": HOSTILE},
        url="javascript:" + HOSTILE,
        machine={
            "system": HOSTILE,
            "kernel": "",
            "processor": "z" * 200,
            "processors": 0,
            "memoryBytes": 0,
        },
    )


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    for make in (comparison, aws, hostile):
        text = json.dumps(make(), ensure_ascii=False, separators=(",", ":"))
        # A line for each part, so that changes can be read.
        text = text.replace(',"', ',\n"')
        (folder / f"{make.__name__}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
