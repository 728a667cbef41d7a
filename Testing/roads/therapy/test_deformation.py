"""A study with its scans bent onto the reference: a patient whose right upper abdomen was pushed by up to 14 mm between the scans."""

from dataclasses import replace

import numpy as np
import pytest
from fixtures.moving_activity import FIELD, ORGANS, uptake
from registration import test_deformable as pushed

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ActivityImage, ImageGeometry, Region
from RNTDosimetryLib.registration import deform_activity
from RNTDosimetryLib.roads.therapy import deformation
from RNTDosimetryLib.roads.therapy.deformation import deform_scans
from RNTDosimetryLib.roads.therapy.images import Scan, StudyImages
from RNTDosimetryLib.roads.therapy.request import Study, StudySettings
from RNTDosimetryLib.roads.therapy.run import run_study
from RNTDosimetryLib.roads.therapy.steps import measure


@pytest.fixture(scope="module")
def study_images():
    """CT and activity at 4 h, and of the pushed patient at 28 h. The tissue keeps its concentration but for physical decay."""
    points = pushed.points_of(FIELD)
    decay = 2.0 ** (-24.0 / (6.647 * 24.0))
    values = uptake(points, False), decay * uptake(pushed.undeformed(points), False)
    activities = [
        ActivityImage(f"SPECT {hours:g} h", FIELD, 1e3 * value, "Lu-177", hours) for value, hours in zip(values, (4.0, 28.0))
    ]
    center, axes, *_levels = ORGANS[0]
    liver = Region("liver", FIELD, (((points - center) / axes) ** 2).sum(axis=-1) < 1)
    return StudyImages("Lu-177", tuple(map(Scan, activities, pushed.scans())), (liver,))


@pytest.fixture(scope="module")
def deformed(study_images):
    return deform_scans(study_images)


STUDY = Study(dicom_folder="none", settings=StudySettings(model="physical", dose_method="local"))


def test_a_pushed_organ_is_measured_where_it_went(study_images, deformed):
    """The liver has at 28 h what decay leaves of 4 h: rigid alignment alone loses 8 % of it at the edges, bent it is met within 2 %."""
    bent = run_study(deformed.images, deformed.study(STUDY))
    curves = {"rigid": measure(study_images, deformed.alignments, STUDY.settings)[0], "bent": bent.region("liver").curve}
    ratio = {
        name: curve.activities_mbq[1] / curve.activities_mbq[0] * 2.0 ** (24.0 / (6.647 * 24.0)) for name, curve in curves.items()
    }
    assert ratio["rigid"] < 0.93
    assert ratio["bent"] == pytest.approx(1.0, abs=0.02)
    assert [item.method for item in bent.alignments] == ["given", "given"]


def test_what_was_done_is_said(deformed):
    (text,) = [warning for warning in deformed.images.warnings if "deformed onto" in warning]
    assert text.startswith("28 h: deformed onto 4 h by the CTs, up to ")
    assert "run again from the files are not deformed" in text
    assert deformed.deformations[0] is None
    assert deformed.alignments[1].method.startswith("rigid")


def test_activity_or_concentration_is_kept(study_images, deformed):
    """A lump of 10 MBq within the pushed part: its activity comes through within 1 %, or its concentration, less what interpolation on 4.4 mm voxels blurs."""
    deformation = deformed.deformations[1]
    place = np.array([-40.0, 10.0, 150.0])
    lump = 1e6 * np.exp(-0.5 * ((pushed.points_of(FIELD) - place) ** 2).sum(axis=-1) / 12.0**2)
    image = ActivityImage("lump", FIELD, lump, "Lu-177", 28.0)
    activity = deform_activity(image, FIELD, deformation, conserve="activity").image.concentration_bq_ml
    concentration = deform_activity(image, FIELD, deformation).image.concentration_bq_ml
    assert float(activity.sum(dtype=float)) == pytest.approx(float(lump.sum()), rel=0.01)
    assert float(concentration.max()) == pytest.approx(1e6, rel=0.06)
    assert float(concentration.sum(dtype=float)) != pytest.approx(float(lump.sum()), rel=0.01)
    with pytest.raises(DosimetryError, match="one of concentration, activity"):
        deform_activity(image, FIELD, deformation, conserve="mass")


def test_a_region_that_leaves_the_field_of_view_is_named(study_images, deformed, monkeypatch):
    """The later SPECT ends below the middle of the liver; its CTs are the same, so the deformation is."""
    monkeypatch.setattr(deformation, "register_deformable", lambda *unused: deformed.deformations[1])
    first, later = study_images.scans
    short = ImageGeometry((30, 70, 96), FIELD.spacing_mm, FIELD.origin_lps_mm)
    cut = Scan(replace(later.activity, geometry=short, concentration_bq_ml=later.activity.concentration_bq_ml[:30]), later.ct)
    found = deform_scans(replace(study_images, scans=(first, cut)))
    (text,) = [warning for warning in found.images.warnings if warning.startswith("liver")]
    assert "lies outside the field of view of 28 h; it is measured too low there" in text
