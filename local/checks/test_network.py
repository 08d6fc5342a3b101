"""What each way through the network of a created database opens, and what it doesn't."""

import itertools
import pathlib
import unittest
from typing import Any

import boto3
from botocore.config import Config
from deployed import deployed
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = pathlib.Path(__file__).parents[2] / "template.yaml"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mine-AbCdEf"
FUNCTIONS = ("QueryFunction", "InitFunction", "RotateFunction")
SECRETS_URL, LAMBDA_URL = "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_LAMBDA"

Resources = dict[str, Any]


def stack(network: str = "endpoints", via: str = "counter", **more: str) -> Resources:
    return deployed(TEMPLATE, Network=network, AdmissionVia=via, **more)


def of_type(resources: Resources, kind: str) -> Resources:
    return {name: r["Properties"] for name, r in resources.items() if r["Type"] == f"AWS::{kind}"}


def endpoints(resources: Resources, kind: str) -> set[str]:
    found = of_type(resources, "EC2::VPCEndpoint")
    return {name for name, properties in found.items() if properties["VpcEndpointType"] == kind}


def urls(function: dict[str, Any]) -> Resources:
    """The addresses that a function is told, by their variables."""
    variables = function["Properties"]["Environment"]["Variables"]
    return {name: value for name, value in variables.items() if name.startswith("AWS_")}


class Ways(unittest.TestCase):
    def test_the_interface_endpoints_are_those_that_are_used(self):
        for (network, via), there in {
            ("endpoints", "counter"): {"SecretsManagerEndpoint", "LambdaEndpoint"},
            ("endpoints", "table"): {"SecretsManagerEndpoint"},
            ("egress-only", "counter"): set(),
            ("egress-only", "table"): set(),
        }.items():
            with self.subTest(network=network, via=via):
                self.assertEqual(endpoints(stack(network, via), "Interface"), there)

    def test_the_table_is_always_reached_by_its_gateway_endpoint(self):
        for network, via in itertools.product(("endpoints", "egress-only"), ("counter", "table")):
            with self.subTest(network=network, via=via):
                found = endpoints(stack(network, via), "Gateway")
                self.assertEqual(found, {"DynamoDBEndpoint", "S3Endpoint"})

    def test_nothing_has_ipv6_unless_it_is_asked_for(self):
        resources = stack()
        new = {name for name in stack("egress-only") if name not in resources}
        self.assertEqual(
            {stack("egress-only")[name]["Type"].removeprefix("AWS::EC2::") for name in new},
            {"EgressOnlyInternetGateway", "Route", "SubnetCidrBlock", "VPCCidrBlock"},
        )
        rules = resources["FunctionsSecurityGroup"]["Properties"]["SecurityGroupEgress"]
        self.assertEqual([rule for rule in rules if "CidrIpv6" in rule], [])
        for name in FUNCTIONS:
            self.assertEqual(urls(resources[name]), {})
            self.assertNotIn("Ipv6AllowedForDualStack", resources[name]["Properties"]["VpcConfig"])

    def test_the_way_out_over_ipv6_is_open_for_the_functions_and_port_443(self):
        resources = stack("egress-only")
        for group, properties in of_type(resources, "EC2::SecurityGroup").items():
            rules = [rule for rule in properties["SecurityGroupEgress"] if "CidrIpv6" in rule]
            ports = [(rule["CidrIpv6"], rule["FromPort"], rule["ToPort"]) for rule in rules]
            self.assertEqual(ports, [("::/0", 443, 443)] if group == "FunctionsSecurityGroup" else [])
        for name in FUNCTIONS:
            self.assertIs(resources[name]["Properties"]["VpcConfig"]["Ipv6AllowedForDualStack"], True)

    def test_nobody_outside_has_a_way_in(self):
        for network in ("endpoints", "egress-only"):
            resources = stack(network)
            for kind in ("EC2::InternetGateway", "EC2::NatGateway", "EC2::EIP"):
                self.assertEqual(of_type(resources, kind), {})
            for properties in of_type(resources, "EC2::SecurityGroup").values():
                for rule in properties.get("SecurityGroupIngress", []):
                    self.assertIn("SourceSecurityGroupId", rule)

    def test_a_function_is_told_the_names_of_what_it_calls(self):
        for via, query in {"counter": {SECRETS_URL, LAMBDA_URL}, "table": {SECRETS_URL}}.items():
            resources = stack("egress-only", via)
            self.assertEqual(urls(resources["QueryFunction"]).keys(), query)
            self.assertEqual(urls(resources["RotateFunction"]).keys(), query)
            self.assertEqual(urls(resources["InitFunction"]).keys(), {SECRETS_URL})

    def test_an_existing_database_gets_no_network(self):
        resources = stack(ExistingSecretArn=SECRET)
        self.assertEqual([name for name, r in resources.items() if r["Type"].startswith("AWS::EC2::")], [])
        self.assertEqual(urls(resources["QueryFunction"]), {})


class Names(unittest.TestCase):
    """The names are those that AWS's SDKs make for dual-stack endpoints."""

    regions = {"aws": "eu-west-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}

    def test_in_every_partition(self):
        domains = yaml_parse(TEMPLATE.read_text())["Mappings"]["Partitions"]
        self.assertEqual(domains.keys(), self.regions.keys())
        told = urls(stack("egress-only")["QueryFunction"])
        for variable, service in {SECRETS_URL: "secretsmanager", LAMBDA_URL: "lambda"}.items():
            pattern, values = told[variable]["Fn::Sub"]
            self.assertEqual(values["Domain"]["Fn::FindInMap"][0], "Partitions")
            for partition, region in self.regions.items():
                domain = domains[partition]["DualStackDomain"]
                name = pattern.replace("${AWS::Region}", region).replace("${Domain}", domain)
                self.assertEqual(name, self.sdks(service, region))

    @staticmethod
    def sdks(service: str, region: str) -> str:
        return boto3.client(
            service,
            region_name=region,
            aws_access_key_id="-",
            aws_secret_access_key="-",
            config=Config(use_dualstack_endpoint=True, ignore_configured_endpoint_urls=True),
        ).meta.endpoint_url


if __name__ == "__main__":
    unittest.main()
