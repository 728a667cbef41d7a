"""The whole road of a radioembolisation on the phantom, through DICOM files."""

import json

import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.demo.radioembolisation import run_plan_demo


def test_every_number_is_near_the_truth(tmp_path):
    said = []
    found = run_plan_demo(tmp_path, "small", lambda fraction, message: said.append(fraction))
    assert len(found.rows) == 14
    for quantity, _, truth, value in found.rows:
        assert value == pytest.approx(truth, rel=0.03), quantity
    for name in ("plan.json", "plan.csv", "plan_report.html", "verification.html", "planned_dose.nrrd", "delivered_dose.nrrd"):
        assert (tmp_path / name).stat().st_size > 500
    assert json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))["rows"][0][0] == "lung shunt, SPECT/CT"
    assert said == sorted(said)
    assert said[-1] == 1.0


def test_other_folders_are_left_alone(tmp_path):
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "mine.dcm").write_text("mine", encoding="utf-8")
    with pytest.raises(DosimetryError, match="choose another folder"):
        run_plan_demo(tmp_path, "small")
    assert (tmp_path / "dicom" / "mine.dcm").exists()
