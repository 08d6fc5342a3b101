"""The load test against this stack: as a user of a local stack, and as one on AWS."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest
from typing import Any

import jsonschema
from stack import LAMBDA, POOL, STACK, STANDARD, QuietStack

LOADTEST = os.environ.get("LOADTEST", "target/debug/loadtest")
# How somebody on AWS is known; the stack takes anybody.
AWS = {
    "AWS_ENDPOINT_URL": STACK["awsEndpoint"],
    "AWS_REGION": STACK["region"],
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


def environment() -> dict[str, str]:
    """The query's."""
    configuration = LAMBDA.get_function_configuration(FunctionName=STACK["queryFunction"])
    return configuration["Environment"]["Variables"]


class LoadTest(QuietStack):
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
        code, said = self.run_to_its_end(
            "--stack", os.environ["STACK_JSON"], "--compare",
            "--users", "120", "--hold", "1", "--duration", "8",
        )
        self.assertEqual(code, 0, said)
        without, within = self.report()["runs"]
        self.assertEqual((without["admission"], within["admission"]), ("bypassed", "on"))
        self.assertGreater(without["refused"], 0)
        self.assertEqual(without["refusedCallers"], without["broken"]["count"])
        self.assertEqual(without["slots"]["peak"], 0)
        self.assertEqual((within["refused"], within["broken"]["count"]), (0, 0))
        # As good as full counts as full, and the last slots are free for a moment.
        self.assertTrue(50 <= within["slots"]["peak"] <= STANDARD, within["slots"]["peak"])
        self.assertEqual(within["slots"]["standard"], STANDARD)
        self.assertIsNotNone(within["slots"]["utilisation"])
        self.assertGreaterEqual(within["admitted"]["latency"]["p50Ms"], 1_000)
        for run in (without, within):
            self.assertTrue((self.folder / run["goose"]).is_file())

    def test_on_aws_the_pool_is_sampled_by_its_table(self):
        code, said = self.run_to_its_end(
            "--host", STACK["apiUrl"], "--table", STACK["table"], "--pool", POOL,
            "--users", "5", "--duration", "2", **AWS,
        )
        self.assertEqual(code, 0, said)
        report = self.report()
        (run,) = report["runs"]
        self.assertEqual(run["admission"], "asDeployed")
        self.assertIsNone(run["server"])
        self.assertEqual((run["slots"]["pool"], run["slots"]["standard"]), (POOL, STANDARD))
        self.assertIsNone(run["slots"]["utilisation"])
        self.assertTrue(run["slots"]["samples"]["at"])
        self.assertIsNone(report["settings"]["holdSeconds"])

    def test_a_pool_that_is_not_there_is_said_before_the_flood(self):
        code, said = self.run_to_its_end(
            "--host", STACK["apiUrl"], "--table", STACK["table"], "--pool", "Another", **AWS
        )
        self.assertEqual(code, 2, said)
        self.assertRegex(said, "no pool .*Another.* in the table")

    def test_who_ends_it_early_finds_everything_switched_back(self):
        process = self.start(
            "--stack", os.environ["STACK_JSON"], "--compare",
            "--users", "5", "--hold", "0.5", "--duration", "600",
        )
        assert process.stderr
        for line in process.stderr:
            # The first line of the live view: the flood is under way.
            if line.startswith("without admission:"):
                break
        self.assertEqual(environment()["ADMISSION"], "bypass")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, out)
        self.assertIn("the test was interrupted", out)
        (run,) = self.report()["runs"]
        self.assertTrue(run["interrupted"])


if __name__ == "__main__":
    unittest.main()
