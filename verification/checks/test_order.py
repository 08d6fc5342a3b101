"""The order of resources: CloudFormation creates and updates a resource after those that it names, and deletes it
before them."""

import itertools
import pathlib
import unittest
from typing import Any

from deployed import deployed, needs

PROJECT = pathlib.Path(__file__).parents[2]
TEMPLATE = PROJECT / "template.yaml"
HOLDERS = ("QueryFunction", "RotateFunction")
ROLES = {"QueryRole", "InitRole", "RotateRole"}
WAYS = list(itertools.product(("endpoints", "egress-only"), ("counter", "table")))


def stack(network: str, via: str) -> dict[str, Any]:
    return deployed(TEMPLATE, Network=network, AdmissionVia=via)


class Order(unittest.TestCase):
    def test_nothing_needs_itself(self):
        for network, via in WAYS:
            resources = stack(network, via)
            for name in resources:
                with self.subTest(name, network=network, via=via):
                    self.assertNotIn(name, needs(resources, name))

    def test_a_function_changes_after_its_ways_to_aws_are_there(self):
        # Matters in an update of Network or AdmissionVia, or from an existing database to a created one.
        ways = {
            ("endpoints", "counter"): {"SecretsManagerEndpoint", "LambdaEndpoint"},
            ("endpoints", "table"): {"SecretsManagerEndpoint"},
            ("egress-only", "counter"): {"EgressOnlyRoute"},
            ("egress-only", "table"): {"EgressOnlyRoute"},
        }
        always = {"DynamoDBEndpoint", "RoutesOfSubnetA", "RoutesOfSubnetB", "FunctionsToDatabase"}
        for (network, via), interface in ways.items():
            resources = stack(network, via)
            for name in HOLDERS:
                with self.subTest(name, network=network, via=via):
                    self.assertLessEqual(interface | always, needs(resources, name))

    def test_a_function_changes_after_its_database_is_there(self):
        for name in HOLDERS:
            with self.subTest(name):
                self.assertLessEqual({"Database", "DatabaseSecretAttachment"}, needs(stack(*WAYS[0]), name))

    def test_the_pool_is_removed_without_waiting_for_a_functions_network_interfaces(self):
        # init removes the pool and shares network interfaces with the others. CloudFormation waits for the interfaces when it
        # deletes a function, and must not wait for those that init still uses.
        for network, via in WAYS:
            for name in HOLDERS:
                with self.subTest(name, network=network, via=via):
                    self.assertNotIn("Pool", needs(stack(network, via), name))

    def test_init_runs_after_its_ways_are_there(self):
        for network, via in WAYS:
            interface = {"endpoints": "SecretsManagerEndpoint", "egress-only": "EgressOnlyRoute"}[network]
            expected = {interface, "DynamoDBEndpoint", "S3Endpoint", "DatabaseSecretAttachment", "FunctionsToDatabase"}
            with self.subTest(network=network, via=via):
                self.assertLessEqual(expected, needs(stack(network, via), "Pool"))

    def test_the_rotation_is_tried_after_its_ways_are_there(self):
        # Secrets Manager runs rotate when the schedule is created.
        self.assertIn("LambdaEndpoint", needs(stack("endpoints", "counter"), "RotationSchedule"))
        self.assertIn("EgressOnlyRoute", needs(stack("egress-only", "counter"), "RotationSchedule"))

    def test_the_route_over_ipv6_is_made_after_the_vpc_has_ipv6(self):
        self.assertIn("VpcIpv6", needs(stack("egress-only", "counter"), "EgressOnlyRoute"))

    def test_the_subnets_have_ipv6_before_the_functions_use_it(self):
        resources = stack("egress-only", "counter")
        for name in (*HOLDERS, "InitFunction"):
            self.assertLessEqual({"Ipv6OfSubnetA", "Ipv6OfSubnetB"}, needs(resources, name))

    def test_the_roles_outlive_the_network_interfaces(self):
        # Lambda needs the roles to delete the interfaces. The security group is deleted after the interfaces, the roles
        # after the group.
        for network, via in WAYS:
            with self.subTest(network=network, via=via):
                kept = needs(stack(network, via), "FunctionsSecurityGroup")
                self.assertLessEqual(ROLES | {"VpcPolicy"}, kept)


class Check(unittest.TestCase):
    def test_a_need_is_seen_wherever_it_stands(self):
        resources = {
            "A": {"Properties": {"X": [{"Ref": "B"}]}, "Metadata": {"Needs": [{"Ref": "C"}]}, "DependsOn": "D"},
            "B": {"Properties": {"X": {"Fn::Sub": "${E}/${AWS::Region}/${!F}"}}},
            "C": {"Properties": {"X": {"Fn::GetAtt": ["G", "Arn"]}}, "DependsOn": ["H"]},
            **{name: {} for name in "DEFGHI"},
        }
        self.assertEqual(needs(resources, "A"), set("BCDEGH"))


if __name__ == "__main__":
    unittest.main()
