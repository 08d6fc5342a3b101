"""Requests that wait for a slot."""

import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from logs import COUNTER, QUERY, lines
from stack import STANDARD, QuietStack, get, leases, release, switch, until


def refusals() -> int:
    """The number of acquires that the counter rejected because the pool was full."""
    return sum(line.get("op") == "acquire" and line["outcome"] == "full" for line in lines(COUNTER))


class Waiting(QuietStack):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(switch, SLOT_WAIT_MS="0")

    def test_a_waiting_request_gets_a_slot_that_is_released(self):
        # Long enough for several attempts.
        switch(SLOT_WAIT_MS="10000")
        with leases(STANDARD) as out, ThreadPoolExecutor() as client:
            before, begun = refusals(), time.monotonic()
            answer = client.submit(get, "/employees")
            until(lambda: refusals() >= before + 2 and time.monotonic() >= begun + 1)
            self.assertFalse(answer.done())
            release(out[0])
            self.assertEqual(answer.result().status, 200)
        request = max(lines(QUERY), key=lambda line: line["timestamp"])
        self.assertEqual(request["outcome"], "counted")
        self.assertGreaterEqual(request["refusals"], 2)
        self.assertGreaterEqual(request["acquire_ms"], 1_000)

    def test_a_wait_without_a_slot_ends_in_a_rejection_when_its_time_is_over(self):
        switch(SLOT_WAIT_MS="3000")
        with leases(STANDARD):
            before, begun = refusals(), time.monotonic()
            answer = get("/employees")
            waited = time.monotonic() - begun
            self.assertEqual((answer.status, answer.problem), (503, "no-slot"))
            self.assertIsNotNone(answer.headers["retry-after"])
            # The next attempt would have been too late: a pause is at most a second.
            self.assertGreaterEqual(waited, 3 - 1)
            self.assertLess(waited, 3 + 10)
            self.assertGreater(refusals() - before, 1)


if __name__ == "__main__":
    unittest.main()
