"""docs/parameters.md names what the template has; the README's table has the numbers of the kept report."""

import copy
import json
import pathlib
import re
import sys
import unittest

from deployed import deployed
from samtranslator.yaml_helper import yaml_parse

PROJECT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(PROJECT / "loadtest"))

import readme  # noqa: E402

TEMPLATE = PROJECT / "template.yaml"
PARAMETERS = PROJECT / "docs/parameters.md"


def named(heading: str) -> set[str]:
    """The names in the first column of the first table below a heading."""
    below = PARAMETERS.read_text().split(f"## {heading}\n", 1)[1]
    table = re.search(r"^\|.*?(?=\n\n|\Z)", below, re.MULTILINE | re.DOTALL).group(0)
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


class Demonstration(unittest.TestCase):
    text = readme.README.read_text()
    report = json.loads(readme.KEPT.read_text())

    def test_its_table_is_what_the_kept_report_says(self):
        kept = readme.KEPT.relative_to(PROJECT)
        self.assertEqual(self.text, readme.written(self.text, self.report), f"run loadtest/readme.py {kept}")

    def test_another_number_is_seen(self):
        (row,) = re.findall(r"^\| offered \|.*$", self.text, re.MULTILINE)
        changed = self.text.replace(row, "| offered | 1 | 2 |")
        self.assertNotEqual(changed, readme.written(changed, self.report))

    def test_a_place_that_is_gone_is_seen(self):
        with self.assertRaises(ValueError):
            readme.written(self.text.replace("<!-- /demo -->", ""), self.report)

    def test_a_report_of_one_run_is_refused(self):
        report = copy.deepcopy(self.report)
        del report["runs"][0]
        with self.assertRaises(ValueError):
            readme.written(self.text, report)

    def test_what_there_was_none_of_has_an_empty_cell(self):
        report = copy.deepcopy(self.report)
        last = report["runs"][-1]
        last["rejected"]["latency"] = last["slots"]["utilisation"] = None
        table = readme.table(report)
        self.assertIn("| slots in use while callers were rejected | | |\n", table)
        self.assertTrue(table.endswith("| time of a rejection: p50, p99 | | |"), table)

    def test_a_share_is_never_rounded_up(self):
        report = copy.deepcopy(self.report)
        report["runs"][-1]["slots"]["utilisation"]["mean"] = 0.9999
        self.assertIn("| slots in use while callers were rejected | | 99.9 % |\n", readme.table(report))


if __name__ == "__main__":
    unittest.main()
