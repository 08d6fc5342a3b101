"""The commands that deploy: they exist, ask nothing, and give parameters of the template."""

import logging
import pathlib
import re
import shlex
import unittest
from typing import Any

from samcli.commands.build.command import cli as build
from samcli.commands.deploy.command import cli as deploy
from samcli.lib.config.samconfig import SamConfig
from samtranslator.yaml_helper import yaml_parse

# The SAM CLI sets it to INFO.
logging.getLogger().setLevel(logging.WARNING)

PROJECT = pathlib.Path(__file__).parents[2]
DEPLOYING = tuple(PROJECT / page for page in ("README.md", "docs/deployment.md", "docs/operation.md"))
COMMANDS = {"build": build, "deploy": deploy}
LONGEST_FUNCTION_NAME = 64


def commands(text: str) -> list[list[str]]:
    """Every `sam` command of a page's code blocks, split into words."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    found = [part.strip() for line in lines for part in line.split("#")[0].split("&&")]
    return [shlex.split(part) for part in found if part.startswith("sam ")]


class Commands(unittest.TestCase):
    pages = {path: path.read_text() for path in (*DEPLOYING, PROJECT / "docs/several-databases.md")}

    def test_none_of_them_asks(self):
        for path, text in self.pages.items():
            self.assertGreater(len(commands(text)), 0, path)
            for command in commands(text):
                self.assertNotIn("--guided", command)

    def test_their_options_are_the_sam_clis(self):
        for text in self.pages.values():
            for _, name, *words in commands(text):
                known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
                self.assertLessEqual({word for word in words if word.startswith("--")}, known)

    def test_the_parameters_that_they_give_are_the_templates(self):
        known = yaml_parse((PROJECT / "template.yaml").read_text())["Parameters"].keys()
        front = (PROJECT / "README.md").read_text().split("## Deploy\n", 1)[1].split("\n## ", 1)[0]
        given = set(re.findall(r"\b([A-Z]\w+)=", front + (PROJECT / "docs/deployment.md").read_text()))
        self.assertGreater(len(given), 3)
        self.assertLessEqual(given, known)


def configured(command: str) -> dict[str, Any]:
    """The options of a command in samconfig.toml. Read each time, because SamConfig changes the result."""
    return dict(SamConfig(str(PROJECT)).get_all([command], "parameters", "default"))


class Configuration(unittest.TestCase):
    def test_it_has_what_would_be_asked_for(self):
        given = configured("deploy")
        for name in ("stack_name", "capabilities", "resolve_s3"):
            self.assertTrue(given.get(name), name)
        self.assertIs(given["confirm_changeset"], False)

    def test_its_options_are_the_sam_clis(self):
        for name, command in COMMANDS.items():
            known = {parameter.name for parameter in command.params}
            self.assertLessEqual(configured(name).keys() - {"stack_name"}, known)
        self.assertIn("stack_name", {parameter.name for parameter in deploy.params})

    def test_it_sets_no_parameter_of_the_template(self):
        # In an update the SAM CLI keeps the values of parameters that are not given.
        self.assertNotIn("parameter_overrides", configured("deploy"))


class Names(unittest.TestCase):
    def test_the_docs_have_the_longest_name_of_a_stack(self):
        for path, page in (
            ("template.yaml", "docs/deployment.md"),
            ("docs/examples/second-pool/template.yaml", "docs/several-databases.md"),
        ):
            endings = re.findall(r"FunctionName: !Sub \$\{AWS::StackName\}(\S+)", (PROJECT / path).read_text())
            longest = LONGEST_FUNCTION_NAME - max(map(len, endings))
            text = re.sub(r"\s+", " ", (PROJECT / page).read_text())
            self.assertTrue(f"at most {longest} characters" in text, (page, longest))


if __name__ == "__main__":
    unittest.main()
