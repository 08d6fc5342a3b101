"""Direct mode: the query writes to the table itself, beside callers of the counter."""

import contextlib
import json
import unittest
from concurrent.futures import ThreadPoolExecutor

from logs import COUNTER, QUERY, Sums, lines, measured
from stack import (
    SLOTS,
    STANDARD,
    QuietStack,
    acquire,
    admitted,
    counter,
    get,
    in_use,
    item,
    leases,
    new_lease,
    release,
    switch,
)
from tools import Samples

SENTENCE = "Selected 3 items from RDS MySQL table"


def counter_requests() -> int:
    """The number of acquires and releases by the counter."""
    return sum(line.get("op") in ("acquire", "release") for line in lines(COUNTER))


class Direct(QuietStack):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(switch, ADMISSION_VIA="counter", HOLD_SECONDS="0")
        switch(ADMISSION_VIA="table")

    @contextlib.contextmanager
    def measures(self, **expected: int):
        """The block adds exactly this to the query's metrics, and no request to the counter."""
        before, asked = self.of_the_query(), counter_requests()
        yield
        self.assertEqual(self.of_the_query() - before, expected)
        self.assertEqual(counter_requests(), asked)

    def of_the_query(self) -> Sums:
        return Sums.of(measured(QUERY))

    def test_a_request_is_a_grant_and_a_release_without_the_counter(self):
        with self.measures(
            SlotsGranted=5,
            SlotsReleased=5,
            SlotHoldTime=5,
            DecisionLatency=5,
            SlotsInUse=5,
            PoolSize=5,
            SlotUtilisation=5,
        ):
            for path in ("", "/", "/employees", "/employees"):
                self.assertEqual(get(path)[::2], (200, SENTENCE))
            answer = get("/employees", Accept="application/json")
            self.assertEqual(json.loads(answer.body), {"employees": 3})
        self.assertEqual(in_use(item()), 0)

    def test_a_full_pool_is_a_503_and_admits_again_when_it_is_not(self):
        with leases(STANDARD):
            with self.measures(RejectedFull=1, SlotsInUse=1, PoolSize=1, SlotUtilisation=1):
                answer = get("/employees")
            self.assertEqual((answer.status, answer.problem), (503, "no-slot"))
            self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
            body = json.loads(answer.body)
            self.assertEqual((body["inUse"], body["maxConnections"]), (STANDARD, SLOTS))
        self.assertEqual(admitted().body, SENTENCE)

    def test_all_ways_share_the_slots(self):
        """Holders by both protocols of the counter, a flood by the table, and callers of the counter at the
        same time: never more than 60 slots in all."""
        switch(HOLD_SECONDS="1")
        asked = 150

        def by_invoke(lease: str) -> bool:
            return acquire(lease, 60)["granted"] and release(lease)["released"]

        with leases(30), contextlib.ExitStack() as holders, Samples() as samples:
            for _ in range(10):
                # The counter may reject by its rate limit.
                while counter(incrementCounter=True) is not True:
                    self.assertLess(in_use(item()), 40)
                holders.callback(counter, incrementCounter=False)
            with ThreadPoolExecutor(40) as users, ThreadPoolExecutor(5) as others:
                answers = users.map(lambda _: get("/employees"), range(asked))
                invokes = others.map(by_invoke, [new_lease() for _ in range(50)])
                answers, served = list(answers), sum(invokes)
        most = max(map(in_use, samples.seen))
        self.assertTrue(40 < most <= STANDARD, most)
        self.assertEqual({sample["MaxConnections"]["N"] for sample in samples.seen}, {str(SLOTS)})
        for answer in answers:
            if answer.status == 200:
                self.assertEqual(answer.body, SENTENCE)
            else:
                self.assertEqual((answer.status, answer.problem), (503, "no-slot"))
        counted = sum(answer.status == 200 for answer in answers)
        self.assertGreater(counted, 0)
        self.assertLess(counted, asked, "some were refused")
        self.assertGreater(served, 0)
        self.assertEqual(in_use(item()), 0)


if __name__ == "__main__":
    unittest.main()
