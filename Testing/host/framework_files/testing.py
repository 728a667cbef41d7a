"""How a test script run inside the application reports its end."""

import sys
import unittest


def exitSuccess() -> None:
    """The process goes on; nothing failed."""


def exitFailure(message: str = "") -> None:
    raise Exception(message)


def runUnitTest(path, testname: str) -> None:
    """Run the tests of one importable module, with one folder or a list of folders added to the search path."""
    sys.path.extend([path] if isinstance(path, str) else list(path))
    result = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromName(testname))
    if not result.wasSuccessful():
        exitFailure(f"{testname}: {len(result.failures)} failures, {len(result.errors)} errors")
