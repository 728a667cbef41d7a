"""A study of volume files (NRRD, NIfTI, MetaImage) runs as one of DICOM files does, with the same numbers, and refuses with a sentence."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.images.resampling import to_sitk
from RNTDosimetryLib.roads.therapy import run_study_file
from RNTDosimetryLib.roads.therapy.request import read_study


def write_volume(path: Path, array, geometry) -> str:
    sitk.WriteImage(to_sitk(np.ascontiguousarray(array), geometry), str(path))
    return path.name


@pytest.fixture(scope="module")
def volume_study(small_run, tmp_path_factory):
    """The small patient's images as files of three kinds, activity as float64 so that nothing is rounded; and its DICOM result."""
    images, result = small_run
    folder = tmp_path_factory.mktemp("volumes")
    suffixes = (".nrrd", ".nii.gz", ".mha")
    (folder / "files").mkdir()
    scans = []
    for index, scan in enumerate(images.scans):
        suffix = suffixes[index % 3]
        activity = write_volume(
            folder / "files" / f"spect{index}{suffix}",
            scan.activity.concentration_bq_ml.astype(np.float64),
            scan.activity.geometry,
        )
        ct = write_volume(folder / "files" / f"ct{index}{suffix}", scan.ct.hounsfield, scan.ct.geometry)
        scans.append({"activity": activity, "ct": ct, "start_h": scan.start_h, "decay_correction": "START"})
        (folder / "files" / f"{activity}.json").write_text(json.dumps({"unit": "Bq/mL", "nuclide": "177Lu"}))
    drawn = [region for region in images.regions if region.name in ("kidney_left", "lesion_1", "spleen")]
    labels = np.zeros(drawn[0].geometry.size, dtype=np.uint8)
    for number, region in enumerate(drawn, 1):
        labels[np.asarray(region.occupancy) > 0] = number
    write_volume(folder / "files" / "labels.nii.gz", labels, drawn[0].geometry)
    spleen = next(region for region in drawn if region.name == "spleen")
    write_volume(folder / "files" / "spleen.nrrd", np.asarray(spleen.occupancy), spleen.geometry)
    regions = {region.name: {"file": "labels.nii.gz", "label": number} for number, region in enumerate(drawn, 1)}
    regions["spleen"] = {"file": "spleen.nrrd"}
    content = {
        "volumes": {
            "nuclide": "Lu-177",
            "folder": "files",
            "scans": scans,
            "regions": regions,
            "reference": images.reference_index,
            "administered_activity_mbq": images.administered_activity_mbq,
        },
        "regions": {name: typed.to_dict() for name, typed in result.study.regions.items() if name in regions},
        "settings": result.study.settings.to_dict(),
    }
    path = folder / "study.json"
    path.write_text(json.dumps(content))
    return path, content


def test_numbers_are_those_of_the_dicom_study(volume_study, small_run):
    path, _content = volume_study
    _images, found = run_study_file(path)
    _images, expected = small_run
    assert {item.name for item in found.regions} == {"kidney_left", "lesion_1", "spleen"}
    for item in found.regions:
        known = expected.region(item.name)
        # The grids of NIfTI and MetaImage are written with 6 to 7 digits, which a registration of CTs feels.
        assert item.curve.activities_mbq == pytest.approx(known.curve.activities_mbq, rel=2e-3), item.name
        assert item.self_dose.dose_gy == pytest.approx(known.self_dose.dose_gy, rel=2e-3), item.name
        assert item.kind == known.kind
    rows = {(row.where, row.what): row for row in found.intake_table}
    assert rows[("spect0.nrrd", "unit")].source == "spect0.nrrd.json"
    assert rows[("spect0.nrrd", "start_h")].status == "override"


def test_command_line_writes_results_that_run_again_to_the_same_numbers(volume_study, tmp_path):
    path, _content = volume_study
    assert main(["run", str(path), "--out", str(tmp_path / "first")]) == 0
    assert main(["run", str(tmp_path / "first" / "results.json"), "--out", str(tmp_path / "second")]) == 0
    first, second = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("first", "second"))
    assert first["regions"] == second["regions"]
    assert first["input_hashes"] == second["input_hashes"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(dicom_folder="dicom"), "dicom_folder or volumes"),
        (lambda c: c.update(overrides={"unit": "BQML"}), "without overrides"),
        (lambda c: c["volumes"].update(scans=[]), "at least one scan"),
        (lambda c: c["volumes"].update(regions={}), "at least one region"),
        (lambda c: c["volumes"].update(reference=7), "reference from 0 to"),
        (lambda c: c["volumes"].update(nuclide="Lu-999"), "Lu-999"),
        (lambda c: c["volumes"].update(administered_activity_mbq=-1), "administered_activity_mbq"),
        (lambda c: c["volumes"].update(activity=3), "received also activity"),
        (lambda c: c["volumes"]["scans"][0].update(starts_h=3), "received also starts_h"),
        (lambda c: c["volumes"]["scans"][0].update(activity="none.nrrd"), "none.nrrd"),
        (lambda c: c["volumes"]["scans"][0].update(unit="counts"), "concentration such as Bq/mL"),
        (lambda c: c["volumes"]["scans"][0].update(decay_correction="maybe"), "NONE, START or ADMIN"),
        (lambda c: c["volumes"]["scans"].reverse(), "in the order of time"),
        (lambda c: c["volumes"]["scans"][1].pop("start_h"), "start_h"),
        (lambda c: c["volumes"]["regions"]["spleen"].update(file="labels.nii.gz"), "the values 1, 2, 3"),
        (lambda c: c["volumes"]["regions"]["lesion_1"].update(label=9), "label 9"),
        (lambda c: c["volumes"]["regions"]["lesion_1"].update(label="two"), "whole number|a number"),
        (lambda c: c["volumes"]["regions"]["spleen"].update(mask=1), "received also mask"),
        (lambda c: c.update(volumes=[]), "object for volumes"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_own_sentence(volume_study, change, words):
    path, content = volume_study
    content = json.loads(json.dumps(content))
    change(content)
    broken = path.with_name("broken.json")
    broken.write_text(json.dumps(content))
    with pytest.raises(DosimetryError, match=words):
        run_study_file(broken)


def test_a_nuclide_beside_the_file_that_is_another_is_refused(volume_study):
    path, content = volume_study
    content = json.loads(json.dumps(content))
    content["volumes"]["nuclide"] = "Y-90"
    other = path.with_name("other.json")
    other.write_text(json.dumps(content))
    with pytest.raises(DosimetryError, match=r"Expected Y-90 in spect0\.nrrd\.json"):
        run_study_file(other)


def test_the_study_file_is_read_as_it_was_written(volume_study):
    path, _content = volume_study
    study = read_study(path)
    assert (
        type(study).from_dict({key: value for key, value in study.to_dict().items() if key not in ("format", "version")}) == study
    )
    assert replace(study, title="x").volumes == study.volumes
