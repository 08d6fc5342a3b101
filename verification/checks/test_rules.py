"""The rules by which the templates refuse parameters before anything is created."""

import pathlib
import unittest

from deployed import refused

PROJECT = pathlib.Path(__file__).parents[2]
TEMPLATE = PROJECT / "template.yaml"
SECOND_POOL = PROJECT / "docs/examples/second-pool/template.yaml"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mine-AbCdEf"
EXISTING = {"ExistingSecretArn": SECRET}
SUBNETS = {"ExistingSubnetIds": "subnet-01234567,subnet-89abcdef"}
GROUP = {"ExistingSecurityGroupId": "sg-01234567"}


class Parameters(unittest.TestCase):
    def assert_refused(self, given: dict[str, str], *named: str) -> None:
        """There is one error for each of these, which names it."""
        errors = refused(TEMPLATE, **given)
        self.assertEqual(len(errors), len(named), errors)
        for name in named:
            self.assertTrue(any(name in text for text in errors), (name, errors))

    def test_what_makes_sense_is_let_through(self):
        for given in (
            {},
            {"Network": "egress-only", "AdmissionVia": "table"},
            {"AvailabilityZoneA": "us-east-1a", "AvailabilityZoneB": "us-east-1c"},
            EXISTING,
            {**EXISTING, **SUBNETS, **GROUP},
            {**EXISTING, "DatabaseTls": "off"},
        ):
            with self.subTest(**given):
                self.assert_refused(given)

    def test_subnets_and_their_group_go_together(self):
        self.assert_refused({**EXISTING, **SUBNETS}, "requires ExistingSecurityGroupId")
        self.assert_refused({**EXISTING, **GROUP}, "requires ExistingSubnetIds")

    def test_an_existing_network_goes_with_an_existing_database(self):
        without = "requires ExistingSecretArn"
        self.assert_refused({**SUBNETS, **GROUP}, f"ExistingSubnetIds {without}", f"ExistingSecurityGroupId {without}")
        self.assert_refused(SUBNETS, f"ExistingSubnetIds {without}", "requires ExistingSecurityGroupId")
        self.assert_refused(GROUP, f"ExistingSecurityGroupId {without}", "requires ExistingSubnetIds")

    def test_the_networks_own_parameters_go_with_a_created_database(self):
        zones = {"AvailabilityZoneA": "us-east-1a", "AvailabilityZoneB": "us-east-1c"}
        self.assert_refused({**EXISTING, **zones}, "AvailabilityZoneA is for", "AvailabilityZoneB is for")
        self.assert_refused({**EXISTING, "Network": "egress-only"}, "egress-only")
        self.assert_refused({"DatabaseTls": "off"}, "DatabaseTls")

    def test_the_zones_are_two(self):
        self.assert_refused({"AvailabilityZoneA": "us-east-1a"}, "require each other")
        self.assert_refused({"AvailabilityZoneB": "us-east-1a"}, "require each other")
        same = {"AvailabilityZoneA": "us-east-1a", "AvailabilityZoneB": "us-east-1a"}
        self.assert_refused(same, "must differ")

    def test_a_region_without_bundled_roots_is_refused_unless_they_are_not_used(self):
        for region in ("il-central-1", "cn-north-1", "xx-nowhere-9"):
            for given in ({}, EXISTING):
                (error,) = refused(TEMPLATE, region, **given)
                self.assertIn("RDS roots do not cover this region", error)
            self.assertEqual(refused(TEMPLATE, region, **EXISTING, DatabaseTls="off"), [])


class SecondPool(unittest.TestCase):
    def test_subnets_and_their_group_go_together(self):
        both = {"SubnetIds": "subnet-01234567", "SecurityGroupId": "sg-01234567"}
        self.assertEqual(refused(SECOND_POOL), [])
        self.assertEqual(refused(SECOND_POOL, **both), [])
        for one, other in (("SubnetIds", "SecurityGroupId"), ("SecurityGroupId", "SubnetIds")):
            self.assertEqual(refused(SECOND_POOL, **{one: both[one]}), [f"{one} requires {other}."])

    def test_a_region_without_bundled_roots_is_refused_unless_they_are_not_used(self):
        self.assertEqual(len(refused(SECOND_POOL, "il-central-1")), 1)
        self.assertEqual(refused(SECOND_POOL, "il-central-1", DatabaseTls="off"), [])


if __name__ == "__main__":
    unittest.main()
