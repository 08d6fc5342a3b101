"""Finds wildcards in the policies of a SAM template."""

import json
import logging
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse


# Silences its warnings about metrics.
logging.getLogger("samtranslator").setLevel(logging.ERROR)


class Wildcard(NamedTuple):
    """A `*` or `?` in a statement that allows something: its resource, statement and part, and the statement's actions."""

    resource: str
    statement: str
    part: str
    text: str
    actions: frozenset[str] = frozenset()


def transformed(path: pathlib.Path) -> dict[str, Any]:
    """The resources for CloudFormation: the template's and those that SAM adds."""
    template = yaml_parse(path.read_text())
    for resource in template["Resources"].values():
        # SAM requires uploaded code.
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    session = boto3.Session(region_name="us-east-1")
    # The first argument would map names of managed policies, which the templates do not use.
    translator = Translator({}, Parser(), boto_session=session)
    return translator.translate(template, {})["Resources"]


def wildcards(resources: dict[str, Any]) -> Iterator[Wildcard]:
    """All wildcards. Statements that deny may have any."""
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        for statement in statements(properties):
            label = statement.get("Sid", "(no Sid)")
            actions = frozenset(strings(statement.get("Action", [])))
            for part in ("NotAction", "NotResource", "NotPrincipal"):
                if part in statement:
                    yield Wildcard(name, label, part, json.dumps(statement[part]), actions)
            for part in ("Action", "Resource", "Principal"):
                for text in strings(statement.get(part, [])):
                    if wild(text):
                        yield Wildcard(name, label, part, text, actions)
        for part in ("ManagedPolicyArns", "PermissionsBoundary"):
            for text in strings(properties.get(part, [])):
                # AWS's managed policies may be wide.
                if ":policy/" in text:
                    yield Wildcard(name, part, part, text)
        if resource["Type"] == "AWS::Lambda::Permission":
            yield from open_permission(name, properties)


def open_permission(name: str, permission: dict[str, Any]) -> Iterator[Wildcard]:
    """A permission for a whole service, for resources of any account."""
    service = str(permission.get("Principal", "*"))
    if wild(service):
        yield Wildcard(name, "(permission)", "Principal", service)
    if not {"SourceArn", "SourceAccount", "PrincipalOrgID"} & permission.keys():
        yield Wildcard(name, "(permission)", "SourceArn", "(none)")


def wild(text: str) -> bool:
    """In IAM, `*` matches any text and `?` any one character."""
    return "*" in text or "?" in text


def statements(node: Any) -> Iterator[dict[str, Any]]:
    """Every statement that allows something, also in branches of Fn::If."""
    if isinstance(node, dict):
        if node.get("Effect") == "Allow":
            yield node
        for child in node.values():
            yield from statements(child)
    elif isinstance(node, list):
        for child in node:
            yield from statements(child)


def strings(node: Any) -> Iterator[str]:
    """Every text in a value, also in arguments of functions."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, child in node.items():
            # Names of conditions and resources are not part of the value.
            if key == "Fn::If":
                yield from strings(child[1:])
            elif key not in ("Ref", "Fn::GetAtt"):
                yield from strings(child)
    elif isinstance(node, list):
        for child in node:
            yield from strings(child)
