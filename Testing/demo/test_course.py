"""The phantom's course of four cycles beside its truth."""

import json

import pytest

from RNTDosimetryLib.demo.course import LIMIT_GY, PROBABILITY, course_file, run_course_demo
from RNTDosimetryLib.phantom.cycles import simulate_cycle
from RNTDosimetryLib.roads import course


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return run_course_demo(tmp_path_factory.mktemp("course") / "out")


def test_kidneys_are_within_7_percent_and_inside_their_uncertainty(demo):
    for name in ("kidney_left", "kidney_right"):
        region, truth = demo.result.region(name), demo.true_dose_gy[name]
        assert region.cumulative_dose_gy == pytest.approx(truth, rel=0.07)
        assert abs(region.cumulative_dose_gy - truth) <= 2 * region.cumulative_dose_uncertainty_gy
    for name, truth in demo.true_dose_gy.items():
        region = demo.result.region(name)
        assert abs(region.cumulative_dose_gy - truth) <= 2 * region.cumulative_dose_uncertainty_gy, name


def test_the_next_activity_is_that_of_a_hand_calculation(demo):
    """Where the expectation reaches the limit: (23 Gy - sum of true doses) over the true Gy/GBq, carried on. Uncertain as the dose: 1 sigma / k."""
    row = next(row for row in demo.result.next_cycle.limits if row.limit == "23 Gy")
    spread = 1000 * demo.result.region("kidneys").cumulative_dose_uncertainty_gy / row.gy_per_gbq
    assert abs(row.expected_activity_mbq - demo.hand_activity_mbq) < spread
    assert row.expected_activity_mbq == pytest.approx(demo.hand_activity_mbq, rel=0.15)
    assert 0 < row.activity_mbq < row.expected_activity_mbq
    assert row.probability_at_next == pytest.approx(PROBABILITY, abs=0.002)


def test_lesions_appear_and_vanish_and_single_scans_are_marked(demo):
    assert [item.dose_gy is None for item in demo.result.region("lesion_3").doses] == [True, True, False, False]
    assert [item.dose_gy is None for item in demo.result.region("lesion_2").doses] == [False, False, False, True]
    assert [item.estimated for item in demo.result.region("kidney_left").doses] == ["", "one scan", "one scan", "one scan"]
    assert demo.result.region("kidney_left").trend.slope_gy_per_gbq > 0 > demo.result.region("lesion_1").trend.slope_gy_per_gbq
    assert "lesion_2" not in demo.result.next_cycle.expected_doses_gy


def test_the_folder_holds_every_cycle_and_runs_again(demo):
    for number in range(1, 5):
        assert (demo.folder / f"cycle{number}" / "report.html").is_file()
    stored = json.loads((demo.folder / "course_results.json").read_text(encoding="utf-8"))
    again = course.run(course.read_request(demo.folder / "course_results.json"))
    assert again.to_dict()["regions"] == stored["regions"]
    assert again.to_dict()["next_cycle"] == stored["next_cycle"]
    assert course_file()["limits"][0]["dose_gy"] == LIMIT_GY


def test_truth_of_a_cycle_follows_its_uptake():
    """The first cycle is the shipped phantom without lesion_3: kidneys differ by its photons only, under 0.5 %."""
    first, second = simulate_cycle(1, noise=False), simulate_cycle(2, noise=False)
    assert first.dose_gy["kidney_left"] == pytest.approx(4.396, rel=0.005)
    assert second.dose_gy["kidney_left"] / first.dose_gy["kidney_left"] == pytest.approx(1.04, abs=0.002)
    assert "lesion_3" not in first.dose_gy
