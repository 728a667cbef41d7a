"""The panel in Dutch: texts are collected for translators, and come back translated where they are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import build_translations
    finally:
        sys.path.pop(0)
    return build_translations


def dutch(tool) -> dict[tuple[str, str], str]:
    return tool.translations_of(tool.FOLDER / "RNTDosimetry_nl.ts")


def test_the_file_lists_every_text(tool):
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "build_translations.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + "run tools/build_translations.py"


def test_contexts_are_those_that_slicer_looks_in(tool):
    """slicer.i18n.getContext: package and file for files of a package, the file alone for the module; the class for the .ui file."""
    contexts = tool.collected()
    assert {"RNTDosimetry", "RNTDosimetryPanel.study", "study.parameters"} <= set(contexts)
    assert "1. Study" in contexts["RNTDosimetry"]


def test_placeholders_are_kept(tool):
    """Slicer refuses a translation that loses one."""
    for (context, text), translation in dutch(tool).items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", translation)), (context, text)


def test_the_panel_speaks_dutch(tool, panel, monkeypatch):
    """Every word of the status lines and buttons goes through the translator: none was built before it."""
    import slicer

    words = {text: translation for (_context, text), translation in dutch(tool).items()}
    assert len(words) > 150
    monkeypatch.setattr(slicer.app, "translate", lambda context, text, *more: words.get(text, text), raising=False)
    _container, widget = panel
    widget.panel.refresh()
    assert widget.ui.nuclideOriginLabel.text == "ontbreekt"
    assert widget.ui.reportStatusLabel.text == "Voer eerst uit."
    assert widget.ui.cancelButton.toolTip == "Er wordt niets gedaan"
