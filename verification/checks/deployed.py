"""Evaluates a template's conditions and rules for given parameters, as CloudFormation does."""

import functools
import pathlib
import re
from typing import Any

from policies import transformed
from samtranslator.yaml_helper import yaml_parse

NOTHING = {"Ref": "AWS::NoValue"}

# SAM needs a second for each template.
expanded = functools.cache(transformed)


def deployed(path: pathlib.Path, **given: str) -> dict[str, Any]:
    """The resources, with `Fn::If` and `AWS::NoValue` evaluated. Other functions stay, also a `Ref` of a parameter."""
    template = yaml_parse(path.read_text())
    defaults = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}
    unknown = given.keys() - defaults.keys()
    if unknown:
        raise KeyError(f"{path.name} has no parameters {unknown}")
    conditions = Conditions(template["Conditions"], defaults | given)
    return {
        name: conditions.decide(resource)
        for name, resource in expanded(path).items()
        if "Condition" not in resource or conditions.holds(resource["Condition"])
    }


def refused(path: pathlib.Path, region: str = "us-east-1", **given: str) -> list[str]:
    """The errors of the template's rules for these parameters in this region."""
    template = yaml_parse(path.read_text())
    parameters = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}
    unknown = given.keys() - parameters.keys()
    if unknown:
        raise KeyError(f"{path.name} has no parameters {unknown}")
    conditions = Conditions({}, parameters | given | {"AWS::Region": region})
    return [
        assertion["AssertDescription"]
        for rule in template.get("Rules", {}).values()
        if conditions.truth(rule.get("RuleCondition", {"Fn::Equals": ["", ""]}))
        for assertion in rule["Assertions"]
        if not conditions.truth(assertion["Assert"])
    ]


def needs(resources: dict[str, Any], name: str) -> set[str]:
    """The resources that are created and updated before this one and deleted after it: those named in its properties,
    Metadata or DependsOn, and transitively those that they name."""
    found: set[str] = set()
    todo = [name]
    while todo:
        for other in named(resources[todo.pop()]) & resources.keys() - found:
            found.add(other)
            todo.append(other)
    return found


def named(node: Any) -> set[str]:
    """The names in `Ref`, `Fn::GetAtt`, `Fn::Sub` and `DependsOn`."""
    if isinstance(node, list):
        return set().union(*map(named, node))
    if not isinstance(node, dict):
        return set()
    found: set[str] = set()
    for key, child in node.items():
        match key:
            case "Ref":
                found.add(child)
            case "Fn::GetAtt":
                found.add(child[0] if isinstance(child, list) else child.split(".")[0])
            case "Fn::Sub":
                text = child[0] if isinstance(child, list) else child
                found |= {name.split(".")[0] for name in re.findall(r"\$\{([^}!]+)\}", text)}
                found |= named(child)
            case "DependsOn":
                found |= {child} if isinstance(child, str) else set(child)
            case _:
                found |= named(child)
    return found


class Conditions:
    def __init__(self, conditions: dict[str, Any], parameters: dict[str, Any]):
        self.conditions = conditions
        self.parameters = parameters

    def holds(self, name: str) -> bool:
        return self.truth(self.conditions[name])

    def truth(self, node: dict[str, Any]) -> bool:
        ((function, given),) = node.items()
        match function:
            case "Condition":
                return self.holds(given)
            case "Fn::Not":
                return not self.truth(given[0])
            case "Fn::And":
                return all(self.truth(part) for part in given)
            case "Fn::Or":
                return any(self.truth(part) for part in given)
            case "Fn::Equals":
                one, other = (self.value(part) for part in given)
                return one == other
            case "Fn::Contains":
                values, value = given
                return self.value(value) in [self.value(part) for part in values]
        raise ValueError(f"{function} is not a known condition")

    def value(self, node: Any) -> str:
        if isinstance(node, dict):
            return str(self.parameters[node["Ref"]])
        return str(node)

    def decide(self, node: Any) -> Any:
        """The node with its conditions evaluated."""
        if isinstance(node, list):
            decided = (self.decide(child) for child in node)
            return [child for child in decided if child != NOTHING]
        if not isinstance(node, dict):
            return node
        if "Fn::If" in node:
            condition, yes, no = node["Fn::If"]
            return self.decide(yes if self.holds(condition) else no)
        decided = {key: self.decide(child) for key, child in node.items()}
        return {key: child for key, child in decided.items() if child != NOTHING}
