"""The catalog entry under the index's own checks, where the index is at hand (EXTENSIONS_INDEX_SRC); those that need the network are left out."""

import json
import os
import re
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / "Resources" / "catalog" / "RNTDosimetry.json"
NAME = "RNTDosimetry"


SOURCE = os.environ.get("EXTENSIONS_INDEX_SRC", "")
# Without the index there is no case: pytest says that the set of parameters is empty.


@pytest.fixture(scope="module", params=[SOURCE] if SOURCE else [])
def index(request):
    """The script check_description_files of the extension index."""
    path = Path(request.param) / "scripts" / "check_description_files.py"
    # Its list of categories is printed by a line that only Python 3.12 reads.
    text = re.sub(r"^( *)print\(f\"\[\\n\{.*$", r"\1pass", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    module = types.ModuleType(path.stem)
    exec(compile(text, str(path), "exec"), vars(module))
    return module


def test_the_entry_claims_no_dicom_import():
    """Studies are read from a folder by the panel: Slicer's DICOM browser must not offer the extension for its series."""
    assert "dicom_support_rule" not in json.loads(ENTRY.read_text(encoding="utf-8"))


def test_the_entry_passes_the_checks_of_the_index(index):
    entry = json.loads(ENTRY.read_text(encoding="utf-8"))
    index.check_json_file_format(NAME, entry, str(ENTRY))
    for check in ("check_category", "check_scm_url_syntax", "check_extension_name", "check_git_repository_name"):
        getattr(index, check)(NAME, entry)
    index.check_license_file(NAME, entry, str(ROOT))


def test_the_cmake_file_passes_the_checks_of_the_index(index, monkeypatch):
    """All but the download of the pictures that it names."""
    monkeypatch.setattr(index, "validate_image_url", lambda url, *more: None)
    index.check_cmakelists_content(NAME, json.loads(ENTRY.read_text(encoding="utf-8")), str(ROOT))


def test_the_entry_looks_like_the_others_of_the_index(index):
    """Keys that the index holds today; the scripts run over every entry of its folder."""
    folder = Path(SOURCE)
    known = {key for path in folder.glob("*.json") for key in json.loads(path.read_text(encoding="utf-8"))}
    assert set(json.loads(ENTRY.read_text(encoding="utf-8"))) <= known
