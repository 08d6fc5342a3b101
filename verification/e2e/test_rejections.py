"""The cost of a rejection."""

import sys
import unittest
from concurrent.futures import ThreadPoolExecutor

from logs import COUNTER, lines
from stack import STANDARD, Rush, get, leases

# In read units: a write costs as much as ten eventually consistent reads at half a unit each.
WRITE, PEEK = 5.0, 0.5
REQUESTS = 300


class Rejections(Rush):
    def test_most_of_a_full_pools_callers_are_refused_without_a_write(self):
        with leases(STANDARD, ttl=120):
            before = len(self.refusals())
            with ThreadPoolExecutor(20) as callers:
                answers = list(callers.map(lambda _: get("/employees"), range(REQUESTS)))
            refused = self.refusals()[before:]
        self.assertEqual({answer.status for answer in answers}, {503})
        self.assertEqual(len(refused), REQUESTS)
        writes = sum(line["writes"] for line in refused)
        looks = sum(line["looks"] for line in refused)
        cost = (WRITE * writes + PEEK * looks) / REQUESTS
        print(
            f"\n{REQUESTS} rejections: {writes} writes, {looks} looks, {cost:.2f} read units each",
            file=sys.stderr,
        )
        # Each instance of the counter needs one write first, which counts for much in a small flood.
        self.assertLess(cost, 2.5)

    def refusals(self) -> list[dict]:
        """The counter's log lines of rejected acquires."""
        acquires = (line for line in lines(COUNTER) if line.get("op") == "acquire")
        return [line for line in acquires if line["outcome"] in ("full", "throttled")]


if __name__ == "__main__":
    unittest.main()
