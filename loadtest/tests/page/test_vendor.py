"""What others have written is as it was when it came."""

import base64
import hashlib
import pathlib
import re
import unittest

VENDOR = pathlib.Path(__file__).resolve().parents[2] / "page/vendor"


class Vendored(unittest.TestCase):
    def test_files_have_the_hashes_in_the_readme(self):
        readme = (VENDOR / "README.md").read_text()
        hashes = dict(re.findall(r"^\| `([\w.]+)` \| `sha512-(\S+)` \|$", readme, re.MULTILINE))
        files = {path.name for path in VENDOR.iterdir()} - {"README.md"}
        self.assertEqual(hashes.keys(), files)
        for name, integrity in hashes.items():
            digest = hashlib.sha512((VENDOR / name).read_bytes()).digest()
            self.assertEqual(base64.b64encode(digest).decode(), integrity, name)


if __name__ == "__main__":
    unittest.main()
