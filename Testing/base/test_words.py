"""Results speak: one line, a short table, rows for a data frame, and a section in a notebook."""

import subprocess
import sys

import RNTDosimetryLib
from RNTDosimetryLib.kinetics import fit_time_activity


def test_the_face_offers_what_a_person_types_first():
    names = dir(RNTDosimetryLib)
    for name in (
        "run_study",
        "read_study",
        "get_nuclide",
        "fit_time_activity",
        "dose_map",
        "self_dose",
        "partition_model",
        "DosimetryError",
    ):
        assert name in names
        assert getattr(RNTDosimetryLib, name) is not None


def test_an_import_of_the_library_reads_no_room():
    code = "import sys, RNTDosimetryLib; print([name for name in sys.modules if name.startswith('RNTDosimetryLib.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_fit_is_one_line_a_table_and_rows():
    fit = fit_time_activity([4, 24, 72, 168], [98, 80, 41, 11], "Lu-177", relative_uncertainty=0.05)
    assert repr(fit).count("\n") == 0
    assert len(repr(fit)) < 260
    assert f"{fit.tia_mbq_h:.4g}" in str(fit)
    assert {"name": "tia_mbq_h", "value": fit.tia_mbq_h} in fit.to_table()


def test_a_result_shows_its_regions(small_run):
    _images, result = small_run
    assert len(repr(result)) < 260
    row = next(row for row in result.to_table() if row["region"] == "liver")
    assert row["dose_gy"] == result.region("liver").dose.dose_gy
    assert "liver" in str(result)
    page = result._repr_html_()
    assert "<td>liver</td>" in page
    assert page.count("<tr>") == len(result.regions) + 1
