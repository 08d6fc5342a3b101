"""The created database: its class, engine and parameters."""

import importlib.resources
import json
import pathlib
import re
import unittest

from deployed import deployed
from samtranslator.yaml_helper import yaml_parse

PROJECT = pathlib.Path(__file__).parents[2]
TEMPLATE = PROJECT / "template.yaml"
CLASSES = "DBInstanceClass"
TEXT = yaml_parse(TEMPLATE.read_text())
OFFERED = "schemas/extensions/aws_rds_dbinstance/dbinstanceclass_enum.json"


def offered(region: str) -> set[str]:
    """The classes of a MySQL database in a region, from cfn-lint."""
    known = json.loads((importlib.resources.files("cfnlint.data") / OFFERED).read_text())
    found = [
        choice["then"]["properties"]["DBInstanceClass"]["enum"]
        for choice in known[region]["allOf"]
        if choice["if"]["properties"].get("Engine") == {"const": "mysql"}
    ]
    return set().union(*found)


class Class(unittest.TestCase):
    default = TEXT["Parameters"][CLASSES]["Default"]
    classes = TEXT["Mappings"]["InstanceClasses"]

    def test_the_default_is_created_in_every_region_that_is_let_through(self):
        (assertion,) = TEXT["Rules"]["TheRootsOfTheRegionAreBundled"]["Assertions"]
        regions, _ = assertion["Assert"]["Fn::Contains"]
        for region in regions:
            self.assertIn(self.default, offered(region), region)

    def test_the_default_is_in_rdss_standard_support(self):
        # That of MySQL 8.0 ended on 31 July 2026.
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/MySQL.Concepts.VersionMgmt.html
        self.assertEqual(self.default, "db.t4g.micro")
        self.assertEqual(self.classes[self.default]["MySQL"], "8.4")
        self.assertEqual(self.classes[self.default]["StorageEncrypted"], "true")

    def test_every_class_has_the_connections_that_the_pool_is_sized_for(self):
        self.assertEqual(self.classes.keys(), set(TEXT["Parameters"][CLASSES]["AllowedValues"]))
        self.assertEqual({of["MaxConnections"] for of in self.classes.values()}, {"66"})
        parameters = TEXT["Parameters"]
        reserved, priority = (int(parameters[name]["Default"]) for name in ("ReservedConnections", "PrioritySlots"))
        slots = 66 - reserved
        row = "| " + ", ".join(sorted(self.classes, reverse=True)) + f" | 66 | {slots} | {slots - priority} |"
        self.assertTrue(row in (PROJECT / "docs/parameters.md").read_text(), row)

    def test_the_parameter_group_is_for_the_engines_version(self):
        resources = deployed(TEMPLATE)
        find = {"Fn::FindInMap": ["InstanceClasses", {"Ref": CLASSES}, "MySQL"]}
        self.assertEqual(resources["Database"]["Properties"]["EngineVersion"], find)
        family, names = resources["DatabaseParameters"]["Properties"]["Family"]["Fn::Sub"]
        self.assertEqual((family, names), ("mysql${MySQL}", {"MySQL": find}))


class Parameters(unittest.TestCase):
    given = deployed(TEMPLATE)["DatabaseParameters"]["Properties"]["Parameters"]

    def test_logins_that_break_off_never_lock_the_functions_out(self):
        # The largest 32-bit value, which every MySQL and RDS accept.
        self.assertEqual(self.given["max_connect_errors"], str(2**32 - 1))

    def test_the_pool_is_sized_for_what_the_server_takes(self):
        pool = deployed(TEMPLATE)["Pool"]["Properties"]["MaxConnections"]
        self.assertEqual(self.given["max_connections"], pool)


class Secret(unittest.TestCase):
    def test_what_generates_it_is_never_edited(self):
        # An edit replaces the value of the secret: without the host and port of the attachment, and with a new password
        # that the database does not have.
        generated = deployed(TEMPLATE)["DatabaseSecret"]["Properties"]["GenerateSecretString"]
        self.assertEqual(
            generated,
            {
                "SecretStringTemplate": '{"username": "admin"}',
                "GenerateStringKey": "password",
                "PasswordLength": 16,
                "ExcludeCharacters": '"@/\\',
            },
        )


class Zones(unittest.TestCase):
    def test_they_are_those_that_are_given_or_the_accounts_first(self):
        for given, zones in (
            ({}, [{"Fn::Select": [i, {"Fn::GetAZs": ""}]} for i in (0, 1)]),
            (
                {"AvailabilityZoneA": "us-east-1b", "AvailabilityZoneB": "us-east-1d"},
                [{"Ref": "AvailabilityZoneA"}, {"Ref": "AvailabilityZoneB"}],
            ),
        ):
            resources = deployed(TEMPLATE, **given)
            found = [resources[f"Subnet{name}"]["Properties"]["AvailabilityZone"] for name in "AB"]
            self.assertEqual(found, zones)

    def test_what_a_zone_is_called_is_taken(self):
        pattern = TEXT["Parameters"]["AvailabilityZoneA"]["AllowedPattern"]
        self.assertEqual(pattern, TEXT["Parameters"]["AvailabilityZoneB"]["AllowedPattern"])
        for name in ("", "us-east-1a", "ap-southeast-2c", "us-gov-west-1b", "us-west-2-lax-1a"):
            self.assertRegex(name, pattern)
        for name in ("use1-az1 ", "us-east-1a,us-east-1b", "US-EAST-1A"):
            self.assertIsNone(re.fullmatch(pattern, name), name)


if __name__ == "__main__":
    unittest.main()
