"""All end-to-end tests, in the order in which they run.

The modules in `FIRST` cover the basics: when they fail, most others do too. `teardown` reads the logs of
every other test and then deletes the stack, so it runs last and is not named `test_*`. All other modules
leave the stack as they found it and may run in any order.
"""

import pathlib
import unittest

FIRST = ["test_counter", "test_query"]
LAST = ["teardown"]


def load_tests(loader: unittest.TestLoader, *_: object) -> unittest.TestSuite:
    others = {path.stem for path in pathlib.Path(__file__).parent.glob("test_*.py")}.difference(FIRST)
    return loader.loadTestsFromNames([*FIRST, *sorted(others), *LAST])
