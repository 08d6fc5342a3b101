"""The emergency switch of the query: past the controller, and back."""

import json
import pathlib
import unittest
from typing import Any

from stack import STACK, STANDARD, QuietStack, admitted, get, item, leases, switch

FUNCTION = STACK["queryFunction"]


def warnings() -> list[dict[str, Any]]:
    folder = pathlib.Path(STACK["logs"]) / FUNCTION
    lines = [line for path in folder.rglob("*.log") for line in path.read_text().splitlines()]
    return [entry for entry in map(json.loads, lines) if entry["level"] == "WARN"]


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
