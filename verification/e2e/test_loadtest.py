"""The load test, with the options for a local stack and with those for AWS."""

import json
import os
import pathlib
import pty
import signal
import subprocess
import tempfile
import termios
import unittest
from typing import Any

import jsonschema
from stack import LAMBDA, POOL, STACK, STANDARD, Rush, switch
from tools import AWS, LOADTEST, OF_SLOTS

# More than any count in these floods.
ALL = "1000000"
# The least utilisation. Low, because in a short flood many instances are still starting.
USED = 0.75
# The query's variables in a report.
REPORTED = {
    "ADMISSION", "ADMISSION_VIA", "HOLD_SECONDS", "SLOT_WAIT_MS", "WARM_SLOT_SECONDS", "WARM_BELOW",
}


def function() -> dict[str, Any]:
    """The query function's configuration."""
    return LAMBDA.get_function_configuration(FunctionName=STACK["queryFunction"])


def environment() -> dict[str, str]:
    return function()["Environment"]["Variables"]


class LoadTest(Rush):
    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        before = environment()
        self.addCleanup(lambda: self.assertEqual(environment(), before))

    def start(self, *options: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [LOADTEST, *options, "--out", str(self.folder)],
            env=os.environ | variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run_to_its_end(self, *options: str, **variables: str) -> tuple[int, str]:
        process = self.start(*options, **variables)
        out, err = process.communicate()
        return process.returncode, out + err

    def report(self) -> dict[str, Any]:
        report = json.loads((self.folder / "report.json").read_text())
        schema = json.loads(pathlib.Path("docs/report.schema.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(report)
        return report

    def test_without_admission_the_server_refuses_and_with_it_does_not(self):
        found = function()
        code, output = self.run_to_its_end(
            "--host", STACK["apiUrl"], "--query-function", STACK["queryFunction"],
            "--table", STACK["table"], "--pool", POOL, "--database-tls", "off",
            "--compare", "--users", "200", "--hold", "1", "--duration", "8",
            "--min-utilisation", str(USED),
            LOADTEST_DATABASE=OF_SLOTS["SLOTS_DATABASE"], **AWS,
        )
        self.assertEqual(code, 0, output)
        report = self.report()
        deployment = report["deployment"]
        self.assertEqual(deployment["queryFunction"], STACK["queryFunction"])
        self.assertEqual(deployment["codeSha256"], found["CodeSha256"])
        self.assertEqual(deployment["lastModified"], found["LastModified"])
        variables = found["Environment"]["Variables"]
        self.assertEqual(deployment["variables"], {name: variables[name] for name in REPORTED})
        without, within = report["runs"]
        self.assertEqual((without["admission"], within["admission"]), ("bypassed", "on"))
        self.assertGreater(without["refused"], 0)
        self.assertEqual(without["refusedCallers"], without["broken"]["count"])
        self.assertEqual(without["slots"]["peak"], 0)
        self.assertEqual((within["refused"], within["broken"]["count"]), (0, 0))
        # A nearly full pool counts as full, and the last slots are free for a moment.
        self.assertTrue(50 <= within["slots"]["peak"] <= STANDARD, within["slots"]["peak"])
        self.assertEqual(within["slots"]["standard"], STANDARD)
        self.assertGreaterEqual(within["slots"]["utilisation"]["mean"], USED)
        self.assertGreaterEqual(within["admitted"]["latency"]["p50Ms"], 1_000)
        for run in (without, within):
            self.assertTrue((self.folder / run["goose"]).is_file())

    def test_on_aws_the_pool_is_sampled_by_its_table(self):
        code, output = self.run_to_its_end(
            "--host", STACK["apiUrl"], "--table", STACK["table"], "--pool", POOL,
            "--users", "5", "--duration", "2", **AWS,
        )
        self.assertEqual(code, 0, output)
        report = self.report()
        (run,) = report["runs"]
        self.assertEqual(run["admission"], "asDeployed")
        self.assertIsNone(run["server"])
        self.assertEqual((run["slots"]["pool"], run["slots"]["standard"]), (POOL, STANDARD))
        self.assertTrue(run["slots"]["samples"]["at"])
        self.assertIsNone(report["settings"]["holdSeconds"])
        self.assertIsNone(report["deployment"])

    def test_the_options_decide_how_many_broken_and_refused_requests_pass(self):
        before = environment()
        self.addCleanup(switch, ADMISSION=before["ADMISSION"], HOLD_SECONDS=before["HOLD_SECONDS"])
        switch(ADMISSION="bypass", HOLD_SECONDS="1")
        refused = "503 connection-refused-by-server"
        for options, against in (
            (["--max-refused", ALL], [rf"\d+ broken, most of them {refused}"]),
            (["--max-broken", ALL], [r"the server refused \d+ connections"]),
            (["--max-refused", ALL, "--max-broken", ALL], []),
        ):
            code, output = self.run_to_its_end(
                "--host", STACK["apiUrl"], "--users", "120", "--duration", "3", *options
            )
            self.assertEqual(code, 1 if against else 0, output)
            reasons = self.report()["verdict"]["reasons"]
            self.assertEqual(len(reasons), len(against), reasons)
            for reason, words in zip(reasons, against):
                self.assertRegex(reason, f"^{words}$")

    def test_in_a_storm_the_patient_are_served_and_the_pool_is_full(self):
        seconds = 10
        code, output = self.run_to_its_end(
            "--stack", os.environ["STACK_JSON"], "--shape", "storm",
            "--users", "160", "--hold", "1", "--duration", str(seconds),
            "--min-utilisation", str(USED),
        )
        self.assertEqual(code, 0, output)
        (run,) = self.report()["runs"]
        self.assertEqual((run["refused"], run["broken"]["count"]), (0, 0))
        self.assertLessEqual(run["slots"]["peak"], STANDARD)
        patient, impatient = run["clients"]
        self.assertEqual((patient["users"], impatient["users"]), (80, 80))
        for kind in ("admitted", "rejected"):
            self.assertEqual(patient[kind]["count"] + impatient[kind]["count"], run[kind]["count"])
        # A rejected user waits for a second or longer.
        self.assertLessEqual(patient["rejected"]["count"], 80 * seconds)
        # Impatient users get more slots, but not all, and more rejections.
        self.assertGreater(impatient["admitted"]["count"], patient["admitted"]["count"])
        self.assertGreater(impatient["rejected"]["count"], patient["rejected"]["count"])
        self.assertGreater(patient["admitted"]["count"], 0)

    def test_on_a_terminal_there_is_a_picture(self):
        ours, its = pty.openpty()
        with os.fdopen(ours, "rb", buffering=0) as screen:
            termios.tcsetwinsize(its, (24, 100))
            process = subprocess.Popen(
                [
                    LOADTEST, "--stack", os.environ["STACK_JSON"],
                    "--users", "5", "--hold", "0.5", "--duration", "3",
                ],
                env=os.environ | {"TERM": "xterm"},
                stdout=subprocess.DEVNULL,
                stderr=its,
            )
            os.close(its)
            drawn = b""
            try:
                while some := screen.read(65_536):
                    drawn += some
            except OSError:
                # The end of a pseudo-terminal on Linux.
                pass
        self.assertEqual(process.wait(), 0, drawn)
        picture = drawn.decode()
        self.assertRegex(picture, r"as deployed +\S*[█▌░]+\S* +[1-3] of 3 s")
        self.assertRegex(picture, r"answers a second +admitted [1-9]")
        self.assertRegex(picture, rf"slots in use .*[1-5] of {STANDARD}")
        self.assertRegex(picture, r"connections .*\d of 66")
        # Each picture is drawn over the one before.
        self.assertIn("\x1b[", picture)
        self.assertNotIn("as deployed:", picture)

    def test_a_missing_pool_is_reported_before_the_flood(self):
        code, output = self.run_to_its_end(
            "--host", STACK["apiUrl"], "--table", STACK["table"], "--pool", "Another", **AWS
        )
        self.assertEqual(code, 2, output)
        self.assertRegex(output, "no pool .*Another.* in the table")

    def test_an_interrupted_test_restores_the_query_function(self):
        process = self.start(
            "--stack", os.environ["STACK_JSON"], "--compare",
            "--users", "5", "--hold", "0.5", "--duration", "600",
        )
        assert process.stderr
        for line in process.stderr:
            # The first line of the live view: the flood is under way.
            if line.startswith("without admission:"):
                break
        self.assertRegex(line, r"admitted [1-9].* slots 0/60 .* connections \d+/66 ")
        self.assertNotIn("\x1b", line)
        self.assertEqual(environment()["ADMISSION"], "bypass")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, out)
        self.assertIn("the test was interrupted", out)
        (run,) = self.report()["runs"]
        self.assertTrue(run["interrupted"])


if __name__ == "__main__":
    unittest.main()
