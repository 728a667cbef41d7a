"""The verb ``compare``: dose maps of runs, files and RT Dose objects on disk, to compare.json, compare.csv and the page."""

import csv
import json
import shutil

import jsonschema
import numpy as np
import pytest
from fixtures.compare_fixtures import compare, map_file

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.dose import compare_engines
from RNTDosimetryLib.report import write_dose_nrrd
from RNTDosimetryLib.roads import compare as road
from RNTDosimetryLib.roads.compare.maps import STATISTICS
from RNTDosimetryLib.roads.compare.request import DoseSource
from RNTDosimetryLib.roads.compare.sources import read_source
from RNTDosimetryLib.roads.therapy import write
from RNTDosimetryLib.roads.therapy.steps import region_occupancies


@pytest.fixture(scope="module")
def folder(small_run, tmp_path_factory):
    """The folder of the small patient's run, and beside it its maps by both methods."""
    _images, result = small_run
    path = tmp_path_factory.mktemp("compare")
    write(result, path / "run")
    return path


@pytest.fixture(scope="module")
def engines(small_run):
    """The engines side by side on the small patient's activity, by the call that the dose room has for it."""
    images, result = small_run
    geometry, density = result.tia_map.geometry, result.study.settings.density_g_ml
    regions = {region.name: share for region, share in zip(images.regions, region_occupancies(images.regions, geometry))}
    tia = np.maximum(result.tia_map.tia_mbq_h_ml, 0)
    criteria = {"dose_difference_percent": 1.0, "distance_mm": 1.0}
    return compare_engines(tia, geometry.spacing_mm, result.nuclide, density, regions, uniform_density_g_ml=density, **criteria)


def test_a_run_against_its_own_dose_by_the_command_line(folder, small_run, capsys):
    _images, result = small_run
    content = {
        "reference": {"run": "run", "name": "run"},
        "evaluated": {"file": "run/dose.nrrd", "unit": "Gy", "name": "file"},
        "same_activity": True,
    }
    (folder / "compare.json").write_text(json.dumps(content), encoding="utf-8")
    assert main(["compare", str(folder / "compare.json"), "--out", str(folder / "deep" / "out")]) == 0
    assert "Wrote compare.json, compare.csv, compare.html, difference.nrrd, gamma.nrrd" in capsys.readouterr().out
    out = folder / "deep" / "out"
    stored = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(read_json("schemas", "dose_comparison.schema.json")).validate(stored)
    regions = {item["name"]: item for item in stored["comparison"]["regions"]}
    assert set(regions) == {item.name for item in result.regions}
    for item in result.regions:
        found = regions[item.name]
        assert found["values"]["mean"]["reference_gy"] == pytest.approx(item.map_mean_gy, rel=1e-6)
        assert found["values"]["D98"]["reference_gy"] == pytest.approx(item.histogram.dose_at_percent_gy["D98"], rel=1e-6)
        relative = item.dose.dose_uncertainty_gy / item.dose.dose_gy
        assert found["values"]["mean"]["reference_uncertainty_gy"] == pytest.approx(relative * item.map_mean_gy, rel=1e-6)
        assert all(value["difference_gy"] == value["percent"] == 0.0 for value in found["values"].values())
        assert found["gamma_pass_percent"] in (100.0, None)
    assert stored["comparison"]["gamma"]["pass_percent"] == 100.0
    with (out / "compare.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert len(rows) == 1 + len(regions) * len(STATISTICS)
    page = (out / "compare.html").read_text(encoding="utf-8")
    for words in (
        "3 %/3 mm, global, above 10 % of the highest dose",
        "equal in every voxel",
        "For research only",
        "liver, file",
        "Profile through",
    ):
        assert words in page
    # What was written runs again to the same numbers, from another folder.
    again = road.run(road.read_request(out / "compare.json"))
    assert json.loads(json.dumps(again.comparison.to_dict())) == stored["comparison"]


def test_kernel_against_local_gives_the_numbers_of_the_engines(folder, engines, small_run):
    _images, result = small_run
    write_dose_nrrd(folder / "local.nrrd", np.asarray(engines.maps["local"]), result.tia_map.geometry)
    np.testing.assert_allclose(np.asarray(engines.maps["kernel"]), np.asarray(result.dose_map), rtol=1e-6, atol=1e-9)
    criteria = {"dose_difference_percent": 1.0, "distance_mm": 1.0}
    found = compare(
        folder, reference={"run": "run", "name": "kernel"}, evaluated=map_file("local.nrrd", name="local"), gamma=criteria
    )
    assert found.comparison.gamma.pass_percent == pytest.approx(engines.gamma["local"].pass_percent, abs=1e-9)
    assert 20 < found.comparison.gamma.pass_percent < 99
    rows = {(row["region"], row["engine"]): row for row in engines.region_table}
    for item in found.comparison.regions:
        for engine, key in (("kernel", "reference_gy"), ("local", "evaluated_gy")):
            row = rows[item.name, engine]
            for name, stored in (("mean", "mean_gy"), ("D98", "d98_gy"), ("D2", "d2_gy"), ("maximum", "maximum_gy")):
                assert getattr(item.values[name], key) == pytest.approx(row[stored], rel=1e-6), (item.name, engine, name)
        assert item.values["mean"].percent == pytest.approx(rows[item.name, "local"]["difference_percent"], rel=1e-4, abs=1e-4)
    np.testing.assert_allclose(found.comparison.difference_gy, engines.difference_gy["local"], atol=1e-5)


def test_two_runs_and_regions_by_name(folder, small_run):
    _images, result = small_run
    found = compare(folder, reference={"run": "run/results.json"}, evaluated={"run": "run"}, regions=["liver", "spleen"])
    assert [item.name for item in found.comparison.regions] == ["liver", "spleen"]
    liver = found.comparison.regions[0].values["mean"]
    # Two independent uncertainties of one size; none when the activity is said to be one.
    assert liver.difference_uncertainty_gy == pytest.approx(np.sqrt(2) * liver.reference_uncertainty_gy, rel=1e-9)
    shared = compare(folder, reference={"run": "run"}, evaluated={"run": "run"}, regions=["liver"], same_activity=True)
    assert shared.comparison.regions[0].values["mean"].difference_uncertainty_gy == 0.0
    assert found.ct is not None
    assert found.reference.nuclide == result.nuclide


def test_regions_follow_the_run_when_it_is_the_evaluated_map(folder, small_run):
    _images, result = small_run
    found = compare(folder, reference=map_file("run/dose.nrrd", name="file"), evaluated={"run": "run"}, regions=["liver"])
    assert found.comparison.regions[0].values["mean"].evaluated_gy == pytest.approx(result.region("liver").map_mean_gy, rel=1e-6)


def test_rt_dose_of_the_run_is_its_dose(folder):
    found = compare(folder, reference={"run": "run"}, evaluated={"file": "run/dose.dcm"}, regions=["liver", "lesion_3"])
    assert found.evaluated.kind == "RT Dose"
    for item in found.comparison.regions:
        assert abs(item.values["mean"].percent) < 1e-4
    words = " ".join(found.warnings)
    assert "frames of reference" not in words
    assert "patient" not in words


def test_dose_of_another_place_and_patient_is_said(folder):
    import pydicom

    dataset = pydicom.dcmread(folder / "run" / "dose.dcm")
    dataset.FrameOfReferenceUID, dataset.PatientID, dataset.DoseSummationType = "1.2.3.4", "another", "FRACTION"
    del dataset.DoseType
    dataset.save_as(folder / "other.dcm")
    words = " ".join(compare(folder, reference={"run": "run"}, evaluated={"file": "other.dcm"}, regions=["liver"]).warnings)
    for said in (
        "different frames of reference",
        "different patient IDs",
        "a part of the treatment only",
        "no Dose Type PHYSICAL",
    ):
        assert said in words


def test_rt_dose_with_frames_at_absolute_places_and_from_above(folder):
    """DICOM PS3.3 C.8.8.3.2: the vector starts at 0, or holds the z of every frame; frames may run downwards."""
    import pydicom

    base = (
        compare(folder, reference={"run": "run"}, evaluated={"file": "run/dose.dcm"}, regions=["liver"])
        .comparison.regions[0]
        .values["mean"]
    )
    dataset = pydicom.dcmread(folder / "run" / "dose.dcm")
    offsets, z = [float(step) for step in dataset.GridFrameOffsetVector], float(dataset.ImagePositionPatient[2])
    dataset.GridFrameOffsetVector = [round(z + step, 6) for step in offsets]
    dataset.save_as(folder / "absolute.dcm")
    dataset.GridFrameOffsetVector = [-step for step in offsets]
    dataset.ImagePositionPatient = [*dataset.ImagePositionPatient[:2], round(z + offsets[-1], 6)]
    dataset.PixelData = dataset.pixel_array[::-1].tobytes()
    dataset.save_as(folder / "downwards.dcm")
    for name in ("absolute.dcm", "downwards.dcm"):
        found = (
            compare(folder, reference={"run": "run"}, evaluated={"file": name}, regions=["liver"])
            .comparison.regions[0]
            .values["mean"]
        )
        assert found.evaluated_gy == pytest.approx(base.evaluated_gy, rel=1e-6), name


REFERENCE, EVALUATED = {"run": "run"}, {"file": "run/dose.nrrd", "unit": "Gy"}


@pytest.fixture(scope="module")
def broken(folder):
    """Files that are no dose map, or not the one they should be."""
    import pydicom

    path, run = folder / "broken", folder / "run"
    (path / "no_dose").mkdir(parents=True)
    shutil.copy(run / "results.json", path / "no_dose")
    (path / "other_dose").mkdir()
    shutil.copy(run / "results.json", path / "other_dose")
    shutil.copy(run / "tia.nrrd", path / "other_dose" / "dose.nrrd")
    (path / "no_map").mkdir()
    (path / "no_map" / "results.json").write_text(json.dumps({"format": "RNTDosimetry results"}), encoding="utf-8")
    shutil.copy(run / "dose.nrrd", path / "no_map")
    (path / "moved" / "deep").mkdir(parents=True)
    for name in ("results.json", "dose.nrrd"):
        shutil.copy(run / name, path / "moved" / "deep")
    (path / "text.dcm").write_text("no dose", encoding="utf-8")
    for name, changes in (
        ("effective", {"DoseType": "EFFECTIVE"}), ("error", {"DoseType": "ERROR"}), ("relative", {"DoseUnits": "RELATIVE"}),
        ("offset", {"GridFrameOffsetVector": None}), ("scaling", {"DoseGridScaling": "-0.001"}), ("ct", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}),
    ):  # fmt: skip
        dataset = pydicom.dcmread(run / "dose.dcm")
        for key, value in changes.items():
            setattr(dataset, key, [float(step) + 7 for step in dataset.GridFrameOffsetVector] if value is None else value)
        dataset.save_as(path / f"{name}.dcm")
    whole = (run / "dose.dcm").read_bytes()
    (path / "cut.dcm").write_bytes(whole[: len(whole) // 2])
    (path / "mask.txt").write_text("liver", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reference": {}}, "Expected run or file for a dose map of the comparison, received neither"),
        ({"reference": {"run": "run", "file": "run/dose.nrrd"}}, "received both; name one"),
        ({"reference": {"run": "run", "unit": "Gy"}}, "Expected unit only with file"),
        ({"evaluated": None}, "without evaluated"),
        ({"evaluted": EVALUATED}, "received also evaluted"),
        ({"evaluated": EVALUATED | {"units": "Gy"}}, "received also units"),
        ({"evaluated": {"file": "run/dose.nrrd"}}, "Expected the unit of dose.nrrd"),
        ({"evaluated": {"file": "run/dose.nrrd", "unit": "Gy/h"}}, "a dose rate"),
        ({"evaluated": {"file": "run/dose.nrrd", "unit": "Gy/decay"}}, "type how many decays"),
        ({"evaluated": {"file": "run/dose.nrrd", "unit": "Gy/GBq"}}, "type the administered activity"),
        ({"evaluated": EVALUATED | {"uncertainty_of_voxels": "some"}}, "independent or common"),
        ({"evaluated": EVALUATED | {"relative_uncertainty": 5}}, "give 0.05 for 5 %"),
        ({"evaluated": EVALUATED | {"uncertainty_file": "none.nrrd"}}, "found none; check the path"),
        ({"evaluated": EVALUATED | {"name": "reference"}}, "received 'reference' twice"),
        ({"evaluated": {"file": "missing.nrrd", "unit": "Gy"}}, "found none; check the path"),
        ({"evaluated": {"file": "missing.dcm"}}, "Expected a dose map at"),
        ({"evaluated": {"file": "broken/text.dcm"}}, "which is neither; convert it first"),
        ({"evaluated": {"file": "run/dose.dcm", "unit": "Gy"}}, "an RT Dose names its unit itself"),
        ({"evaluated": {"file": "broken/effective.dcm"}}, "received EFFECTIVE, a dose weighted by a biological effect"),
        ({"evaluated": {"file": "broken/error.dcm"}}, "received ERROR, a difference of two doses"),
        ({"evaluated": {"file": "broken/relative.dcm"}}, "Expected dose in GY with a grid scaling"),
        ({"evaluated": {"file": "broken/offset.dcm"}}, "to start at 0 or at the z of the first frame"),
        ({"evaluated": {"file": "broken/scaling.dcm"}}, "check Dose Grid Scaling"),
        ({"evaluated": {"file": "broken/ct.dcm"}}, "Expected an RT Dose object"),
        ({"evaluated": {"file": "broken/cut.dcm"}}, "in cut.dcm"),
        ({"reference": {"run": "broken/no_dose"}}, "Expected dose.nrrd beside results.json"),
        ({"reference": {"run": "broken/other_dose"}}, "received another map"),
        ({"reference": {"run": "broken/no_map"}}, "Expected a stored StudyResult with all its fields"),
        ({"reference": {"run": "broken/moved/deep"}}, "Expected the images of the study of"),
        ({"reference": {"run": "nowhere"}}, "Expected a results.json at"),
        (
            {"reference": {"run": "compare_request.json"}},
            "Expected a results.json (format 'RNTDosimetry results') in compare_request.json",
        ),
        ({"regions": []}, "Expected regions of the comparison by name, received none"),
        ({"regions": ["kidney"]}, "received kidney; check the names"),
        ({"regions": {"liver": "liver.nrrd"}}, "found none; check the path"),
        ({"regions": {"liver": "broken/mask.txt"}}, "Expected a volume file"),
        ({"regions": {"liver": "run/dose.nrrd"}}, "save one segment as a mask"),
        ({"regions": 5}, "for regions of a CompareRequest"),
        ({"reference": EVALUATED | {"name": "a"}, "regions": ["liver"]}, "give each region its mask file"),
        ({"registration": [[1, 0], [0, 1]]}, "registration of the comparison"),
        ({"registration": [[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]}, "one that scales or shears"),
        (
            {"registration": [[1, 0, 0, 5000], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], "regions": ["liver"]},
            "to overlap the target grid",
        ),
        ({"gamma": {"distance_mm": 0}}, "Expected a positive distance_mm of gamma"),
        ({"gamma": {"threshold_percent": 100}}, "from 0 to below 100"),
        ({"gamma": {"distance_mm": 90}, "regions": ["liver"]}, "a search of at most 100 mm"),
        ({"gamma": {"distance": 3}}, "received also distance"),
        ({"ct": "no_ct.nrrd", "regions": ["liver"]}, "found none; check the path"),
        ({"format": "RNTDosimetry study"}, "format 'RNTDosimetry dose comparison request'"),
        ({"version": 2}, "update RNTDosimetry"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(broken, changes, words, capsys):
    content = {
        key: value for key, value in ({"reference": REFERENCE, "evaluated": EVALUATED} | changes).items() if value is not None
    }
    (broken / "compare_request.json").write_text(json.dumps(content), encoding="utf-8")
    assert main(["compare", str(broken / "compare_request.json"), "--out", str(broken / "never")]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (broken / "never").exists()


@pytest.mark.parametrize("key", ["dose_map", "tia_map", "regions", "patient", "input_hashes", "nuclide", "study", "warnings"])
@pytest.mark.parametrize("value", [None, 5, "text", [1], {"a": "b"}])
def test_results_that_were_tampered_with_are_refused_or_read_but_never_crash(broken, key, value):
    content = json.loads((broken / "run" / "results.json").read_text(encoding="utf-8"))
    tampered = broken / "tampered"
    tampered.mkdir(exist_ok=True)
    shutil.copy(broken / "run" / "dose.nrrd", tampered)
    (tampered / "results.json").write_text(json.dumps(content | {key: value}), encoding="utf-8")
    source = DoseSource(run=str(tampered))
    if (key, value) in (
        ("patient", None), ("input_hashes", None), ("warnings", None), ("input_hashes", {"a": "b"}), ("nuclide", "text"), ("study", {"a": "b"}),
    ):  # fmt: skip
        assert read_source(source, "reference").dose.dose_gy.max() > 0
    else:
        with pytest.raises(DosimetryError, match=r"^Expected a results.json that is whole in results.json"):
            read_source(source, "reference")


def test_masks_do_without_the_images_of_the_run(broken, small_run):
    images, result = small_run
    geometry = result.tia_map.geometry
    share = region_occupancies(images.regions, geometry)[[region.name for region in images.regions].index("liver")]
    write_dose_nrrd(broken / "liver_share.nrrd", share, geometry, unit="1", quantity="occupancy")
    found = compare(broken, reference={"run": "broken/moved/deep"}, evaluated=EVALUATED, regions={"liver": "liver_share.nrrd"})
    assert found.comparison.regions[0].values["mean"].reference_gy == pytest.approx(result.region("liver").map_mean_gy, rel=1e-5)
    assert found.ct is None


def test_a_region_that_was_drawn_anew_is_said(broken):
    content = json.loads((broken / "run" / "results.json").read_text(encoding="utf-8"))
    content["input_hashes"]["liver"] = "0" * 64
    changed = broken / "redrawn"
    shutil.copytree(broken / "run", changed)
    (changed / "results.json").write_text(json.dumps(content), encoding="utf-8")
    found = compare(broken, reference={"run": "redrawn"}, evaluated=EVALUATED, regions=["spleen"])
    assert "liver: drawn otherwise than when results.json was written; run the study again." in found.warnings
