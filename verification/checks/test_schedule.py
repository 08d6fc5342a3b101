"""A failed sweep is not retried: the next one follows within a minute."""

import pathlib
import unittest

from deployed import deployed

PROJECT = pathlib.Path(__file__).parents[2]
TEMPLATE = PROJECT / "template.yaml"
SECOND_POOL = PROJECT / "docs/examples/second-pool/template.yaml"
ONCE = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}


class Retries(unittest.TestCase):
    def test_eventbridge_delivers_once(self):
        for template in (TEMPLATE, SECOND_POOL):
            (target,) = deployed(template)["SweepSchedule"]["Properties"]["Targets"]
            self.assertEqual(target["RetryPolicy"], ONCE)

    def test_lambda_runs_what_was_delivered_once(self):
        # By default Lambda retries a failed asynchronous invocation twice, for up to six hours. The second pool's schedule
        # invokes the same counter.
        resources = deployed(TEMPLATE).values()
        (config,) = (r["Properties"] for r in resources if r["Type"] == "AWS::Lambda::EventInvokeConfig")
        self.assertEqual(config["FunctionName"], {"Ref": "CounterFunction"})
        self.assertEqual({name: config[name] for name in ONCE}, ONCE)


if __name__ == "__main__":
    unittest.main()
