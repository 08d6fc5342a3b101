"""docs/several-databases.md names the parameters of the second pool's template."""

import pathlib
import re
import unittest

from samtranslator.yaml_helper import yaml_parse

PROJECT = pathlib.Path(__file__).parents[2]


class SecondPool(unittest.TestCase):
    page = (PROJECT / "docs/several-databases.md").read_text()
    template = yaml_parse((PROJECT / "docs/examples/second-pool/template.yaml").read_text())

    def test_the_table_has_every_parameter(self):
        table = re.search(r"^\| parameter \|.*?(?=\n\n)", self.page, re.MULTILINE | re.DOTALL).group(0)
        named = {name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
        self.assertEqual(named, self.template["Parameters"].keys())

    def test_the_command_gives_those_that_have_no_default(self):
        command = re.search(r"^sam deploy .*?^```", self.page, re.MULTILINE | re.DOTALL).group(0)
        given = set(re.findall(r"(\w+)=", command))
        needed = {name for name, p in self.template["Parameters"].items() if "Default" not in p}
        self.assertLessEqual(needed, given)
        self.assertLessEqual(given, self.template["Parameters"].keys())


if __name__ == "__main__":
    unittest.main()
