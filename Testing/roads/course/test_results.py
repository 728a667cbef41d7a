"""Courses of results files, and sums by voxel of maps with known doses."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from fixtures.compare_fixtures import GRID, middle, save

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.provenance import write_document
from RNTDosimetryLib.images import ImageGeometry
from RNTDosimetryLib.report import read_rtdose, write_rtdose
from RNTDosimetryLib.roads import course
from RNTDosimetryLib.roads.course import CourseRequest, Cycle, course_content, with_cycle


@pytest.fixture(scope="module")
def two_results(small_run, tmp_path_factory):
    """The small phantom's results, and the same ten weeks later."""
    folder = tmp_path_factory.mktemp("cycles")
    _images, result = small_run
    later = replace(result, administration_time=result.administration_time + timedelta(days=70))
    for name, item in (("cycle1", result), ("cycle2", later)):
        (folder / name).mkdir()
        write_document(folder / name / "results.json", item)
    return folder, result


def run_file(folder, **content):
    path = folder / "COURSE.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return course.run(course.read_request(path))


def test_results_files_give_doses_activities_curves_and_uncertainties(two_results):
    folder, result = two_results
    found = run_file(folder, cycles=[{"results": "cycle1/results.json"}, {"results": "cycle2"}], limits=["kidney_23_gy"],
                     next_cycle={"probability": 0.05})  # fmt: skip
    assert found.cycles[0].date == result.administration_time.date().isoformat()
    assert found.patient == result.patient.id_hash
    for item in result.regions:
        region, dose = found.region(item.name), item.dose
        assert region.cumulative_dose_gy == pytest.approx(2 * dose.dose_gy)
        assert region.doses[0].gy_per_gbq == pytest.approx(item.dose_per_activity_gy_per_gbq)
        if dose.dose_uncertainty_gy is not None:
            assert region.doses[0].dose_uncertainty_gy == pytest.approx(dose.dose_uncertainty_gy)
            # Twice the same: between independent (sqrt 2) and shared (2).
            assert 2**0.5 <= region.cumulative_dose_uncertainty_gy / dose.dose_uncertainty_gy <= 2
    both = found.region("kidneys")
    assert both.cumulative_dose_gy == pytest.approx(
        np.average([found.region(f"kidney_{side}").cumulative_dose_gy for side in ("left", "right")],
                   weights=[result.region(f"kidney_{side}").mass_g for side in ("left", "right")])
    )  # fmt: skip
    assert found.next_cycle.activity_mbq > 0


def test_the_bed_of_a_results_file_follows_its_fitted_curve(two_results):
    from RNTDosimetryLib.dose import bed_exponentials

    folder, result = two_results
    found = run_file(folder, cycles=[{"results": "cycle1"}]).region("kidney_left")
    item = result.region("kidney_left")
    expected = bed_exponentials(item.dose.dose_gy, item.fit.amplitudes_mbq, item.fit.rates_per_h, 2.6, 2.8)
    assert found.cumulative_bed_gy == pytest.approx(expected)


def test_results_that_do_not_belong_are_refused(two_results, tmp_path):
    folder, result = two_results

    def refused(*cycles):
        with pytest.raises(DosimetryError, match=r"^Expected ") as refusal:
            course.run(CourseRequest(cycles=cycles))
        return str(refusal.value)

    one, two = str(folder / "cycle1"), str(folder / "cycle2" / "results.json")
    assert "received the same results" in refused(Cycle(results=one), Cycle(results=f"{one}/results.json"))
    assert "correct the date or the path" in refused(Cycle(date="2020-01-01", results=one))
    stranger = replace(
        result,
        patient=replace(result.patient, id_hash="0" * 16),
        administration_time=result.administration_time + timedelta(days=50),
    )
    write_document(tmp_path / "results.json", stranger)
    assert "cycles of one patient" in refused(Cycle(results=two), Cycle(results=str(tmp_path)))
    write_document(tmp_path / "results.json", replace(result, patient=None, administration_time=None))
    assert "a date of cycle 1" in refused(Cycle(results=str(tmp_path)))
    (tmp_path / "results.json").write_text('{"format": "RNTDosimetry dose comparison"}', encoding="utf-8")
    assert "received one of format 'RNTDosimetry dose comparison'" in refused(Cycle(results=str(tmp_path)))
    assert "found none" in refused(Cycle(results=str(tmp_path / "nowhere.json")))
    unknown = course.run(CourseRequest(cycles=(Cycle(results=one, administered_activity_mbq=9000.0),)))
    assert any("differ from the" in text for text in unknown.warnings)


def test_a_course_file_is_appended_to_and_holds_what_was_entered(two_results, tmp_path):
    folder, _result = two_results
    request = course.read_request(_written(folder / "COURSE.json", {"cycles": [{"results": "cycle1/results.json"}]}))
    longer = with_cycle(request, Cycle(results=str(folder / "cycle2" / "results.json")))
    content = course_content(longer, folder)
    assert content["cycles"] == [{"results": "cycle1/results.json"}, {"results": "cycle2/results.json"}]
    again = course.read_request(_written(folder / "COURSE2.json", content))
    assert course.run(again).regions == course.run(longer).regions
    with pytest.raises(DosimetryError, match="not in the course yet"):
        with_cycle(longer, Cycle(results=str(folder / "cycle1" / "results.json")))


def _written(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


FINE = ImageGeometry((20, 24, 32), (2.0, 2.0, 2.0), (-31.0, 9.0, 199.0))
"""The space of GRID in voxels of half the side."""


def maps_of_three_therapies(folder):
    """166Ho 40 Gy as volume file, one cycle of 2 Gy as a run's folder, 30 Gy of external beam as RT Dose on finer voxels; and a mask."""
    save(folder / "holmium.nrrd", np.full(GRID.size, 40.0))
    (folder / "cycle").mkdir()
    save(folder / "cycle" / "dose.nrrd", np.full(GRID.size, 2.0))
    write_rtdose(folder / "beam.dcm", np.full(FINE.size, 30.0), FINE, {}, uid_seed="beam")
    mask = np.zeros(GRID.size, dtype=np.uint8)
    mask[3:7, 3:8, 4:12] = 1
    save(folder / "liver.nrrd", mask)
    return [
        {"name": "166Ho", "kind": "radioembolisation", "file": "holmium.nrrd", "unit": "Gy", "nuclide": "Ho-166"},
        {"name": "177Lu", "kind": "systemic", "run": "cycle", "times": 4, "effective_half_life_h": 70},
        {"name": "external beam", "kind": "external_beam", "file": "beam.dcm", "fractions": 30},
    ]


def test_the_sum_by_voxel_of_three_therapies_from_files(tmp_path):
    """On paper, alpha/beta 2.5 Gy, T_rep 2.5 h: 144.828 Gy BED and 80.460 Gy EQD2 in every voxel."""
    maps = maps_of_three_therapies(tmp_path)
    found = run_file(
        tmp_path, voxel_sum={"maps": maps, "alpha_beta_gy": 2.5, "repair_half_time_h": 2.5, "regions": {"liver": "liver.nrrd"}}
    )
    sums = found.voxel_sum.sums
    assert sums.geometry.same_grid(GRID)
    for name in ("all", "liver"):
        means = found.voxel_sum.means[name]
        assert means["dose_gy"] == pytest.approx(78.0, abs=1e-4)
        # 26.81 h in the decay data for the 26.8 h of the hand calculation.
        assert means["bed_gy"] == pytest.approx(144.828, abs=0.03)
        assert means["eqd2_gy"] == pytest.approx(80.460, abs=0.02)
    assert np.ptp(sums.bed_gy[sums.covered]) < 1e-3
    paths = course.write(found, tmp_path / "out")
    assert {path.name for path in paths} >= {"sum_dose.nrrd", "sum_bed.nrrd", "sum_eqd2.nrrd", "sum_dose.dcm"}
    stored = read_rtdose(tmp_path / "out" / "sum_dose.dcm")
    assert stored.summation_type == "MULTI_PLAN"
    assert stored.dose_gy.mean() == pytest.approx(78.0, rel=1e-4)
    again = course.run(course.read_request(tmp_path / "out" / "course_results.json"))
    assert again.voxel_sum.means == found.voxel_sum.means


def test_the_square_is_taken_before_the_grid_is_changed(tmp_path):
    """Voxels of 0 and 20 Gy side by side become 10 Gy in a coarser one: its BED is the mean of theirs, (20 + g 400/ab)/2, not that of 10 Gy."""
    striped = np.zeros(FINE.size)
    striped[..., ::2] = 20.0
    save(tmp_path / "fine.nrrd", striped, FINE)
    save(tmp_path / "coarse.nrrd", np.full(GRID.size, 1e-3))
    maps = [
        {"kind": "external_beam", "file": "fine.nrrd", "unit": "Gy", "fractions": 10},
        {"kind": "external_beam", "file": "coarse.nrrd", "unit": "Gy", "fractions": 1},
    ]
    sums = run_file(tmp_path, voxel_sum={"maps": maps, "alpha_beta_gy": 3.0, "repair_half_time_h": 2.0}).voxel_sum.sums
    inner = (slice(2, -2),) * 3
    assert sums.dose_gy[inner].mean() == pytest.approx(10.0, rel=1e-3)
    assert sums.bed_gy[inner].mean() == pytest.approx((20 + 400 / 30) / 2, rel=1e-3)


def test_a_registration_leads_from_the_first_map_to_the_other(tmp_path):
    """A step of 10 Gy that lies 8 mm further along x in the second map comes back to where it is in the first."""
    step = np.where(np.arange(16) < 8, 0.0, 10.0)
    first, second = np.broadcast_to(step, GRID.size), np.broadcast_to(np.roll(step, 2), GRID.size)
    save(tmp_path / "first.nrrd", first)
    save(tmp_path / "second.nrrd", second)
    shift = np.eye(4)
    shift[0, 3] = 8.0
    maps = [
        {"kind": "external_beam", "file": "first.nrrd", "unit": "Gy", "fractions": 5},
        {"kind": "external_beam", "file": "second.nrrd", "unit": "Gy", "fractions": 5, "registration": shift.tolist()},
    ]
    result = run_file(tmp_path, voxel_sum={"maps": maps, "alpha_beta_gy": 3.0, "repair_half_time_h": 2.0})
    np.testing.assert_allclose(result.voxel_sum.sums.dose_gy[5, 5, :14], 2 * step[:14], atol=1e-4)
    assert any("covers" in text for text in result.warnings)
    maps[1]["registration"][0][0] = 2.0
    with pytest.raises(DosimetryError, match="scales or shears"):
        run_file(tmp_path, voxel_sum={"maps": maps, "alpha_beta_gy": 3.0, "repair_half_time_h": 2.0})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "systemic"}, "effective_half_life_h for a map"),
        ({"fractions": 0}, "fractions of a dose map"),
        ({"file": "nowhere.nrrd"}, "found none"),
        ({"unit": None}, "the unit of first.nrrd"),
        ({"run": "cycle"}, "run or file"),
    ],
)
def test_maps_that_cannot_be_used_are_refused(tmp_path, change, words):
    save(tmp_path / "first.nrrd", np.ones(GRID.size))
    item = {"kind": "external_beam", "file": "first.nrrd", "unit": "Gy", "fractions": 5} | change
    with pytest.raises(DosimetryError, match=r"^Expected ") as refusal:
        run_file(tmp_path, voxel_sum={"maps": [item], "alpha_beta_gy": 3.0, "repair_half_time_h": 2.0})
    assert words in str(refusal.value)


def test_parts_of_the_uncertainty_are_taken_by_name(two_results, tmp_path):
    """Parts of one name are one error in every cycle: 5 % of calibration stays 5 % of the sum; 6 % of samples is shared by nobody."""
    folder, _result = two_results
    parts = [
        {"name": name, "relative": relative, "kind": kind}
        for name, relative, kind in (("samples", 0.06, "random"), ("calibration", 0.05, "common"), ("recovery", 0.04, "common"))
    ]
    for name in ("cycle1", "cycle2"):
        stored = json.loads((folder / name / "results.json").read_text(encoding="utf-8"))
        for region in stored["regions"]:
            region["uncertainty_parts"] = parts
        (tmp_path / f"{name}.json").write_text(json.dumps(stored), encoding="utf-8")
    found = course.run(
        CourseRequest(cycles=tuple(Cycle(results=str(tmp_path / f"{name}.json")) for name in ("cycle1", "cycle2")))
    )
    region = found.region("kidney_left")
    relative = {name: value / region.cumulative_dose_gy for name, value in region.uncertainty_parts_gy.items()}
    assert relative == pytest.approx({"calibration": 0.05, "recovery": 0.04, "samples, cycle 1": 0.03, "samples, cycle 2": 0.03})


def test_a_verified_radioembolisation_counts_with_its_delivered_doses(tmp_path):
    """1 MBq/mL of 90Y in tissue of 1.04 g/mL is 49.67/1.04 = 47.8 Gy; half of it in the tumor's surroundings."""
    from RNTDosimetryLib.dose import bed
    from RNTDosimetryLib.roads import verify

    image = np.full(GRID.size, 0.5e6)
    tumor = np.zeros(GRID.size, dtype=np.uint8)
    tumor[4:6, 5:7, 6:10] = 1
    image[tumor > 0] = 1e6
    for name, values in (("pet", image), ("tumor", tumor), ("right", middle())):
        save(tmp_path / f"{name}.nrrd", values)
    content = {
        "image": "pet.nrrd", "product": "Y-90", "territories": {"right": "right.nrrd"}, "tumours": {"lesion_1": "tumor.nrrd"},
        "activity": {"nuclide": "Y-90", "unit": "Bq/mL", "start_h": 0, "decay_correction": "START"},
    }  # fmt: skip
    verified = verify.run(verify.read_request(_written(tmp_path / "VERIFY.json", content)))
    verify.write(verified, tmp_path / "tare")
    result = run_file(
        tmp_path, others=[{"kind": "radioembolisation", "results": "tare/verification.json", "random_uncertainty": 0.1, "common_uncertainty": 0.1}],
        regions={"lesion_1": {"alpha_beta_gy": 10, "repair_half_time_h": 1.5}},
    )  # fmt: skip
    lesion, liver = result.region("lesion_1"), result.region("normal_liver")
    assert lesion.cumulative_dose_gy == pytest.approx(49.67 / 1.04, rel=0.01)
    assert liver.cumulative_dose_gy == pytest.approx(0.5 * 49.67 / 1.04, rel=0.01)
    assert lesion.cumulative_bed_gy == pytest.approx(bed(lesion.cumulative_dose_gy, 64.05, 10.0, 1.5), rel=1e-3)
    assert lesion.cumulative_dose_uncertainty_gy == pytest.approx(0.1 * 2**0.5 * lesion.cumulative_dose_gy)
    with pytest.raises(DosimetryError, match=r"verification\.json"):
        run_file(tmp_path, others=[{"kind": "radioembolisation", "results": "VERIFY.json"}])


def test_a_plan_counts_with_its_planned_doses_and_no_sum_twice(tmp_path):
    from RNTDosimetryLib.roads import plan

    content = {
        "product": "TheraSphere", "activity_gbq": 2.0, "tumours": [{"name": "T1", "mass_g": 200, "tnr": 5}], "normal_liver_mass_g": 1300,
        "lung_shunt_fraction": 0.05, "previous_lung_dose_gy": 4,
    }  # fmt: skip
    planned = plan.run(plan.read_request(_written(tmp_path / "PLAN.json", content)))
    plan.write(planned, tmp_path / "tare")
    result = run_file(
        tmp_path, others=[{"kind": "radioembolisation", "results": "tare/plan.json", "random_uncertainty": 0.2, "common_uncertainty": 0}],
        regions={"T1": {"kind": "lesion"}},
    )  # fmt: skip
    assert set(result.regions) == {"T1", "normal_liver", "lungs"}
    doses = planned.plan.dose_gy
    assert result.region("T1").cumulative_dose_gy == pytest.approx(doses["T1"])
    assert result.region("lungs").cumulative_dose_gy == pytest.approx(doses["lung_session"])
    assert result.region("lungs").probability_above["30 Gy"] is not None


def test_maps_are_registered_by_their_cts(tmp_path):
    """A body of water with bones, 12 mm further along x in the second CT: its dose comes back to within a tenth of a voxel's step."""
    grid = ImageGeometry((24, 32, 40), (4.0, 4.0, 4.0))
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.size), indexing="ij")

    def body(shift):
        ct = np.full(grid.size, -1000.0)
        ct[((x - 18 - shift) / 13) ** 2 + ((y - 16) / 11) ** 2 < 1] = 40.0
        for at_x, at_y, at_z in ((12, 10, 8), (24, 20, 15), (18, 22, 6)):
            ct[((x - at_x - shift) ** 2 + (y - at_y) ** 2 + (z - at_z) ** 2) < 9] = 900.0
        dose = 10.0 * np.exp(-((x - 20 - shift) ** 2 + (y - 14) ** 2 + (z - 12) ** 2) / 50)
        return ct, dose

    for name, shift in (("first", 0), ("second", 3)):
        ct, dose = body(shift)
        save(tmp_path / f"{name}_ct.nrrd", ct, grid)
        save(tmp_path / f"{name}.nrrd", dose, grid)
    maps = [
        {"kind": "external_beam", "file": f"{name}.nrrd", "unit": "Gy", "fractions": 5, "ct": f"{name}_ct.nrrd"} for name in ("first", "second")
    ]  # fmt: skip
    result = run_file(tmp_path, voxel_sum={"maps": maps, "alpha_beta_gy": 3.0, "repair_half_time_h": 2.0})
    expected = 2 * body(0)[1]
    inner = (slice(4, 20), slice(6, 26), slice(8, 30))
    assert np.abs(result.voxel_sum.sums.dose_gy - expected)[inner].max() < 0.5
    with pytest.raises(DosimetryError, match="ct of the first map"):
        run_file(tmp_path, voxel_sum={"maps": [maps[0] | {"ct": None}, maps[1]], "alpha_beta_gy": 3.0, "repair_half_time_h": 2.0})
