"""A real scan through the whole road: lesions drawn on the SPECT, no CT, one entered decay correction.

The files are other people's and not part of the project: they are looked for in RNT_REAL_FILES, else in ../shared/real beside the clone.
"""

import json
import math
import os
from pathlib import Path

import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.roads.therapy import run_study_file

REAL = Path(os.environ.get("RNT_REAL_FILES") or Path(__file__).resolve().parents[4] / "shared" / "real")
CASE = REAL / "lu177_spect_scan1_siemens_xspect_pt_mim_rtstruct"

pytestmark = pytest.mark.skipif(not CASE.is_dir(), reason=f"the real files are not there ({CASE}; set RNT_REAL_FILES)")


def study(folder, **more):
    path = folder / "study.json"
    where = {"dicom_folder": str(CASE / "files"), "overrides": {"decay_correction": "START"}}
    path.write_text(json.dumps({**where, "settings": {"dose_method": "local", "register": False}, **more}))
    return path


def test_one_scan_alone_gives_no_dose_before_someone_says_how(tmp_path):
    with pytest.raises(DosimetryError, match=r"two times or more.*effective_half_life_h.*hanscheid"):
        run_study_file(study(tmp_path))


def test_doses_of_one_scan_with_a_half_life_from_elsewhere(tmp_path):
    """By hand: TIA = A exp(k t) / k with k = ln 2 / 60 h (Madsen 2018); electrons of 177Lu, 147.9 keV per decay (DDEP), stay where they are: 0.0853 g Gy / (MBq h);
    1.04 g/mL. A half-life that varies by 25 % moves the TIA by 25 % (1 - k t) = 24 %. Lesions still take up at 3.7 h: a published patient whose scan at
    4 h alone gave 8.8 Gy had received 29.7 Gy, so 3.4 times the stated dose must lie within.
    """
    expected = json.loads((CASE / "case.json").read_text())["expected"]
    lesions = expected["regions_ml_by_polygon"]
    images, result = run_study_file(study(tmp_path, regions={name: {"effective_half_life_h": 60} for name in lesions}))
    hours, rate = expected["hours"], math.log(2) / 60
    assert [scan.ct for scan in images.scans] == [None]
    assert {region.name for region in result.regions} == set(lesions)
    for region in result.regions:
        assert region.volume_ml == pytest.approx(lesions[region.name], rel=1e-3)
        activity_mbq = float(region.curve.activities_mbq[0])
        mean_bq_ml = activity_mbq * 1e6 / region.volume_ml
        assert 0.05e6 < mean_bq_ml < expected["image"]["max_value"]
        tia = activity_mbq * math.exp(rate * hours) / rate
        assert region.tia_mbq_h == pytest.approx(tia, rel=1e-3)
        assert region.local.dose_gy == pytest.approx(tia * 0.0853 / (lesions[region.name] * 1.04), rel=0.01)
        parts = {part.name: part.relative for part in region.uncertainty_parts}
        assert parts["samples"] == pytest.approx(0.24, abs=0.005)
        assert region.dose_low_gy < 0.6 * region.dose.dose_gy
        assert 3.4 * region.dose.dose_gy < region.dose_high_gy < 15 * region.dose.dose_gy
    said = " ".join(result.all_warnings())
    for words in ("holds no CT", "lies after the last image", "assumed to vary by 25 %", "calibration was not stated"):
        assert words in said
