"""Scans without CT go through the road; a region that could not be read has a line that says why, and asking for it by name is refused."""

import json
import math

import numpy as np
import pytest
from fixtures.dicom_fixtures import DECAY_PER_S, ROOT, Grid, Spect, write_spect
from fixtures.region_fixtures import write_rtstruct

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.roads import therapy

GRID = Grid()
HOURS = (24.0, 96.0)
UNIFORM_BQ_ML = 5e5
"""At the administration, everywhere; it only decays."""


def uniform(points, start_h=24.0):
    return np.full(points.shape[:-1], UNIFORM_BQ_ML * math.exp(-DECAY_PER_S * 3600 * start_h))


def circle(z, radius=20.0, points=120):
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([10 + radius * np.cos(angle), -20 + radius * np.sin(angle), np.full(points, float(z))], axis=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two SPECT in one frame of reference, a structure set on the first, no CT."""
    path = tmp_path_factory.mktemp("without_ct")
    for hours in HOURS:
        write_spect(path / f"{hours:g}", Spect(start_h=hours, uid=f"{ROOT}.2.{hours:.0f}", points_of=uniform))
    contours = {"lesion": [circle(GRID.position(z=z)[2]) for z in range(3, 9)], "kidney": []}
    write_rtstruct(path, contours, ct_uid=f"{ROOT}.2.24.9", types={"lesion": "GTV"})
    return path


def study(folder, path, **content):
    file = path / "study.json"
    settings = {"dose_method": "local", "register_by": "activity", "register": False}
    file.write_text(json.dumps({"dicom_folder": str(folder), "settings": settings, **content}), encoding="utf-8")
    return therapy.read_request(file)


def test_doses_without_a_ct(folder, tmp_path):
    """TIA of an activity that only decays: A0 / lambda, with A0 the concentration times the volume of the contours."""
    request = study(folder, tmp_path)
    result = therapy.run(request)
    (lesion,) = result.regions
    volume_ml = math.pi * 20**2 * 6 * 7 / 1000
    assert lesion.kind == "lesion"
    assert lesion.volume_ml == pytest.approx(volume_ml, rel=2e-3)
    assert lesion.tia_mbq_h == pytest.approx(UNIFORM_BQ_ML * volume_ml / 1e6 / (DECAY_PER_S * 3600), rel=0.02)
    assert result.unmeasured == {"kidney": "it encloses nothing: draw it if it is wanted"}
    assert any("holds no CT: one density is taken" in text for text in result.warnings)
    therapy.write(result, tmp_path / "out")
    lines = (tmp_path / "out" / "results.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("study,region,")
    assert lines[0].endswith(",note")
    assert lines[2].startswith(",kidney,")
    assert lines[2].endswith("no dose: it encloses nothing: draw it if it is wanted")
    assert "kidney" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_region_that_cannot_be_read_is_refused_where_it_is_asked_for(folder, tmp_path):
    request = study(folder, tmp_path, regions={"kidney": {"mass_g": 150}})
    with pytest.raises(
        DosimetryError, match=r"received settings for kidney; check the names\. 'kidney' was left out: it encloses nothing"
    ):
        therapy.run(request)


def test_density_of_a_ct_that_is_not_there_is_refused(folder, tmp_path):
    request = study(folder, tmp_path, settings={"dose_method": "local", "register": False, "density_from_ct": True})
    with pytest.raises(DosimetryError, match="Expected a CT of the reference scan for the density, found none"):
        therapy.run(request)
