"""The pages show the files that the tests run, and what they name exists."""

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
# A path below one of the project's folders, outside of links and addresses.
FOLDERS = "admin|counter|docs|loadtest|local|query|shared|slots|verification"
NAMED_PATH = re.compile(rf"(?<![\w/.:-])(?:{FOLDERS})/[\w./-]*\w/?")
# `--test NAME` and the filter behind it, if there is one.
NAMED_TEST = re.compile(r"--test (\w+)(?: ([a-z]\w*))?")
NAMED_MODULE = re.compile(r"`([a-z]\w*(?:::[a-z]\w*)+)`")
NAMED_METHOD = re.compile(r"`([A-Z]\w+)::([a-z]\w*)(?:\([^`]*)?`")
RUST = re.compile(r"^```rust\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Names of other crates and of the standard library.
FOREIGN = {"Arc", "Ok", "RetryConfig", "parse", "unwrap_or_default"}
NAMED_TARGET = re.compile(r"(?:`|^)make ([a-z][\w-]*)", re.MULTILINE)


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


def tracked(pattern: str) -> list[pathlib.Path]:
    """The project's files of a pattern, without those that a build leaves."""
    return [path for path in PROJECT.glob(pattern) if "target" not in path.relative_to(PROJECT).parts]


class Names(unittest.TestCase):
    """Renamed files, tests, modules, methods and make targets are renamed in the pages as well."""

    # The changelog tells history.
    pages = [page for page in [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")] if page.name != "CHANGELOG.md"]
    rust = {path: path.read_text() for folder in FOLDERS.split("|") for path in tracked(f"{folder}/**/*.rs")}

    def named(self, pattern: re.Pattern[str]) -> list[tuple[str, str | tuple[str, ...]]]:
        found = [(page.name, name) for page in self.pages for name in pattern.findall(page.read_text())]
        self.assertGreater(len(found), 3)
        return found

    def test_every_path(self):
        for page, path in self.named(NAMED_PATH):
            with self.subTest(page=page, path=path):
                self.assertTrue((PROJECT / path).exists())

    def test_every_cargo_test(self):
        for page, (test, part) in self.named(NAMED_TEST):
            with self.subTest(page=page, test=test, part=part):
                files = [
                    text
                    for path, text in self.rust.items()
                    if path.parts[-2:] == ("tests", f"{test}.rs") or path.parts[-3:-1] == ("tests", test)
                ]
                self.assertGreater(len(files), 0)
                declared = re.compile(rf"\b(?:mod|fn) \w*{part}")
                self.assertTrue(any(declared.search(text) for text in files))

    def test_every_module(self):
        for page, name in self.named(NAMED_MODULE):
            with self.subTest(page=page, module=name):
                *above, last = name.removeprefix("rds_admission::").split("::")
                folder = "/".join(above)
                parents = [
                    text
                    for path, text in self.rust.items()
                    if str(path).endswith((f"/src/{folder}.rs", f"/src/{folder}/mod.rs"))
                ]
                self.assertTrue(any(re.search(rf"\b(?:mod|fn) {last}\b", text) for text in parents))

    def test_every_method(self):
        for page, (kind, method) in self.named(NAMED_METHOD):
            if kind in FOREIGN:
                continue
            with self.subTest(page=page, method=f"{kind}::{method}"):
                declared = re.compile(rf"\b(?:struct|enum|trait|type) {kind}\b")
                self.assertTrue(any(declared.search(text) for text in self.rust.values()))
                self.assertTrue(any(re.search(rf"\bfn {method}\b", text) for text in self.rust.values()))

    def test_every_name_of_the_rust_examples(self):
        blocks = [block for page in self.pages for block in RUST.findall(page.read_text())]
        self.assertGreater(len(blocks), 0)
        for block in blocks:
            code = re.sub(r'"[^"]*"|//.*', "", block)
            types = set(re.findall(r"\b[A-Z]\w+", code)) - FOREIGN
            methods = set(re.findall(r"[.:](\w+)(?:::<[^>]*>)?\(", code)) - FOREIGN
            self.assertGreater(min(len(types), len(methods)), 3)
            for name in types | methods:
                with self.subTest(name=name):
                    declared = re.compile(rf"\b(?:struct|enum|trait|type|fn) {name}\b")
                    self.assertTrue(any(declared.search(text) for text in self.rust.values()))

    def test_every_make_target(self):
        targets = set(re.findall(r"^([a-z][\w-]*):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
        for page, target in self.named(NAMED_TARGET):
            with self.subTest(page=page, target=target):
                self.assertIn(target, targets)


if __name__ == "__main__":
    unittest.main()
