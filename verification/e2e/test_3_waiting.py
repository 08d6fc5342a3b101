"""Requests that wait for a slot."""

import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from stack import STANDARD, QuietStack, get, leases, release, switch, until
from test_3_metrics import COUNTER, QUERY, lines


def refusals() -> int:
    """How often the counter has refused somebody who asked for a slot."""
    return sum(line.get("op") == "acquire" and line["outcome"] == "full" for line in lines(COUNTER))


class Waiting(QuietStack):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(switch, SLOT_WAIT_MS="0")

    def test_who_waits_gets_the_slot_that_comes_free(self):
        # Time for many asks: whoever comes at the right moment gets it.
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

    def test_who_waits_in_vain_is_refused_when_the_time_is_over(self):
        switch(SLOT_WAIT_MS="3000")
        with leases(STANDARD):
            before, begun = refusals(), time.monotonic()
            answer = get("/employees")
            waited = time.monotonic() - begun
            self.assertEqual((answer.status, answer.problem), (503, "no-slot"))
            self.assertIsNotNone(answer.headers["retry-after"])
            # The next ask would have come too late: a pause is a second at the most.
            self.assertGreaterEqual(waited, 3 - 1)
            self.assertLess(waited, 3 + 10)
            self.assertGreater(refusals() - before, 1)


if __name__ == "__main__":
    unittest.main()
