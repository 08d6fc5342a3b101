"""The emergency switch of the query: admission bypassed, then on again."""

import unittest
from typing import Any

from logs import QUERY, lines
from stack import STANDARD, QuietStack, admitted, get, item, leases, switch


def warnings() -> list[dict[str, Any]]:
    return [entry for entry in lines(QUERY) if entry["level"] == "WARN"]


class Bypass(QuietStack):
    def test_it_lets_past_a_full_pool_and_is_loud_about_it(self):
        with leases(STANDARD):
            quiet = warnings()
            self.assertEqual(get("/employees").problem, "no-slot")
            self.assertEqual(warnings(), quiet)
            self.addCleanup(switch, ADMISSION="on")
            switch(ADMISSION="bypass")
            before = item()["InUse"]
            answer = get("/employees")
            self.assertEqual((answer.status, answer.body[:8]), (200, "Selected"))
            self.assertEqual(item()["InUse"], before)
            loud = [entry for entry in warnings() if entry not in quiet]
            self.assertTrue(all(entry["admission"] == "bypass" for entry in loud), loud)
            self.assertIn("ADMISSION=on", loud[0]["message"])
            self.assertEqual([entry.get("outcome") for entry in loud], [None, "counted"])
            switch(ADMISSION="on")
            self.assertEqual(get("/employees").problem, "no-slot")
            self.assertEqual(len(warnings()), len(quiet) + len(loud))
        self.assertEqual(admitted().status, 200)


if __name__ == "__main__":
    unittest.main()
