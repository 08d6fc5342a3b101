"""The templates' policies have no wildcard that AWS does not require."""

import copy
import pathlib
import unittest
from typing import Any

from policies import Wildcard, transformed, wildcards

PROJECT = pathlib.Path(__file__).parents[2]
TEMPLATE = PROJECT / "template.yaml"
SECOND_POOL = PROJECT / "docs/examples/second-pool/template.yaml"

INTERFACES = frozenset(
    f"ec2:{action}"
    for action in (
        "AssignPrivateIpAddresses",
        "CreateNetworkInterface",
        "DeleteNetworkInterface",
        "DescribeNetworkInterfaces",
        "DescribeSubnets",
        "UnassignPrivateIpAddresses",
    )
)
GET_SECRET, PASSWORD = "secretsmanager:GetSecretValue", "secretsmanager:GetRandomPassword"
ROTATE_SECRET = {
    f"secretsmanager:{action}" for action in ("DescribeSecret", "PutSecretValue", "UpdateSecretVersionStage")
}

# Lambda checks these without a resource when it attaches a function to its VPC. Another statement denies them to the
# function's code.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
ATTACH = Wildcard("VpcPolicy", "Attach", "Resource", "*", INTERFACES)


def endpoint(name: str, *actions: str) -> Wildcard:
    """An endpoint's policy limits the actions; the roles limit the callers, which are functions of this VPC. A gateway
    endpoint accepts no other principal."""
    return Wildcard(name, "(no Sid)", "Principal", "*", frozenset(actions))


ALLOWED = {
    TEMPLATE: {
        ATTACH,
        # The action supports no resource.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
        Wildcard("RotateRole", "NewPassword", "Resource", "*", frozenset({PASSWORD})),
        Wildcard("SecretsManagerEndpoint", "(no Sid)", "Resource", "*", frozenset({PASSWORD})),
        endpoint("SecretsManagerEndpoint", PASSWORD),
        endpoint("SecretsManagerEndpoint", GET_SECRET, *ROTATE_SECRET),
        endpoint("LambdaEndpoint", "lambda:InvokeFunction"),
        endpoint("DynamoDBEndpoint", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem"),
        endpoint("S3Endpoint", "s3:PutObject"),
        # CloudFormation chooses the object's name, in its own bucket.
        Wildcard(
            "S3Endpoint",
            "(no Sid)",
            "Resource",
            "arn:${AWS::Partition}:s3:::cloudformation-custom-resource-response-${Region}/*",
            frozenset({"s3:PutObject"}),
        ),
    },
    SECOND_POOL: {ATTACH},
}


class Templates(unittest.TestCase):
    def test_every_wildcard_is_on_the_list_and_none_is_superfluous(self):
        for path, allowed in ALLOWED.items():
            with self.subTest(template=path.name):
                self.assertEqual(set(wildcards(transformed(path))), allowed)

    def test_every_role_is_one_functions_own(self):
        resources = transformed(TEMPLATE)
        functions = [r for r in resources.values() if r["Type"] == "AWS::Lambda::Function"]
        roles = [str(function["Properties"]["Role"]) for function in functions]
        self.assertEqual(len(roles), len(set(roles)))


class Check(unittest.TestCase):
    """The check finds wildcards."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.good = transformed(TEMPLATE)

    def new(self, resource: str, properties: dict[str, Any], kind: str | None = None) -> set[Wildcard]:
        """The new wildcards when a resource has other properties."""
        changed = copy.deepcopy(self.good)
        changed.setdefault(resource, {"Type": kind})
        changed[resource]["Properties"] = properties
        return set(wildcards(changed)) - set(wildcards(self.good))

    def found(self, **statement: Any) -> set[tuple[str, str]]:
        document = {"Statement": [{"Fn::If": ["InVpc", {"Sid": "X", **statement}, None]}]}
        role = {"Policies": [{"PolicyName": "x", "PolicyDocument": document}]}
        return {(w.part, w.text) for w in self.new("CounterRole", role)}

    def test_a_wildcard_is_seen_in_every_part_and_form(self):
        allow = {"Effect": "Allow", "Resource": {"Fn::GetAtt": ["Table", "Arn"]}}
        self.assertEqual(self.found(**allow, Action="dynamodb:GetItem"), set())
        self.assertEqual(self.found(**allow, Action="dynamodb:*"), {("Action", "dynamodb:*")})
        self.assertEqual(self.found(**allow, Action=["a:B", "c:Get*"]), {("Action", "c:Get*")})
        self.assertEqual(self.found(**allow, Action="dynamodb:?etItem"), {("Action", "dynamodb:?etItem")})
        self.assertEqual(self.found(**allow, NotAction="iam:X"), {("NotAction", '"iam:X"')})
        for resource in (
            "*",
            "arn:aws:s3:::mine-????????",
            {"Fn::Sub": "arn:${AWS::Partition}:s3:::x/*"},
            {"Fn::Join": [":", ["a", "*"]]},
        ):
            found = self.found(Effect="Allow", Action="s3:GetObject", Resource=resource)
            self.assertEqual({part for part, _ in found}, {"Resource"}, resource)
        everyone = self.found(**allow, Action="a:B", Principal={"AWS": "*"})
        self.assertEqual(everyone, {("Principal", "*")})
        self.assertEqual(self.found(Effect="Deny", Action="*", Resource="*"), set())

    def test_an_action_beside_a_forced_wildcard_is_seen(self):
        policy = copy.deepcopy(self.good["VpcPolicy"]["Properties"])
        policy["PolicyDocument"]["Statement"][0]["Action"].append("ec2:RunInstances")
        (found,) = self.new("VpcPolicy", policy)
        self.assertIn("ec2:RunInstances", found.actions)

    def test_a_policy_of_awss_own_is_seen(self):
        arn = "arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"
        found = self.new("CounterRole", {"ManagedPolicyArns": [arn]})
        self.assertEqual({w.text for w in found}, {arn})

    def test_a_function_that_everyones_resources_may_invoke_is_seen(self):
        permission = {"FunctionName": "x", "Action": "lambda:InvokeFunction"}
        for principal, count in (("*", 2), ("events.amazonaws.com", 1)):
            found = self.new("P", {**permission, "Principal": principal}, "AWS::Lambda::Permission")
            self.assertEqual(len(found), count, found)


if __name__ == "__main__":
    unittest.main()
