"""The verdict of `make spike` about the releases of slots."""

import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest
from datetime import UTC, datetime

PROJECT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(PROJECT / "loadtest"))

import releases  # noqa: E402

START = 1_764_000_000
# In a load of 60 s that began at START; a tenth of the hold is 400 ms.
BEFORE, IN, AFTER = (START + second for second in (5, 30, 50))
HOLD = 4


def line(at: float, **fields: object) -> str:
    return json.dumps({"timestamp": datetime.fromtimestamp(at, UTC).isoformat(), **fields})


def released(at: float, ms: int, given_back: str = "released") -> str:
    return line(at, release_ms=ms, given_back=given_back)


class Judged(unittest.TestCase):
    def judge(self, *lines: str) -> tuple[int, str]:
        """The exit code and the output for a query that logged these lines."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            log = folder / "logs/query/1.log"
            log.parent.mkdir(parents=True)
            log.write_text("".join(f"{text}\n" for text in lines))
            stack, report = folder / "stack.json", folder / "report.json"
            stack.write_text(json.dumps({"logs": str(folder / "logs"), "queryFunction": "query"}))
            settings = {"durationSeconds": 60, "holdSeconds": HOLD}
            report.write_text(json.dumps({"runs": [{"startedAt": START}], "settings": settings}))
            with contextlib.redirect_stdout(io.StringIO()) as output:
                code = releases.main(str(stack), str(report))
            return code, output.getvalue()

    def fails(self, why: str, *lines: str) -> None:
        code, output = self.judge(*lines)
        self.assertEqual(code, 1, output)
        self.assertTrue(output.endswith(f"\nRELEASES: FAIL: {why}\n"), output)

    def test_a_tenth_of_the_hold_passes_and_more_does_not(self):
        code, output = self.judge(released(IN, 400))
        self.assertEqual(code, 0, output)
        self.assertIn("p99 of 400 ms at the most", output)
        self.assertTrue(output.endswith("\nRELEASES: PASS\n"), output)
        self.fails("in the spike, p99 is 401 ms", released(IN, 401))

    def test_one_of_a_hundred_may_be_late_and_two_may_not(self):
        soon = [released(IN, 7)] * 99
        self.assertEqual(self.judge(*soon, released(IN, 9000))[0], 0)
        self.fails("in the spike, p99 is 9000 ms", *soon[1:], *[released(IN, 9000)] * 2)

    def test_only_the_spike_is_judged_by_its_times(self):
        # The first is from before the load.
        times = [(START - 1, 7), (BEFORE, 9000), (IN, 7), (AFTER, 9000)]
        code, output = self.judge(*(released(at, ms) for at, ms in times))
        self.assertEqual(code, 0, output)
        for phase, ms in (("before", 9000), ("in", 7), ("after", 9000)):
            self.assertRegex(output, rf"(?m)^{phase} the spike +1 +{ms} +{ms} +{ms}$")

    def test_a_slot_that_never_came_back_is_seen_at_any_time(self):
        for at in (BEFORE, IN, AFTER):
            with self.subTest(at=at):
                self.fails("not released: 1", released(IN, 7), released(at, 7, "failed"))

    def test_a_spike_in_which_nothing_came_back_shows_nothing(self):
        self.fails("no slot was released in the spike", released(BEFORE, 7), released(AFTER, 7))
        # Nor does a request without a slot.
        self.fails("no slot was released in the spike", line(IN, outcome="no-slot"))


if __name__ == "__main__":
    unittest.main()
