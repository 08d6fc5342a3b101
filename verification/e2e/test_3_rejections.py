"""What it costs to say no."""

import sys
import unittest
from concurrent.futures import ThreadPoolExecutor

from stack import STANDARD, Rush, get, leases
from test_3_metrics import COUNTER, lines

# In read units: a write costs as much as ten eventually consistent reads, of half a unit each.
WRITE, LOOK = 5.0, 0.5
ASKED = 300


class Rejections(Rush):
    def test_most_of_a_full_pools_callers_are_refused_without_a_write(self):
        with leases(STANDARD, ttl=120):
            before = len(self.refusals())
            with ThreadPoolExecutor(20) as callers:
                answers = list(callers.map(lambda _: get("/employees"), range(ASKED)))
            refused = self.refusals()[before:]
        self.assertEqual({answer.status for answer in answers}, {503})
        self.assertEqual(len(refused), ASKED)
        writes = sum(line["writes"] for line in refused)
        looks = sum(line["looks"] for line in refused)
        cost = (WRITE * writes + LOOK * looks) / ASKED
        print(
            f"\n{ASKED} rejections: {writes} writes, {looks} looks, {cost:.2f} read units each",
            file=sys.stderr,
        )
        # Each instance of the counter has to ask once, and this is a small crowd for so many.
        self.assertLess(cost, 2.5)

    def refusals(self) -> list[dict]:
        """The counter's, in the order in which they came."""
        acquires = (line for line in lines(COUNTER) if line.get("op") == "acquire")
        refused = [line for line in acquires if line["outcome"] in ("full", "throttled")]
        return sorted(refused, key=lambda line: line["timestamp"])


if __name__ == "__main__":
    unittest.main()
