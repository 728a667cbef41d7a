"""The registration step of a study: by what the scans are aligned, and what the report says of it."""

import numpy as np
import pytest
from fixtures.moving_activity import activity_scan
from fixtures.moving_patient import mean_displacement_mm, motion, scan

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.roads.therapy.alignment import align
from RNTDosimetryLib.roads.therapy.images import Scan
from RNTDosimetryLib.roads.therapy.request import StudySettings
from RNTDosimetryLib.roads.therapy.tables import alignment_table

TRUTH = motion(4.0, 18.0, 5)


@pytest.fixture(scope="module")
def scans():
    first, later = activity_scan(), activity_scan(TRUTH, later=True, seed=2)
    return Scan(first, scan(seed=1, name="CT 4 h")), Scan(later, scan(TRUTH, seed=2, name="CT 96 h"))


def test_by_ct_is_the_default_and_by_activity_is_near_it(scans):
    by_ct = align(scans, 0, StudySettings())
    by_activity = align(scans, 0, StudySettings(register_by="activity"))
    assert [item.method.split(",")[0] for item in (*by_ct, *by_activity)] == [
        "reference",
        "rigid",
        "reference",
        "rigid on activity",
    ]
    for found in (by_ct[1], by_activity[1]):
        assert mean_displacement_mm(found.matrix, TRUTH) < 1.0


@pytest.mark.parametrize(("without", "named"), [((1,), "96 h"), ((0,), "4 h"), ((0, 1), "4 h and 96 h")])
def test_a_scan_without_a_ct_does_not_get_another_method_in_silence(scans, without, named):
    """By CT it is taken as aligned, and the warning names the remedy; by activity it is aligned within a millimeter."""
    some = [Scan(item.activity, None if index in without else item.ct) for index, item in enumerate(scans)]
    taken = align(some, 0, StudySettings())[1]
    assert (taken.method, taken.matrix) == ("taken as aligned", tuple(map(tuple, np.eye(4).tolist())))
    assert taken.warnings[0].startswith(f"{named}: no CT to register by, so 96 h was taken as aligned with 4 h")
    assert 'register_by: "activity"' in taken.warnings[0]
    found = align(some, 0, StudySettings(register_by="activity"))[1]
    assert mean_displacement_mm(found.matrix, TRUTH) < 1.0
    assert "look at the alignment" in found.warnings[0]


def test_a_way_that_does_not_exist_is_refused():
    for value in ("spect", None, 1, ["ct"]):
        with pytest.raises(DosimetryError, match="Expected register_by to be one of ct, activity"):
            StudySettings(register_by=value)


def test_the_report_has_the_three_numbers_of_the_quality(small_run):
    _images, result = small_run
    table = alignment_table(result)
    headings = [column.name for column in table.columns]
    assert {"Mutual information", "Dice of bones", "Common field of view"} <= set(headings)
    for item, row in zip(result.alignments, table.rows):
        if item.quality is not None:
            cells = dict(zip(headings, row))
            assert cells["Mutual information"] == item.quality.mutual_information > 0.5
            assert cells["Dice of bones"] == item.quality.bone_dice > 0.5
            assert cells["Common field of view"] == 100 * item.quality.overlap > 60
