"""The metrics in the functions' log lines, the scheduled sweep, the dashboard, the alarms."""

import contextlib
import json
import time
import unittest
from collections import Counter
from typing import Any

import pymysql
from logs import COUNTER, QUERY, Sums, lines, measured, values
from stack import (
    POOL,
    SLOTS,
    STANDARD,
    QuietStack,
    acquire,
    admitted,
    client,
    connect,
    counter,
    get,
    item,
    leases,
    new_lease,
    release,
    rule,
    switch,
    until,
)
from tools import slots

NAME = COUNTER.removesuffix("-counter")


def counter_is_throttled(call: str):
    """Lambda throttles this call of the counter, so it certainly had no effect."""
    return rule(call=call, moment="before", action={"answer": "throttled"})


class Metrics(QuietStack):
    @contextlib.contextmanager
    def adds(self, **expected: int):
        """The block adds exactly this to the metrics, except the pool's gauges."""
        before = Sums.now()
        yield
        gained = Sums.now() - before
        # The scheduled sweep adds gauges, and a throttled caller of these tests retries.
        for other in ("SlotsInUse", "PoolSize", "SlotUtilisation", "RejectedThrottled"):
            del gained[other]
        self.assertEqual(gained, expected)

    def test_every_decision_is_counted_once(self):
        with self.adds(
            SlotsGranted=10, LeasesRenewed=1, LeasesLost=1, SlotsReleased=10, DecisionLatency=23
        ):
            taken = [new_lease() for _ in range(10)]
            for lease in taken:
                self.assertTrue(acquire(lease, 60)["granted"])
            self.assertTrue(counter(op="renew", lease=taken[0], ttlSeconds=60)["renewed"])
            self.assertFalse(counter(op="renew", lease=new_lease(), ttlSeconds=60)["renewed"])
            for lease in taken:
                self.assertTrue(release(lease)["released"])
            self.assertFalse(release(taken[0])["released"])
            counter(op="status")

    def test_the_articles_callers_are_counted_too(self):
        with self.adds(SlotsGranted=1, SlotsReleased=1, DecisionLatency=2):
            self.assertIs(counter(incrementCounter=True), True)
            self.assertIs(counter(incrementCounter=False), True)

    def test_an_admitted_request_is_a_grant_a_hold_and_a_release(self):
        with self.adds(SlotsGranted=5, SlotsReleased=5, DecisionLatency=10, SlotHoldTime=5):
            for _ in range(5):
                self.assertEqual(get("/employees").status, 200)
            self.assertEqual(get("/nowhere").status, 404)

    def test_a_full_pool_shows_its_rejections_and_its_utilisation(self):
        with leases(STANDARD), self.adds(RejectedFull=3, DecisionLatency=3):
            self.assertFalse(acquire(new_lease(), 60)["granted"])
            for _ in range(2):
                self.assertEqual(get("/employees").problem, "no-slot")
            # Other tests resize the pool.
            of_this_size = (line for line in measured(COUNTER) if line.get("PoolSize") == SLOTS)
            fullest = max(of_this_size, key=lambda line: line["SlotUtilisation"])
            expected = 100 * fullest["SlotsInUse"] / SLOTS
            self.assertAlmostEqual(fullest["SlotUtilisation"], expected)
            self.assertGreaterEqual(fullest["SlotsInUse"], STANDARD)

    def test_the_servers_own_refusal_is_counted(self):
        with contextlib.ExitStack() as others:
            with self.assertRaises(pymysql.err.OperationalError) as full:
                while True:
                    other = others.enter_context(contextlib.closing(connect()))
                    # Longer than the server's default, so that none ends before all are open.
                    other.query("SET SESSION wait_timeout = 60")
            self.assertEqual(full.exception.args[0], 1040)
            with self.adds(
                SlotsGranted=1, SlotsReleased=1, DecisionLatency=2, SlotHoldTime=1, TooManyConnections=1
            ):
                self.assertEqual(get("/employees").problem, "connection-refused-by-server")

    def test_requests_past_the_controller_are_counted_as_such(self):
        self.addCleanup(switch, ADMISSION="on")
        switch(ADMISSION="bypass")
        with self.adds(BypassedRequests=2):
            for _ in range(2):
                self.assertEqual(get("/employees").status, 200)

    def test_requests_without_an_answer_from_the_counter_are_counted(self):
        with self.adds(AdmissionUnavailable=1), counter_is_throttled("acquire"):
            self.assertEqual(get("/employees").problem, "admission-unavailable")

    def test_a_slot_that_could_not_be_given_back_is_counted(self):
        with self.adds(SlotsGranted=1, DecisionLatency=1, SlotHoldTime=1, ReleaseFailures=1):
            with counter_is_throttled("release"):
                self.assertEqual(get("/employees").status, 200)
        [lease] = item()["Leases"]["M"]
        self.assertTrue(release(lease)["released"])

    def test_rejections_of_a_pool_that_drains_are_counted(self):
        # The counter sees the change at its next read of the table.
        self.addCleanup(lambda: self.assertEqual(admitted().status, 200))
        self.addCleanup(slots, "resume")
        slots("drain")
        with self.adds(RejectedDraining=2, DecisionLatency=2):
            self.assertEqual(acquire(new_lease(), 60)["reason"], "draining")
            self.assertEqual(get("/employees").problem, "draining")

    def test_requests_on_a_kept_slot_are_counted(self):
        self.addCleanup(switch, WARM_SLOT_SECONDS="0")
        switch(WARM_SLOT_SECONDS="4")
        released = Sums.now()["SlotsReleased"]
        # A new instance keeps nothing after its first request; from the second on it keeps its slot.
        with self.adds(
            SlotsGranted=2, SlotsReleased=2, DecisionLatency=4, SlotHoldTime=4, WarmRequests=2
        ):
            for _ in range(4):
                self.assertEqual(get("/employees").status, 200)
            until(lambda: Sums.now()["SlotsReleased"] == released + 2, 10)

    def test_leases_that_are_taken_over_in_direct_mode_are_counted(self):
        self.addCleanup(switch, ADMISSION_VIA="counter")
        switch(ADMISSION_VIA="table")
        before = Sums.now()
        for _ in range(STANDARD):
            self.assertTrue(acquire(new_lease(), 1)["granted"])
        # The lease, the skew allowance, and up to a second of rounding.
        time.sleep(4)
        self.assertEqual(admitted().status, 200)
        # By the query, or by the scheduled sweep if that came first.
        self.assertEqual((Sums.now() - before)["LeasesTakenOver"], STANDARD)

    def test_a_name_that_is_no_pools_is_not_measured(self):
        with contextlib.suppress(Exception):
            counter(op="status", RDBMSName="unknown")
        self.assertIn("unknown", {line.get("pool") for line in lines(COUNTER)})
        self.assertNotIn("unknown", {line.get("Pool") for line in lines(COUNTER)})

    def test_all_that_was_logged_adds_up(self):
        self.assertEqual(get("/employees").status, 200)
        # In direct mode the query counts its own decisions.
        sums = Sums.of(measured(COUNTER))
        decisions = Counter(line.get("outcome") for line in lines(COUNTER) if line.get("pool") == POOL)
        for outcome, metric in {
            "granted": "SlotsGranted",
            "full": "RejectedFull",
            "throttled": "RejectedThrottled",
            "draining": "RejectedDraining",
            "released": "SlotsReleased",
            "renewed": "LeasesRenewed",
            "lost": "LeasesLost",
        }.items():
            self.assertEqual(decisions[outcome], sums[metric], outcome)
        sums = Sums.of(measured(QUERY))
        requests = [line for line in lines(QUERY) if line["message"] == "request"]
        held = [line for line in requests if "given_back" in line and "admission" not in line]
        self.assertEqual(len(held), sums["SlotHoldTime"])
        past = [line for line in requests if "admission" in line]
        self.assertEqual(len(past), sums["BypassedRequests"])


class Schedule(QuietStack):
    def test_it_measures_a_quiet_pool_and_takes_over_what_has_expired(self):
        before, sweeps = Sums.now(), len(self.sweeps())
        self.assertTrue(acquire(new_lease(), 1)["granted"])
        # The sweep runs every minute; the second one finds a lease that had not expired at the first.
        deadline = time.monotonic() + 150
        while (Sums.now() - before)["LeasesTakenOver"] == 0:
            self.assertLess(time.monotonic(), deadline, "the schedule does not invoke the counter")
            time.sleep(1)
        new = self.sweeps()[sweeps:]
        self.assertTrue(new)
        self.assertEqual(sum(line["LeasesTakenOver"] for line in new if "LeasesTakenOver" in line), 1)
        for line in new:
            self.assertEqual(line["PoolSize"], SLOTS)
        self.assertEqual(counter(op="status")["inUse"], 0)

    def sweeps(self) -> list[dict[str, float]]:
        swept = [line for line in lines(COUNTER) if line.get("op") == "sweep"]
        return [values(line) for line in swept]


class Watching(unittest.TestCase):
    """The dashboard and the alarms as deployed. shared/tests/template.rs checks their metrics against the code."""

    def test_the_dashboard_names_this_pool_and_these_functions(self):
        body = client("cloudwatch").get_dashboard(DashboardName=NAME)["DashboardBody"]
        widgets = json.loads(body)["widgets"]
        metrics = [m for w in widgets for m in w["properties"].get("metrics", [])]
        ours = {metric[3] for metric in metrics if metric[0] == "rds-admission"}
        self.assertEqual(ours, {POOL})
        functions = {metric[3] for metric in metrics if metric[0] == "AWS/Lambda"}
        self.assertLessEqual({COUNTER, QUERY}, functions)
        alarms = {alarm["AlarmArn"] for alarm in self.alarms()}
        shown = {arn for w in widgets for arn in w["properties"].get("alarms", [])}
        self.assertTrue(shown)
        self.assertLessEqual(shown, alarms)

    def test_every_alarm_says_what_to_do_and_watches_something_of_this_stack(self):
        watched = {POOL, COUNTER, QUERY, f"{NAME}-rotate"}
        alarms = self.alarms()
        self.assertGreater(len(alarms), 10)
        for alarm in alarms:
            with self.subTest(alarm["AlarmName"]):
                self.assertGreater(len(alarm["AlarmDescription"]), 60)
                self.assertLessEqual(len(alarm["AlarmDescription"]), 1024)
                [dimension] = alarm["Dimensions"]
                self.assertIn(dimension["Value"], watched)
                # Without a topic there is no notification.
                self.assertEqual((alarm["AlarmActions"], alarm["OKActions"]), ([], []))

    def alarms(self) -> list[dict[str, Any]]:
        return client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{NAME}-")["MetricAlarms"]


if __name__ == "__main__":
    unittest.main()
