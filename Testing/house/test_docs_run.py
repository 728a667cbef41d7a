"""Every python block of the documentation runs as printed, and every JSON block is JSON.

The blocks of a page run in their order in one namespace, in a process and an empty folder of their own (one of them registers a model
for good); a RuntimeWarning is an error. Pages for 3D Slicer have their own test (Testing/module).
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
IN_SLICER = {"cookbook.md", "views.md"}

RUN = """
import json, sys, warnings
warnings.simplefilter("error", RuntimeWarning)
names = {"__name__": "docs"}
for number, block in enumerate(json.load(sys.stdin), start=1):
    exec(compile(block, f"block {number}", "exec"), names)
"""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


PYTHON_PAGES = [page for page in PAGES if page.name not in IN_SLICER and blocks(page, "python")]


@pytest.mark.parametrize("page", PYTHON_PAGES, ids=lambda page: page.name)
def test_python_blocks_run_as_printed(page, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(blocks(page, "python")),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{page.name}: {done.stderr[-2000:]}"


def test_there_are_pages_to_run():
    assert len(PYTHON_PAGES) >= 20


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "json")], ids=lambda page: page.name)
def test_json_blocks_are_json(page):
    for block in blocks(page, "json"):
        json.loads(block)


def test_every_block_names_a_language_that_is_checked_or_is_plain():
    """A block of another name would run past these tests."""
    for page in PAGES:
        fences = re.findall(r"^```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(fences[::2]) <= {"python", "json", "", "sh", "bash", "text"}, page.name
