"""A course file to its folder: sums, estimates, limits and the next activity, and everything that cannot be used."""

import json
from datetime import datetime

import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.roads import course
from RNTDosimetryLib.roads.course import CourseRequest, CourseResult


def kidney(dose_gy=4.0, **more):
    return {"dose_gy": dose_gy, "random_uncertainty": 0.06, "common_uncertainty": 0.10, "effective_half_life_h": 51} | more


def cycle(month, activity_mbq=7400, **regions):
    return {"date": f"2026-{month:02d}-10", "administered_activity_mbq": activity_mbq, "regions": regions}


def three_cycles(**more):
    return {
        "cycles": [cycle(month, kidney_left=kidney()) for month in (1, 3, 5)],
        "limits": [{"region": "kidney_left", "dose_gy": 23}],
        "next_cycle": {"between_cycle_variation": 0.12, "probability": 0.05},
    } | more


def run(**content):
    return course.run(CourseRequest.from_content(content))


def refused(**content):
    with pytest.raises(DosimetryError, match=r"^Expected ") as refusal:
        run(**content)
    return str(refusal.value)


def test_three_cycles_of_4_gy():
    """therapy of three cycles on paper: 12 +- 1.27 Gy, BED 3 x 4.3203; 13.42 GBq sampled and 13.72 by the normal formula for 5 %."""
    result = run(**three_cycles())
    found = result.region("kidney_left")
    assert found.cumulative_dose_gy == pytest.approx(12.0)
    assert found.cumulative_dose_uncertainty_gy == pytest.approx(1.270, abs=5e-4)
    assert found.cumulative_bed_gy == pytest.approx(3 * 4.3203, abs=2e-4)
    assert found.probability_above == {"23 Gy": pytest.approx(0.0, abs=1e-4)}
    ahead = result.next_cycle
    assert (ahead.activity_mbq, ahead.normal_activity_mbq) == (pytest.approx(13420, abs=40), pytest.approx(13720, abs=6))
    assert (ahead.binding_limit, ahead.probability) == ("kidney_left 23 Gy", pytest.approx(0.05, abs=1e-3))
    assert ahead.standard_cycles_left == 1
    assert ahead.expected_doses_gy["kidney_left"] == pytest.approx(4.0 / 7.4 * ahead.activity_mbq / 1000)


def test_the_expectation_reaches_the_limit_at_20_35_gbq():
    (row,) = run(**three_cycles()).next_cycle.limits
    assert row.expected_activity_mbq == pytest.approx(20350, abs=5)
    assert 0.0 == row.what_if[0] <= row.what_if[30] <= row.what_if[-1]


def test_all_limits_at_once_and_the_binding_one():
    limits = [{"region": "kidney_left", "dose_gy": 23}, {"region": "kidney_left", "bed_gy": 20}, "kidney_40_gy"]
    ahead = run(**three_cycles(limits=limits)).next_cycle
    assert ahead.binding_limit == "kidney_left BED 20 Gy"
    assert ahead.activity_mbq == pytest.approx(min(row.activity_mbq for row in ahead.limits))
    capped = run(**three_cycles(next_cycle={"between_cycle_variation": 0.12, "largest_activity_mbq": 9000})).next_cycle
    assert (capped.activity_mbq, capped.binding_limit) == (9000, "largest_activity_mbq")
    assert 0 < capped.probability < 0.05


def test_a_limit_that_is_exceeded_gives_0_with_its_sentence():
    result = run(**three_cycles(limits=[{"region": "kidney_left", "dose_gy": 11}]))
    assert (result.next_cycle.activity_mbq, result.next_cycle.binding_limit) == (0.0, "kidney_left 11 Gy")
    assert any("kidney_left 11 Gy: the dose given so far, 12 Gy, is above the limit already" in text for text in result.warnings)
    floor = run(**three_cycles(next_cycle={"between_cycle_variation": 0.12, "smallest_activity_mbq": 14000}))
    assert floor.next_cycle.activity_mbq == 0
    assert any("less than the smallest activity of 14000 MBq" in text for text in floor.warnings)


def test_a_cycle_without_dosimetry_is_estimated_marked_and_less_certain():
    """Its Gy/GBq is that of the nearest cycle, whose error comes again: u = 2 x 6 % on 8 Gy, and 12 % of its own 4 Gy."""
    content = three_cycles()
    content["cycles"][2] = {"date": "2026-05-10", "administered_activity_mbq": 3700}
    content["cycles"][1]["regions"]["kidney_left"] = kidney(5.0)
    found = run(**content).region("kidney_left")
    last = found.doses[2]
    assert (last.dose_gy, last.estimated) == (pytest.approx(2.5), "no dosimetry: Gy/GBq of cycle 2")
    assert last.random_uncertainty == pytest.approx((0.06**2 + 0.12**2) ** 0.5)
    assert found.cumulative_dose_random_gy == pytest.approx(((0.06 * 4) ** 2 + (0.06 * 7.5) ** 2 + (0.12 * 2.5) ** 2) ** 0.5)
    assert any("cycle 3 has no dosimetry of it" in text for text in run(**content).warnings)
    del content["cycles"][2]["administered_activity_mbq"]
    assert "administered_activity_mbq of cycle 3" in refused(**content)


def test_lesions_appear_and_vanish_blank_never_zero():
    content = three_cycles()
    content["cycles"][0]["regions"]["lesion_1"] = kidney(20.0)
    content["cycles"][2]["regions"]["lesion_2"] = kidney(9.0)
    result = run(**content)
    first, second = result.region("lesion_1"), result.region("lesion_2")
    assert [item.dose_gy for item in first.doses] == [20.0, None, None]
    assert [item.dose_gy for item in second.doses] == [None, None, 9.0]
    assert (first.cumulative_dose_gy, second.cumulative_dose_gy) == (20.0, 9.0)
    assert any("lesion_1: seen in cycle 1 only" in text for text in result.warnings)


def test_an_organ_that_is_missing_in_a_measured_cycle_is_said():
    content = three_cycles()
    content["cycles"][1]["regions"] = {"liver": kidney(2.0)}
    result = run(**content)
    assert [item.dose_gy for item in result.region("kidney_left").doses] == [4.0, 4.0, 4.0]
    assert any(text.startswith("kidney_left: cycle 2 has doses but none of this organ") for text in result.warnings)


def test_names_are_mapped_and_an_unused_one_is_said():
    content = three_cycles(region_names={"Niere links": "kidney_left", "Niere rechts": "kidney_right"})
    content["cycles"][1]["regions"] = {"Niere links": kidney()}
    result = run(**content)
    assert list(result.regions) == ["kidney_left"]
    assert any("names 'Niere rechts'" in text or "region_names names 'Niere rechts'" in text for text in result.warnings)
    content["cycles"][1]["regions"]["kidney_left"] = kidney()
    assert "received 'kidney_left' twice after region_names" in refused(**content)


def test_both_kidneys_and_each():
    """Masses 150 and 100 g: (150 x 4 + 100 x 5) / 250 = 4.4 Gy; what is common stays 10 %, what is random shrinks."""
    content = three_cycles(limits=["kidney_23_gy"])
    for item in content["cycles"]:
        item["regions"] = {"kidney_left": kidney(4.0, mass_g=150), "kidney_right": kidney(5.0, mass_g=100)}
    result = run(**content)
    both = result.region("kidneys")
    assert both.cumulative_dose_gy == pytest.approx(3 * 4.4)
    assert both.cumulative_dose_common_gy == pytest.approx(0.1 * 3 * 4.4)
    assert both.cumulative_dose_random_gy == pytest.approx(0.06 * (3 * ((150 * 4 / 250) ** 2 + (100 * 5 / 250) ** 2)) ** 0.5)
    assert {row.region for row in result.next_cycle.limits} == {"kidney_left", "kidney_right", "kidneys"}
    assert result.next_cycle.binding_limit == "kidney_right 23 Gy"


def test_dates_in_another_order_are_sorted_and_said():
    content = three_cycles()
    content["cycles"].reverse()
    result = run(**content)
    assert [item.date for item in result.cycles] == ["2026-01-10", "2026-03-10", "2026-05-10"]
    assert any("were sorted" in text for text in result.warnings)
    assert result.region("kidney_left").cumulative_dose_gy == run(**three_cycles()).region("kidney_left").cumulative_dose_gy


def test_unknown_uncertainty_is_none_and_no_probability_follows():
    content = three_cycles()
    del content["cycles"][1]["regions"]["kidney_left"]["common_uncertainty"]
    result = run(**content)
    found = result.region("kidney_left")
    assert (found.cumulative_dose_gy, found.cumulative_dose_uncertainty_gy, found.probability_above) == (
        12.0,
        None,
        {"23 Gy": None},
    )
    assert (result.next_cycle.activity_mbq, result.next_cycle.binding_limit) == (None, "kidney_left 23 Gy")
    assert any("kidney_left: the uncertainty of cycle 2 is not known" in text for text in result.warnings)


def test_zero_uncertainty_is_taken_and_said():
    content = three_cycles()
    for item in content["cycles"]:
        item["regions"]["kidney_left"] = kidney(random_uncertainty=0, common_uncertainty=0)
    result = run(**content)
    assert result.region("kidney_left").cumulative_dose_uncertainty_gy == 0
    assert any("no contribution has an uncertainty" in text for text in result.warnings)


def test_a_bed_limit_asks_for_alpha_beta_where_none_is_known():
    content = three_cycles(limits=[{"region": "spleen", "bed_gy": 20}])
    content["cycles"][0]["regions"]["spleen"] = kidney()
    assert "alpha_beta_gy and repair_half_time_h for the limit spleen BED 20 Gy" in refused(**content)
    content["regions"] = {"spleen": {"alpha_beta_gy": 3, "repair_half_time_h": 2}}
    assert run(**content).region("spleen").cumulative_bed_gy > 12


def test_external_beam_and_radioembolisation_count_in_one_bed():
    """On paper, alpha/beta 2.5 Gy and T_rep 2.5 h: 94.608 + 8.2207 + 42.0 = 144.828 Gy BED and 80.460 Gy EQD2; 40 + 8 + 30 Gy."""
    certain = {"random_uncertainty": 0.05, "common_uncertainty": 0.05}
    result = run(
        cycles=[cycle(month, liver=kidney(2.0, effective_half_life_h=70)) for month in (1, 3, 5, 7)],
        regions={"liver": {"alpha_beta_gy": 2.5, "repair_half_time_h": 2.5}},
        others=[
            {"kind": "radioembolisation", "nuclide": "Ho-166", "regions": {"liver": {"dose_gy": 40, **certain}}},
            {"kind": "external_beam", "fractions": 30, "regions": {"liver": {"dose_gy": 30, **certain}}},
        ],
        limits=["liver_resin_40_gy"],
    )
    found = result.region("liver")
    assert found.cumulative_dose_gy == 78
    # The decay data give 26.81 h for 166Ho, the hand calculation took 26.8 h.
    assert found.cumulative_bed_gy == pytest.approx(144.828, abs=0.03)
    assert found.cumulative_eqd2_gy == pytest.approx(80.460, abs=0.02)
    # The calibration of one is not that of the other: common parts of different therapies add in squares.
    assert found.cumulative_dose_common_gy == pytest.approx(((0.1 * 8) ** 2 + (0.05 * 40) ** 2 + (0.05 * 30) ** 2) ** 0.5)
    assert found.probability_above["40 Gy"] > 0.999
    assert any("doses of different therapies are added in Gy" in text for text in result.warnings)


def test_sessions_of_radioembolisation_count_in_lungs_and_liver():
    """Lungs 20 and 24 Gy: each session below 30 Gy, a life's 50 Gy at 44 +- 3.1 Gy; liver 18 and 20 Gy."""
    certain = {"random_uncertainty": 0.1, "common_uncertainty": 0.0}
    session = lambda lungs, liver: {  # noqa: E731
        "kind": "radioembolisation", "nuclide": "Y-90", "regions": {"lungs": {"dose_gy": lungs, **certain}, "liver": {"dose_gy": liver, **certain}},
    }  # fmt: skip
    result = run(others=[session(20, 18), session(24, 20)], limits=["lung_50_gy", "lung_session_30_gy", "liver_resin_40_gy"])
    lungs, liver = result.region("lungs"), result.region("liver")
    assert (lungs.cumulative_dose_gy, liver.cumulative_dose_gy) == (44, 38)
    assert lungs.cumulative_dose_uncertainty_gy == pytest.approx((2.0**2 + 2.4**2) ** 0.5)
    assert lungs.probability_above["50 Gy"] == pytest.approx(0.03, abs=0.01)
    assert lungs.probability_above["30 Gy"] == pytest.approx(0.01, abs=0.01)
    assert liver.probability_above["40 Gy"] == pytest.approx(0.23, abs=0.03)


def test_before_the_first_cycle_a_population():
    """23 Gy over the 95 % quantile of a log-normal of 0.54 +- 0.15 Gy/GBq, 0.8146: 28.2 GBq in four cycles."""
    content = {
        "limits": [{"region": "kidneys", "dose_gy": 23}],
        "next_cycle": {"population": "177Lu-DOTATATE", "cycles_left": 4, "probability": 0.05},
    }
    ahead = run(**content).next_cycle
    assert ahead.activity_mbq == pytest.approx(1000 * 23 / 0.8146 / 4, rel=0.004)
    entered = {**content["next_cycle"], "population": None, "uptakes": {"kidney": {"gy_per_gbq": 0.54, "sd": 0.15}}}
    assert run(**content | {"next_cycle": entered}).next_cycle.activity_mbq == ahead.activity_mbq
    # One cycle given without dosimetry: the same uptake, so its activity is taken off.
    given = run(cycles=[{"date": "2026-01-10", "administered_activity_mbq": 7400}], **content).next_cycle
    assert given.activity_mbq == pytest.approx(ahead.activity_mbq - 7400 / 4, rel=1e-6)
    marrow = run(limits=["marrow_2_gy"], next_cycle={"population": "177Lu-PSMA-617"})
    assert marrow.next_cycle.activity_mbq is None
    assert any("the population has none" in text for text in marrow.warnings)


def test_alphas_and_betas_in_one_course():
    content = three_cycles(limits=None, next_cycle=None)
    content["cycles"][0]["nuclide"] = "Ra-223"
    content["cycles"][1]["nuclide"] = content["cycles"][2]["nuclide"] = "Lu-177"
    plain = run(**content)
    assert any("alphas of Ra-223 count in the BED as electrons" in text for text in plain.warnings)
    assert any("of different nuclides" in text for text in plain.warnings)
    content["cycles"][0]["alpha_rbe"] = 5
    weighted = run(**content).region("kidney_left")
    assert weighted.cumulative_dose_gy == 12
    assert weighted.doses[0].bed_gy > 4 * plain.region("kidney_left").doses[0].bed_gy


def test_the_way_home_of_a_course():
    """As Testing/course/test_discharge.py: the partner keeps away until day 2.35 for 3 mSv."""
    result = run(
        **three_cycles(discharge={"nuclide": "Lu-177", "shares": [0.44, 0.56], "rates_per_d": [2.25, 0.175], "release_h": 6})
    )
    found = {item.name: item for item in result.discharge.contacts}
    assert found["partner"].restriction_days == pytest.approx(2.35, abs=0.005)
    assert result.discharge.activity_mbq == 7400
    assert result.discharge.dose_rate_at_release_usv_h == pytest.approx(27.38 * (0.44 * 0.5698 + 0.56 * 0.9572), rel=1e-3)
    assert "the last cycle names none" in refused(**three_cycles(discharge={}))
    bound = run(**three_cycles(discharge={"nuclide": "Lu-177"}))
    assert bound.discharge.contacts[0].restriction_days > found["partner"].restriction_days
    assert any("physical decay alone was taken" in text for text in bound.warnings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cycles": []}, "cycles of the course"),
        ({"limits": None}, "limits for the next cycle"),
        ({"limits": ["kidney_99_gy"]}, "the name of a limit"),
        ({"limits": [{"region": "kidney_left"}]}, "one of dose_gy, bed_gy or name"),
        ({"limits": [{"dose_gy": 23}]}, "region of a limit"),
        ({"limits": [{"region": "kidney_left", "dose_gy": -1}]}, "positive dose_gy of a limit"),
        ({"limits": [{"region": "kidney_left", "dose": 23}]}, "did you mean dose_gy"),
        ({"next_cycle": {"probability": 0}}, "probability of the next cycle"),
        ({"next_cycle": {"probability": float("nan")}}, "finite number for probability"),
        ({"next_cycle": {"cycles_left": 0}}, "cycles_left"),
        ({"next_cycle": {"smallest_activity_mbq": 9000, "largest_activity_mbq": 8000}}, "smallest_activity_mbq below"),
        ({"cycle": []}, "did you mean cycles"),
        ({"others": [{"kind": "external_beam", "regions": {"liver": {"dose_gy": 30}}}]}, "fractions"),
        ({"others": [{"kind": "radioembolisation", "regions": {"liver": {"dose_gy": 30}}}]}, "nuclide of a radioembolisation"),
        ({"others": [{"kind": "chemotherapy", "regions": {"liver": {"dose_gy": 30}}}]}, "kind of another therapy"),
        ({"others": [{"kind": "external_beam", "fractions": 5}]}, "results or regions"),
    ],
)
def test_requests_that_cannot_be_used_are_refused(change, words):
    assert words in refused(**three_cycles() | change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"date": None}, "a date of every cycle"),
        ({"date": "21.03.2026"}, "date such as 2026-03-21"),
        ({"date": "2026-13-01"}, "date such as 2026-03-21"),
        ({"date": "2026-03-10"}, "on different days"),
        ({"administered_activity_mbq": -7400}, "positive administered_activity_mbq"),
        ({"administered_activity_mbq": 7.4e9}, "check the unit"),
        ({"regions": {"kidney_left": {"dose_gy": -4}}}, "dose_gy of a region"),
        ({"regions": {"kidney_left": {"dose_gy": float("nan")}}}, "finite number for dose_gy"),
        ({"regions": {"kidney_left": {"dose_gy": "4 Gy"}}}, "a number for dose_gy"),
        ({"regions": {"kidney_left": kidney(random_uncertainty=6)}}, "give 0.06 for 6 %"),
        ({"regions": {"kidney_left": kidney(random_uncertainty=-0.06)}}, "random_uncertainty"),
        ({"regions": {"kidney_left": kidney(effective_half_life_h=0)}}, "effective_half_life_h"),
        ({"regions": {"kidney_left": {"random_uncertainty": 0.06}}}, "without dose_gy"),
        ({"results": "results.json"}, "results or regions of a cycle"),
    ],
)
def test_cycles_that_cannot_be_used_are_refused(change, words):
    content = three_cycles()
    content["cycles"][0] = content["cycles"][0] | change
    assert words in refused(**content)


def test_a_limit_of_no_region_and_a_short_interval_are_said():
    content = three_cycles(limits=[{"region": "kidney_left", "dose_gy": 23}, {"region": "kidney_rigth", "dose_gy": 23}])
    content["cycles"][1]["date"] = "2026-01-13"
    result = run(**content)
    assert any("The limit kidney_rigth 23 Gy holds for no region" in text for text in result.warnings)
    assert any("3 days lie between cycle 1 and cycle 2" in text for text in result.warnings)


def test_the_folder_runs_again_to_the_same_numbers(tmp_path, capsys):
    request = tmp_path / "COURSE.json"
    request.write_text(json.dumps(three_cycles() | {"discharge": {"nuclide": "Lu-177"}}), encoding="utf-8")
    assert main(["course", str(request), "--out", str(tmp_path / "one")]) == 0
    assert "Next cycle: 134" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "one").iterdir()} == {"course_results.json", "course.csv", "course_report.html"}
    assert main(["course", str(tmp_path / "one" / "course_results.json"), "--out", str(tmp_path / "two")]) == 0
    first, second = (json.loads((tmp_path / name / "course_results.json").read_text(encoding="utf-8")) for name in ("one", "two"))
    assert first | {"created": 0, "files": 0} == second | {"created": 0, "files": 0}
    assert first["regions"]["kidney_left"]["cumulative_dose_gy"] == pytest.approx(12)
    assert first["next_cycle"]["binding_limit"] == "kidney_left 23 Gy"
    read = CourseResult.read(tmp_path / "one" / "course_results.json")
    assert isinstance(read.created, datetime)
    assert read.to_dict() == CourseResult.from_content(first).to_dict()
    page = (tmp_path / "one" / "course_report.html").read_text(encoding="utf-8")
    for words in ("Cumulative dose, kidney", "What other activities would do", "Uncertainty of kidney_left", "Travel letter"):
        assert words in page, words
    assert main(["course", str(tmp_path / "none.json"), "--out", str(tmp_path / "three")]) == 2
    assert not (tmp_path / "three").exists()


def test_when_to_scan_within_the_opening_hours():
    """Thursday 10:00, weekdays 8 to 17: one scan of a kidney with 51 h is best near 51/ln 2 = 74 h, so on Monday morning at 94 h."""
    entry = {"agent": "177Lu-DOTATATE", "tissue": "kidney", "administration": "2026-03-19T10:00", "schedules_h": [[24], [24, 96]]}
    found = run(design=entry).design
    assert [len(item.times_h) for item in found.best] == [1, 2, 3]
    assert found.best[0].times_h == (94.0,)
    assert found.best[0].uncertainty < found.compared[0].uncertainty
    assert found.best[1].alone <= found.compared[1].alone
    assert all(time in found.open_h and time >= 20 for item in found.best for time in item.times_h)
    assert run(design=entry | {"earliest_h": 1}).design.best[1].times_h[0] == 1.0
    own = {"nuclide": "Lu-177", "effective_half_life_h": 51, "log_sd": 0.2, "administration": "2026-03-19T10:00"}
    assert run(design=own).design.best[0].times_h == (94.0,)
    assert "give one set" in refused(design={"agent": "177Lu-DOTATATE", "administration": "2026-03-19T10:00"})
    assert "stored population" in refused(design=entry | {"tissue": "pancreas"})
    assert "a date with a time" in refused(design=entry | {"administration": "2026-03-19"})
