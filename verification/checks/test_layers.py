"""The layers of the library are those of CONTRIBUTING.md."""

import pathlib
import re
import unittest

PROJECT = pathlib.Path(__file__).parents[2]
LIBRARY = PROJECT / "shared/src"
# A block of tests in a file, which may use any module.
TESTS = re.compile(r"^#\[cfg\(test\)\]\n(?:#\[.*\n)*mod \w+ \{\n.*?^\}", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"//.*$", re.MULTILINE)
# Every module logs.
EVERYWHERE = {"telemetry"}


def layers() -> list[set[str]]:
    """The modules of each row of the table, from the ground up."""
    page = (PROJECT / "CONTRIBUTING.md").read_text()
    table = re.search(r"^\| module \|.*?(?=\n\n)", page, re.MULTILINE | re.DOTALL).group(0)
    rows = table.splitlines()[2:]
    return [set(re.findall(r"`(\w+)`", row.split("|")[1])) for row in rows]


def used(module: str) -> set[str]:
    """The other modules that a module's files use."""
    files = [LIBRARY / f"{module}.rs", *(LIBRARY / module).rglob("*.rs")]
    found = set()
    for file in files:
        if file.exists() and file.name != "tests.rs" and "tests" not in file.parts:
            text = COMMENT.sub("", TESTS.sub("", file.read_text()))
            found.update(re.findall(r"\bcrate::([a-z]\w*)", text))
    return found - {module}


class Layers(unittest.TestCase):
    modules = set(re.findall(r"^(?:pub )?mod (\w+);", (LIBRARY / "lib.rs").read_text(), re.MULTILINE))

    def test_every_module_has_a_layer(self):
        self.assertEqual(set().union(*layers()), self.modules)

    def test_a_module_uses_only_those_below_it(self):
        below: set[str] = set()
        for row in layers():
            for module in row:
                with self.subTest(module):
                    self.assertLessEqual(used(module) & self.modules - EVERYWHERE, below | row)
            below |= row


if __name__ == "__main__":
    unittest.main()
