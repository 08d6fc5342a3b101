"""The pages show the files that the tests run."""

import pathlib
import re
import unittest

PROJECT = pathlib.Path(__file__).parents[2]
# A link to a file alone on its line, and the block below it.
SHOWN = re.compile(r"^\[[^\]]+\]\(([^)]+)\):\n\n```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Pictures too.
LINK = re.compile(
    r"\[[^\]]*\]\((?!https?://|mailto:)([^)#]*)(?:#([^)]*))?\)"
    r'|src(?:set)?="(?!https?://)([^"]+)"'
)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: pathlib.Path) -> set[str]:
    """What GitHub makes of a page's headings; of the same one twice, the first."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class AnyLanguage(unittest.TestCase):
    page = PROJECT / "docs/any-language.md"

    def test_its_blocks_are_the_files_and_no_file_is_left_out(self):
        shown = dict(SHOWN.findall(self.page.read_text()))
        files = {
            str(path.relative_to(self.page.parent))
            for pattern in ("python/*.py", "node/*.mjs", "shell/*.sh")
            for path in (self.page.parent / "examples").glob(pattern)
        }
        self.assertEqual(set(shown), files)
        for file, text in shown.items():
            with self.subTest(file=file):
                self.assertEqual(text, (self.page.parent / file).read_text())


class Links(unittest.TestCase):
    def test_every_link_into_the_repository_leads_somewhere(self):
        pages = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("shared/**/*.md")]
        self.assertGreater(len(pages), 3)
        for page in pages:
            for target, anchor, picture in LINK.findall(page.read_text()):
                target = target or picture
                with self.subTest(page=page.name, link=target, anchor=anchor):
                    found = page.parent / target if target else page
                    self.assertTrue(found.exists())
                    if anchor:
                        self.assertIn(anchor, anchors(found))


if __name__ == "__main__":
    unittest.main()
