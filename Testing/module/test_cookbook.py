"""The scripts of docs/cookbook.md, run in their order in one scene."""

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cookbook.md"


def scripts() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_there_are_ten_scripts():
    assert len(scripts()) == 10
    assert "slicer.modules.rntdosimetry.logic()" in PAGE.read_text(encoding="utf-8")


def test_slicer_gives_an_empty_logic(module):
    """What the page warns of."""
    import slicer

    assert not hasattr(slicer.modules.rntdosimetry.logic(), "loadStudyFile")


def test_the_scripts_run(scene, patient, library_run, tmp_path, monkeypatch):
    (tmp_path / "phantom").symlink_to(patient.folder)
    monkeypatch.chdir(tmp_path)
    names, printed = {}, []
    for script in scripts():
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(compile(script, str(PAGE), "exec"), names)
        printed.append(output.getvalue())
    _images, expected = library_run
    spleen = expected.region("spleen").dose
    assert f"spleen: {spleen.dose_gy:.2f} +/- {spleen.dose_uncertainty_gy:.2f} Gy" in printed[0]
    assert "'register': 'current', 'measure': 'stale'" in printed[2]
    assert printed[3].startswith("stale\n")
    assert (tmp_path / "report" / "report.html").is_file()
    assert (tmp_path / "report" / "scene.mrb").is_file()
    # The second study holds the volumes of the first under their own transforms: the same activity, so the same dose but for the
    # density of recipe 3 and the share of the dose map that recipe 4 changed.
    assert float(printed[9]) == pytest.approx(expected.region("liver").dose.dose_gy, rel=0.02)
    assert all(printed[index] for index in (1, 4, 5, 6, 8))
