"""A study file of NRRD, NIfTI and MetaImage files opens in the scene and gives the numbers of the command line."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ImageGeometry
from RNTDosimetryLib.images.resampling import to_sitk
from RNTDosimetryLib.roads.therapy import run_study_file

ACTIVITY_GRID = ImageGeometry((20, 24, 24), (5.0, 4.0, 4.0), (-46.0, -46.0, -47.5))
CT_GRID = ImageGeometry((40, 48, 48), (2.5, 2.0, 2.0), (-47.0, -47.0, -48.75))
TIMES_H = (4.0, 24.0, 96.0)
SUFFIXES = (".nrrd", ".nii.gz", ".mha")


def ball(geometry, center_mm, radius_mm):
    z, y, x = np.indices(geometry.size)
    origin, (dz, dy, dx) = geometry.origin_lps_mm, geometry.spacing_mm
    points = (origin[0] + dx * x - center_mm[0], origin[1] + dy * y - center_mm[1], origin[2] + dz * z - center_mm[2])
    return sum(point**2 for point in points) <= radius_mm**2


@pytest.fixture
def study_path(tmp_path):
    """A liver drawn over its lesion, three scans with CTs in three formats, recovery typed for both livers."""

    def write(name, array, geometry):
        sitk.WriteImage(to_sitk(np.ascontiguousarray(array), geometry), str(tmp_path / name))
        return name

    scans = []
    for time_h, suffix in zip(TIMES_H, SUFFIXES):
        values = 1e6 * 0.5 ** (time_h / 50.0) * ball(ACTIVITY_GRID, (0, 0, 0), 34.0)
        values += 4e6 * 0.5 ** (time_h / 80.0) * ball(ACTIVITY_GRID, (10, 5, 0), 14.0)
        scans.append(
            {
                "activity": write(f"spect_{time_h:g}{suffix}", values, ACTIVITY_GRID),
                "ct": write(f"ct_{time_h:g}{suffix}", np.full(CT_GRID.size, 40.0), CT_GRID),
                "start_h": time_h,
                "unit": "Bq/mL",
                "decay_correction": "START",
                "duration_s": 1200.0,
            }
        )
    labels = ball(CT_GRID, (10, 5, 0), 14.0).astype(np.uint8) * 2
    content = {
        "volumes": {
            "nuclide": "177Lu",
            "scans": scans,
            "administered_activity_mbq": 7400.0,
            "administration_time": "2026-11-20T09:30:00",
            "regions": {
                "liver": {"file": write("liver.nrrd", ball(CT_GRID, (0, 0, 0), 34.0).astype(np.uint8), CT_GRID)},
                "lesion": {"file": write("labels.nii.gz", labels, CT_GRID), "label": 2},
            },
        },
        "regions": {"liver": {"recovery_coefficient": 0.95}, "liver without lesions": {"recovery_coefficient": 1.05}},
        "settings": {"register": False, "dose_method": "local", "map_follows_regions": True},
    }
    path = tmp_path / "study.json"
    path.write_text(json.dumps(content))
    return path


def test_scene_gives_the_numbers_of_the_command_line(logic, study_path):
    parameter_node = logic.loadStudyFile(study_path)
    assert [node.GetName() for node in parameter_node.activityVolumes] == ["Activity 4 h", "Activity 24 h", "Activity 96 h"]
    assert parameter_node.administrationTime == "2026-11-20T09:30:00"
    assert parameter_node.intakeTable.GetNumberOfRows() > 10
    found = {item.name: item for item in logic.run(parameter_node).regions}
    _images, expected = run_study_file(study_path)
    assert set(found) == {"liver", "lesion", "liver without lesions"}
    for item in expected.regions:
        assert found[item.name].recovery_coefficient == item.recovery_coefficient
        assert found[item.name].dose.dose_gy == pytest.approx(item.dose.dose_gy, rel=1e-6)
        assert found[item.name].dose.dose_uncertainty_gy == pytest.approx(item.dose.dose_uncertainty_gy, rel=1e-6)
        assert found[item.name].map_mean_gy == pytest.approx(item.map_mean_gy, rel=1e-6)


def test_a_ct_for_some_scans_only_is_refused_and_nothing_stays(logic, study_path):
    import slicer

    content = json.loads(study_path.read_text())
    del content["volumes"]["scans"][1]["ct"]
    study_path.write_text(json.dumps(content))
    before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVolumeNode")
    with pytest.raises(DosimetryError, match="none for Activity 24 h"):
        logic.loadStudyFile(study_path)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == before


def test_without_any_ct_the_regions_lie_on_the_activity(logic, study_path):
    content = json.loads(study_path.read_text())
    for scan in content["volumes"]["scans"]:
        del scan["ct"]
    study_path.write_text(json.dumps(content))
    parameter_node = logic.loadStudyFile(study_path)
    assert not parameter_node.ctVolumes
    assert {item.name for item in logic.run(parameter_node).regions} == {"liver", "lesion", "liver without lesions"}
