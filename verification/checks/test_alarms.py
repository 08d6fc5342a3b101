"""The dashboard and docs/metrics.md have exactly the alarms of the template."""

import json
import pathlib
import re
import unittest
from typing import Any

from deployed import deployed

PROJECT = pathlib.Path(__file__).parents[2]
TEMPLATE = PROJECT / "template.yaml"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mine-AbCdEf"


def alarms(resources: dict[str, Any]) -> dict[str, Any]:
    found = resources.items()
    return {name: r["Properties"] for name, r in found if r["Type"] == "AWS::CloudWatch::Alarm"}


def shown(resources: dict[str, Any]) -> list[str]:
    """The names in the dashboard's list of alarms, as in an `Fn::Sub`."""
    body, variables = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name, value in variables.items():
        text = value["Fn::Sub"] if isinstance(value, dict) else value
        body = body.replace(f"${{{name}}}", text)
    (widget,) = (widget for widget in json.loads(body)["widgets"] if widget["type"] == "alarm")
    return widget["properties"]["alarms"]


class Alarms(unittest.TestCase):
    def test_the_dashboard_lists_those_that_there_are(self):
        existing = {"ExistingSecretArn": SECRET}
        for given, rotated in (
            ({}, True),
            # Rotated on demand.
            ({"RotationDays": "0"}, True),
            (existing, False),
            ({**existing, "RotateExistingSecret": "true"}, True),
        ):
            with self.subTest(**given):
                resources = deployed(TEMPLATE, **given)
                there = alarms(resources)
                self.assertEqual("RotateErrorsAlarm" in there, rotated)
                self.assertCountEqual(shown(resources), [f"${{{name}.Arn}}" for name in there])

    def test_one_quiet_minute_does_not_silence_what_goes_on(self):
        # An alarm of several datapoints fires when all but one breach. NoGaugesAlarm is about missing datapoints.
        for name, alarm in alarms(deployed(TEMPLATE)).items():
            periods = alarm["EvaluationPeriods"]
            with self.subTest(name):
                if periods == 1 or name == "NoGaugesAlarm":
                    self.assertNotIn("DatapointsToAlarm", alarm)
                else:
                    self.assertEqual(alarm["DatapointsToAlarm"], periods - 1)

    def test_the_page_explains_each(self):
        page = (PROJECT / "docs/metrics.md").read_text().split("## The alarms\n", 1)[1]
        table = re.search(r"^\|.*?(?=\n\n)", page, re.MULTILINE | re.DOTALL).group(0)
        explained = [name for row in table.splitlines() for name in re.findall("`([^`]+)`", row.split("|")[1])]
        names = [alarm["AlarmName"]["Fn::Sub"] for alarm in alarms(deployed(TEMPLATE)).values()]
        self.assertCountEqual(explained, [name.removeprefix("${AWS::StackName}-") for name in names])


if __name__ == "__main__":
    unittest.main()
