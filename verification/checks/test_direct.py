"""The permissions for the table and the counter, in counter mode and in direct mode."""

import itertools
import pathlib
import unittest
from typing import Any

from deployed import deployed
from policies import statements, strings

PROJECT = pathlib.Path(__file__).parents[2]
TEMPLATE = PROJECT / "template.yaml"
SECOND_POOL = PROJECT / "docs/examples/second-pool/template.yaml"
HOLDERS = ("QueryRole", "RotateRole")
SHARDS = {"Ref": "PoolName"}, {"Fn::Sub": "${PoolName}#*"}
ONLY_THE_POOLS_ITEMS = {
    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(SHARDS)},
    "Null": {"dynamodb:LeadingKeys": "false"},
}


def allowed(resource: dict[str, Any], service: str) -> list[dict[str, Any]]:
    """The statements that allow actions of a service."""
    found = statements(resource["Properties"])
    return [s for s in found if any(a.startswith(f"{service}:") for a in strings(s["Action"]))]


def actions(found: list[dict[str, Any]]) -> set[str]:
    return {action for statement in found for action in strings(statement["Action"])}


class Holders(unittest.TestCase):
    def test_by_the_counter_they_may_invoke_it_and_not_touch_the_table(self):
        resources = deployed(TEMPLATE, AdmissionVia="counter")
        for name in HOLDERS:
            self.assertEqual(allowed(resources[name], "dynamodb"), [])
            (invoke,) = allowed(resources[name], "lambda")
            self.assertEqual(invoke["Action"], "lambda:InvokeFunction")
            self.assertEqual(invoke["Resource"], {"Fn::GetAtt": ["CounterFunction", "Arn"]})

    def test_by_the_table_they_may_update_the_pools_items_and_invoke_nothing(self):
        resources = deployed(TEMPLATE, AdmissionVia="table")
        for name in HOLDERS:
            self.assertEqual(allowed(resources[name], "lambda"), [])
            (slots,) = allowed(resources[name], "dynamodb")
            self.assertEqual(slots["Action"], ["dynamodb:GetItem", "dynamodb:UpdateItem"])
            self.assertEqual(slots["Resource"], {"Fn::GetAtt": ["Table", "Arn"]})
            self.assertEqual(slots["Condition"], ONLY_THE_POOLS_ITEMS)

    def test_they_are_told_whom_to_ask_and_how_long_to_wait(self):
        resources = deployed(TEMPLATE)
        variables = {
            name: resources[f"{name}Function"]["Properties"]["Environment"]["Variables"]
            for name in ("Query", "Rotate", "Init")
        }
        for name in ("Query", "Rotate"):
            self.assertEqual(variables[name]["ADMISSION_VIA"], {"Ref": "AdmissionVia"})
            self.assertEqual(variables[name]["TABLE_NAME"], {"Ref": "Table"})
        self.assertEqual(variables["Query"]["SLOT_WAIT_MS"], {"Ref": "SlotWaitMs"})
        self.assertNotIn("SLOT_WAIT_MS", variables["Rotate"])
        self.assertEqual(resources["Pool"]["Properties"]["Shards"], {"Ref": "Shards"})

    def test_the_way_to_the_table_lets_through_what_they_may_do(self):
        for network, via in itertools.product(("endpoints", "egress-only"), ("counter", "table")):
            resources = deployed(TEMPLATE, Network=network, AdmissionVia=via)
            inside = (*HOLDERS, "InitRole")
            may = set().union(*(actions(allowed(resources[name], "dynamodb")) for name in inside))
            through = actions(allowed(resources["DynamoDBEndpoint"], "dynamodb"))
            self.assertLessEqual(may, through, (network, via))


class SecondPool(unittest.TestCase):
    def test_its_init_has_the_pools_items_and_no_others(self):
        (items,) = allowed(deployed(SECOND_POOL)["InitRole"], "dynamodb")
        self.assertEqual(items["Condition"], ONLY_THE_POOLS_ITEMS)
        self.assertEqual(items["Action"], ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem"])

    def test_its_policy_is_for_the_one_or_the_other_way(self):
        (invoke,) = allowed(deployed(SECOND_POOL)["SlotsPolicy"], "lambda")
        self.assertEqual(invoke["Resource"], {"Ref": "CounterFunctionArn"})
        direct = deployed(SECOND_POOL, AdmissionVia="table")["SlotsPolicy"]
        self.assertEqual(allowed(direct, "lambda"), [])
        (slots,) = allowed(direct, "dynamodb")
        self.assertEqual(slots["Action"], ["dynamodb:GetItem", "dynamodb:UpdateItem"])
        self.assertEqual(slots["Condition"], ONLY_THE_POOLS_ITEMS)


class Check(unittest.TestCase):
    """The evaluation of conditions."""

    def test_a_parameter_that_is_not_there_is_no_parameter(self):
        with self.assertRaises(KeyError):
            deployed(TEMPLATE, AdmisionVia="table")

    def test_what_a_condition_leaves_out_is_not_there(self):
        self.assertIn("RotateFunction", deployed(TEMPLATE))
        existing = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mine-AbCdEf"
        resources = deployed(TEMPLATE, ExistingSecretArn=existing)
        self.assertNotIn("RotateFunction", resources)
        self.assertNotIn("ManagedPolicyArns", resources["QueryRole"]["Properties"])


if __name__ == "__main__":
    unittest.main()
