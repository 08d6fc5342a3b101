"""The rotation schedule and its resources. The local stack has no schedule."""

import pathlib
import unittest

from deployed import deployed
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = pathlib.Path(__file__).parents[2] / "template.yaml"
EXISTING = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mine-AbCdEf"
ROTATE = {"RotateErrorsAlarm", "RotateFunction", "RotateLogs", "RotatePermission", "RotateRole"}


def rotation(**given: str) -> set[str]:
    return {name for name in deployed(TEMPLATE, **given) if name.startswith("Rotat")}


class Schedule(unittest.TestCase):
    def assert_scheduled(self, secret: str, **given: str) -> None:
        schedule = deployed(TEMPLATE, **given)["RotationSchedule"]
        # The first rotation is by schedule, not at the deployment, when init needs the password.
        expected = {
            "SecretId": {"Ref": secret},
            "RotationLambdaARN": {"Fn::GetAtt": ["RotateFunction", "Arn"]},
            "RotateImmediatelyOnUpdate": False,
            "RotationRules": {"AutomaticallyAfterDays": {"Ref": "RotationDays"}},
        }
        self.assertEqual(schedule["Properties"], expected)
        # Secrets Manager tests the function when the schedule is created: its permission and the pool must exist.
        self.assertEqual(set(schedule["DependsOn"]), {"Pool", "RotatePermission"})

    def test_a_created_databases_password_is_changed_every_30_days(self):
        self.assertEqual(rotation(), ROTATE | {"RotationSchedule"})
        self.assert_scheduled("DatabaseSecretAttachment")
        days = yaml_parse(TEMPLATE.read_text())["Parameters"]["RotationDays"]
        self.assertEqual((days["Type"], days["Default"]), ("Number", 30))

    def test_without_days_there_is_only_the_function_for_a_rotation_by_hand(self):
        self.assertEqual(rotation(RotationDays="0"), ROTATE)
        existing = rotation(RotationDays="0", ExistingSecretArn=EXISTING, RotateExistingSecret="true")
        self.assertEqual(existing, ROTATE)

    def test_an_existing_databases_password_is_left_alone(self):
        self.assertEqual(rotation(ExistingSecretArn=EXISTING), set())

    def test_an_existing_databases_password_is_changed_when_it_is_asked_for(self):
        given = {"ExistingSecretArn": EXISTING, "RotateExistingSecret": "true"}
        self.assertEqual(rotation(**given), ROTATE | {"RotationSchedule"})
        self.assert_scheduled("ExistingSecretArn", **given)


if __name__ == "__main__":
    unittest.main()
