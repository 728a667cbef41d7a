"""BED of a study's regions: only where its parameters were typed, with the region's own curve."""

from dataclasses import replace
from math import log

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ActivityImage, ImageGeometry, Region
from RNTDosimetryLib.roads.therapy.images import Scan, StudyImages
from RNTDosimetryLib.roads.therapy.report import render_report
from RNTDosimetryLib.roads.therapy.request import RegionSettings, Study, study_from_dict
from RNTDosimetryLib.roads.therapy.run import run_study
from RNTDosimetryLib.roads.therapy.tables import biological_table, results_table

GRID = ImageGeometry(size=(12, 12, 12), spacing_mm=(5.0, 5.0, 5.0))
KIDNEY = RegionSettings(alpha_beta_gy=2.6, repair_half_time_h=2.8)  # MIRD Pamphlet 20


def study_images(activity, times_h):
    """A kidney of 64 mL and a lesion of 8 mL; activity: of time, relative."""
    scans = []
    for time_h in times_h:
        values = np.zeros(GRID.size)
        values[2:10, 2:10, 2:10] = 2e6 * activity(time_h)
        scans.append(Scan(ActivityImage(f"Activity {time_h:g} h", GRID, values, "Lu-177", time_h)))
    kidney, lesion = np.zeros((2, *GRID.size), dtype=np.uint8)
    kidney[2:10, 2:10, 2:10], lesion[4:8, 4:8, 4:8] = 1, 1
    return StudyImages("Lu-177", tuple(scans), (Region("kidney", GRID, kidney), Region("lesion", GRID, lesion, kind="other")))


@pytest.fixture(scope="module")
def fifty_hours():
    images = study_images(lambda time_h: 0.5 ** (time_h / 50.0), (4.0, 24.0, 72.0, 120.0))
    return images, run_study(images, Study(".", regions={"kidney": KIDNEY}))


def test_kidney_has_the_bed_of_its_half_life(fifty_hours):
    _images, result = fifty_hours
    kidney = result.region("kidney")
    dose = kidney.dose.dose_gy
    assert kidney.biological.protraction_factor == pytest.approx(2.8 / (2.8 + 50.0), rel=1e-6)
    assert kidney.biological.bed_gy == pytest.approx(dose + 2.8 / 52.8 * dose**2 / 2.6, rel=1e-6)
    # 4.4 Gy at 50 h give 4.7949 Gy (computed by hand from the same formula): the excess goes with the square of the dose.
    assert (kidney.biological.bed_gy - dose) / dose**2 == pytest.approx((4.7949 - 4.4) / 4.4**2, rel=1e-4)
    assert kidney.biological.eqd2_gy == pytest.approx(kidney.biological.bed_gy / (1 + 2 / 2.6), rel=1e-12)
    assert kidney.biological.bed_uncertainty_gy > kidney.dose.dose_uncertainty_gy
    assert result.region("lesion").biological is None


def test_two_exponentials_agree_with_the_double_integral():
    """G = 2/D^2 int R(t) int_0^t R(w) exp(-mu (t - w)) dw dt, summed over a fine grid for an uptake of 10 h and a clearance of 60 h."""

    def activity(time_h):
        return 0.5 ** (time_h / 60.0) - 0.5 ** (time_h / 10.0)

    images = study_images(activity, (2.0, 6.0, 16.0, 36.0, 72.0, 120.0, 200.0))
    study = Study(".", regions={"kidney": replace(KIDNEY, model="uptake")})
    found = run_study(images, study).region("kidney").biological
    step = 0.02
    times = np.arange(0.0, 1200.0, step) + step / 2
    rate = activity(times)
    mu = log(2.0) / 2.8
    damage, inner = np.zeros_like(rate), 0.0
    half = np.exp(-mu * step / 2)
    for index, value in enumerate(rate):
        damage[index] = inner * half + value * step / 2
        inner = inner * half**2 + value * step * half
    expected = 2 * (rate * damage).sum() * step / (rate.sum() * step) ** 2
    assert found.protraction_factor == pytest.approx(expected, rel=5e-4)


def test_table_and_report_hold_it_only_where_it_was_asked_for(fifty_hours):
    images, result = fifty_hours
    table = results_table(result)
    headings = [column.heading for column in table.columns]
    assert "BED (Gy)" in headings
    place = headings.index("BED (Gy)")
    assert {row[0]: row[place] is None for row in table.rows} == {"kidney": False, "lesion": True}
    assert "Biologically effective dose" in render_report(result)
    without = run_study(images, Study("."))
    assert biological_table(without) is None
    assert "BED" not in " ".join(column.name for column in results_table(without).columns)
    assert [len(row) for row in table.rows] == [len(table.columns)] * 2


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (RegionSettings(alpha_beta_gy=2.6), "without a repair half-time"),
        (RegionSettings(repair_half_time_h=2.8), "without alpha/beta"),
        (replace(KIDNEY, model="trapezoid"), "the model trapezoid has no rates"),
    ],
)
def test_what_is_missing_is_said(fifty_hours, typed, words):
    images, _result = fifty_hours
    kidney = run_study(images, Study(".", regions={"kidney": typed})).region("kidney")
    assert kidney.biological is None
    assert any(words in text for text in kidney.warnings)


@pytest.mark.parametrize(
    ("key", "value"), [("alpha_beta_gy", 0), ("alpha_beta_gy", "2.6"), ("repair_half_time_h", -1), ("repair_half_time_h", True)]
)
def test_typed_parameters_are_checked(key, value):
    with pytest.raises(DosimetryError, match=f"Expected a (positive )?number for {key} of a [rR]egion"):
        study_from_dict({"dicom_folder": "x", "regions": {"kidney": {key: value}}})


def test_two_regions_of_one_name_are_refused(fifty_hours):
    images, _result = fifty_hours
    with pytest.raises(DosimetryError, match="several of kidney"):
        replace(images, regions=(images.regions[0], replace(images.regions[1], name="kidney")))
