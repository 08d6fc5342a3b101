"""The network of a created database: what each option opens."""

import itertools
import os
import pathlib
import unittest
import urllib.parse
from typing import Any
from unittest import mock

import boto3
from botocore.config import Config
from deployed import deployed
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = pathlib.Path(__file__).parents[2] / "template.yaml"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mine-AbCdEf"
FUNCTIONS = ("QueryFunction", "InitFunction", "RotateFunction")
LAMBDA_URL = "AWS_ENDPOINT_URL_LAMBDA"

Resources = dict[str, Any]


def stack(network: str = "endpoints", via: str = "counter", **more: str) -> Resources:
    return deployed(TEMPLATE, Network=network, AdmissionVia=via, **more)


def of_type(resources: Resources, kind: str) -> Resources:
    return {name: r["Properties"] for name, r in resources.items() if r["Type"] == f"AWS::{kind}"}


def endpoints(resources: Resources, kind: str) -> set[str]:
    found = of_type(resources, "EC2::VPCEndpoint")
    return {name for name, properties in found.items() if properties["VpcEndpointType"] == kind}


def urls(function: dict[str, Any]) -> Resources:
    """The endpoint URLs in a function's variables."""
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
            self.assertIs(resources[name]["Properties"]["VpcConfig"]["Ipv6AllowedForDualStack"], False)

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

    def test_only_lambda_has_a_name_of_its_own_for_ipv6(self):
        for via, holder in {"counter": {LAMBDA_URL}, "table": set()}.items():
            resources = stack("egress-only", via)
            self.assertEqual(urls(resources["QueryFunction"]).keys(), holder)
            self.assertEqual(urls(resources["RotateFunction"]).keys(), holder)
            self.assertEqual(urls(resources["InitFunction"]).keys(), set())

    def test_an_existing_database_gets_no_network(self):
        resources = stack(ExistingSecretArn=SECRET)
        self.assertEqual([name for name, r in resources.items() if r["Type"].startswith("AWS::EC2::")], [])
        self.assertEqual(urls(resources["QueryFunction"]), {})

    def test_what_an_update_has_to_take_back_has_a_value_in_every_case(self):
        # CloudFormation keeps Ipv6AllowedForDualStack when it is no longer named, and Lambda refuses it outside a VPC.
        # https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2061
        existing = {"ExistingSecretArn": SECRET}
        inside = {**existing, "ExistingSubnetIds": "subnet-01234567", "ExistingSecurityGroupId": "sg-01234567"}
        cases = [({"network": network}, network == "egress-only") for network in ("endpoints", "egress-only")]
        for given, allowed in [*cases, (inside, False), (existing, False)]:
            resources = stack(**given)
            for name in FUNCTIONS:
                if name not in resources:
                    continue
                with self.subTest(name, **given):
                    config = resources[name]["Properties"]["VpcConfig"]
                    self.assertEqual(config.keys(), {"SubnetIds", "SecurityGroupIds", "Ipv6AllowedForDualStack"})
                    self.assertIs(config["Ipv6AllowedForDualStack"], allowed)
                    if given is existing:
                        self.assertEqual((config["SubnetIds"], config["SecurityGroupIds"]), ([], []))


class Names(unittest.TestCase):
    """By the variables that the template sets, a request goes to the host to which AWS's SDK itself sends
    one that must go over IPv6. What is looked at is the request: the client's own `meta.endpoint_url` is
    another for Secrets Manager, and does not exist."""

    regions = {"aws": "eu-west-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
    calls = {
        "secretsmanager": lambda client: client.get_secret_value(SecretId="mine"),
        "lambda": lambda client: client.invoke(FunctionName="mine"),
    }

    def test_in_every_partition(self):
        domains = yaml_parse(TEMPLATE.read_text())["Mappings"]["Partitions"]
        self.assertEqual(domains.keys(), self.regions.keys())
        resources = stack("egress-only")
        for (partition, region), name, service in itertools.product(self.regions.items(), FUNCTIONS, self.calls):
            if (name, service) == ("InitFunction", "lambda"):
                continue
            with self.subTest(partition, function=name, service=service):
                variables = {
                    variable: self.text(value, region, domains[partition]["DualStackDomain"])
                    for variable, value in urls(resources[name]).items()
                }
                sent = self.host(service, region, variables)
                self.assertEqual(sent, self.host(service, region, {}, use_dualstack_endpoint=True))

    def test_a_name_that_does_not_exist_is_seen(self):
        wrong = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://secretsmanager.eu-west-1.api.aws"}
        right = self.host("secretsmanager", "eu-west-1", {}, use_dualstack_endpoint=True)
        self.assertEqual(right, "secretsmanager.eu-west-1.amazonaws.com")
        self.assertNotEqual(self.host("secretsmanager", "eu-west-1", wrong), right)

    @staticmethod
    def text(value: dict[str, Any], region: str, domain: str) -> str:
        pattern, values = value["Fn::Sub"]
        assert values["Domain"]["Fn::FindInMap"][0] == "Partitions", values
        return pattern.replace("${AWS::Region}", region).replace("${Domain}", domain)

    @classmethod
    def host(cls, service: str, region: str, variables: dict[str, str], **config: Any) -> str | None:
        """The host of a request by an SDK with these variables. It is caught before it is sent."""

        class Caught(BaseException):
            pass

        def catch(request: Any, **_: Any) -> None:
            raise Caught(urllib.parse.urlsplit(request.url).hostname)

        keys = {"AWS_ACCESS_KEY_ID": "-", "AWS_SECRET_ACCESS_KEY": "-"}
        with mock.patch.dict(os.environ, keys | variables, clear=True):
            client = boto3.Session().client(service, region_name=region, config=Config(**config))
            client.meta.events.register("before-send", catch)
            try:
                cls.calls[service](client)
            except Caught as caught:
                return caught.args[0]
        raise AssertionError("no request was made")


if __name__ == "__main__":
    unittest.main()
