"""The README's tables name what the template has."""

import pathlib
import re
import unittest

from deployed import deployed
from samtranslator.yaml_helper import yaml_parse

PROJECT = pathlib.Path(__file__).parents[2]
TEMPLATE = PROJECT / "template.yaml"


def named(heading: str) -> set[str]:
    """The names in the first column of the first table below a heading."""
    below = (PROJECT / "README.md").read_text().split(f"### {heading}\n", 1)[1]
    table = re.search(r"^\|.*?(?=\n\n)", below, re.MULTILINE | re.DOTALL).group(0)
    return {name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


class Tables(unittest.TestCase):
    def test_every_parameter(self):
        self.assertEqual(named("Parameters"), yaml_parse(TEMPLATE.read_text())["Parameters"].keys())

    def test_every_variable_of_the_functions(self):
        variables = {
            variable
            for resource in deployed(TEMPLATE, Network="egress-only").values()
            if resource["Type"] == "AWS::Lambda::Function"
            for variable in resource["Properties"]["Environment"]["Variables"]
        }
        # The functions read it; the template leaves it at its default.
        self.assertEqual(named("Environment of the functions"), variables | {"LOG_LEVEL"})


if __name__ == "__main__":
    unittest.main()
