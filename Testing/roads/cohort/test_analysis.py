"""From rows to statistics: a cohort whose rows are made up, with a planted hazard, trend and agreement."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from RNTDosimetryLib.roads.cohort.analysis import analyze, marker_of
from RNTDosimetryLib.roads.cohort.follow_up import FollowUp
from RNTDosimetryLib.roads.cohort.report import render_cohort
from RNTDosimetryLib.roads.cohort.request import CohortRequest, Marker
from RNTDosimetryLib.roads.cohort.result import CohortResult
from RNTDosimetryLib.roads.tidy import RegionRow

HAZARD = -0.7
REQUEST = CohortRequest(studies=["x.json"], populations=False)


def row(patient, region, cycle, per_activity, **more):
    kind = "lesion" if region.startswith("lesion") else "organ"
    dose = None if per_activity is None else 7.4 * per_activity
    return RegionRow(
        study=f"{patient}_{cycle}", region=region, patient=patient, cycle=cycle, kind=kind, site="kidney" if kind == "organ" else "", administered_activity_mbq=7400.0,
        dose_gy=dose, dose_uncertainty_gy=None if dose is None else 0.1 * dose, dose_per_activity_gy_per_gbq=per_activity, **more,
    )  # fmt: skip


def cohort_rows(number=60, cycles=3, seed=1):
    """Kidney rises by 0.03 Gy/GBq a cycle; lesion doses are log-normal."""
    random, rows = np.random.default_rng(seed), []
    for index in range(number):
        kidney, lesion = 0.5 + 0.1 * random.standard_normal(), 2 * math.exp(0.6 * random.standard_normal())
        for cycle in range(1, cycles + 1):
            rows.append(row(f"p{index}", "kidney_left", cycle, kidney + 0.03 * (cycle - 1) + 0.02 * random.standard_normal()))
            rows.append(row(f"p{index}", "lesion_1", cycle, lesion))
    return rows


def followed(rows, seed=2):
    random, found = np.random.default_rng(seed), {}
    for patient in {row.patient: None for row in rows}:
        dose = sum(row.dose_gy for row in rows if row.patient == patient and row.kind == "lesion")
        months = random.exponential(25 / math.exp(HAZARD * math.log2(dose / 44)))
        found[patient] = FollowUp(
            min(months, 36.0),
            int(months <= 36),
            int(random.random() < 1 / (1 + (44 / dose) ** 3)),
            {"age": random.uniform(40, 80)},
            {"arm": "AB"[len(found) % 2]},
        )
    return found


@pytest.fixture(scope="module")
def statistics():
    rows = cohort_rows()
    return analyze(replace(REQUEST, follow_up="f.csv", covariates=("age",)), rows, followed(rows))


def test_the_planted_hazard_is_found_within_its_interval(statistics):
    marker, age = statistics.cox.effects
    assert abs(marker.coefficient - HAZARD) < 2 * marker.uncertainty
    assert marker.uncertainty < 0.3
    # Age was made without effect.
    assert age.lower < 1 < age.upper
    assert [curve.group for curve in statistics.survival] == ["all", "below the median", "at or above the median"]
    assert statistics.log_rank.p_value < 0.05
    assert "below and above its median of" in statistics.groups


def test_the_planted_trend_and_response_are_found(statistics):
    trend = next(item for item in statistics.trends if item.label == "kidney")
    assert trend.slope_lower < 0.03 < trend.slope_upper
    assert trend.slope_uncertainty == pytest.approx(0.02 / math.sqrt(60 * 2), rel=0.25)
    change = next(item for item in statistics.changes if item.label == "kidney")
    assert change.mean == pytest.approx(0.06, abs=0.012)
    assert statistics.response.d50_lower_gy < 44 < statistics.response.d50_upper_gy
    assert statistics.response.errors_in_dose
    assert statistics.cut_off_outcome == "response"
    assert statistics.cut_off.higher
    spreads = {(item.site, item.cycle): item for item in statistics.spreads}
    assert spreads["kidney", 1].patients == 60
    assert spreads["kidney", 1].distribution.deviation == pytest.approx(0.1, rel=0.25)


def test_groups_of_a_column(statistics):
    rows = cohort_rows(20)
    found = analyze(replace(REQUEST, follow_up="f.csv", group_by="arm"), rows, followed(rows))
    assert [curve.group for curve in found.survival] == ["all", "A", "B"]
    lost = analyze(replace(REQUEST, follow_up="f.csv", group_by="none"), rows, followed(rows))
    assert "a column none" in lost.not_computed["survival"]


def test_a_marker_by_hand():
    """Two lesions over two cycles, 1 and 3 Gy/GBq: 14.8 and 44.4 Gy; 10 % common to all."""
    rows = [row("p", name, cycle, value) for name, value in (("lesion_1", 1.0), ("lesion_2", 3.0)) for cycle in (1, 2)]
    assert marker_of(Marker(), rows)[:2] == pytest.approx((29.6, 2.96))
    assert marker_of(Marker(over="smallest"), rows)[:2] == pytest.approx((14.8, 1.48))
    assert marker_of(Marker(over="largest"), rows)[0] == pytest.approx(44.4)
    assert marker_of(Marker(region="*_2"), rows)[0] == pytest.approx(44.4)
    assert marker_of(Marker(quantity="dose_per_activity_gy_per_gbq"), rows)[:2] == pytest.approx((2.0, 0.2))
    assert marker_of(Marker(kind="organ"), rows) == (None, None, False)


def test_a_missing_cycle_is_no_zero():
    rows = [
        row("p", "lesion_1", 1, 1.0),
        row("p", "lesion_1", 2, None),
        row("p", "kidney_left", 1, 0.5),
        row("p", "kidney_left", 2, 0.5),
    ]
    assert marker_of(Marker(), rows) == (None, None, True)
    # A region that one cycle does not have at all.
    assert marker_of(Marker(), [*rows[:1], *rows[2:]]) == (None, None, True)
    assert marker_of(Marker(quantity="dose_per_activity_gy_per_gbq"), [*rows[:1], *rows[2:]])[0] == pytest.approx(1.0)
    found = analyze(replace(REQUEST, follow_up="f.csv"), rows, {"p": FollowUp(3.0, 1)})
    assert found.patients[0].marker is None
    assert any("no marker (p)" in text for text in found.warnings)


def test_who_is_on_one_side_only_is_named():
    rows = cohort_rows(6, 1)
    entered = followed(rows)
    entered["p77"] = entered.pop("p3")
    found = analyze(replace(REQUEST, follow_up="f.csv"), rows, entered)
    assert any("1 patients have no row" in text and "(p3)" in text for text in found.warnings)
    assert any("not in the cohort (p77)" in text for text in found.warnings)


def test_a_sum_over_different_numbers_of_cycles_is_warned_of():
    """Patients who live longer are given more cycles: a planted absence of effect looks like one."""
    many = cohort_rows(30, 4, seed=9)
    rows = [item for item in many if item.cycle <= 1 + int(item.patient[1:]) % 4]
    found = analyze(replace(REQUEST, follow_up="f.csv"), rows, followed(rows))
    assert any(text.startswith("patients have from 1 to 4 cycles") for text in found.warnings)
    per_activity = replace(REQUEST, follow_up="f.csv", marker=Marker("dose_per_activity_gy_per_gbq"))
    assert not any("cycles, and who lives longer" in text for text in analyze(per_activity, rows, followed(rows)).warnings)


def test_agreement_with_another_program_is_by_study_cycle_and_region():
    rows = cohort_rows(8, 2)
    other = [
        {"study": item.study, "cycle": str(item.cycle), "region": item.region, "dose_gy": repr(item.dose_gy / 1.05)}
        for item in rows[::-1]
    ]
    other.append({"study": "else", "cycle": "1", "region": "liver", "dose_gy": "3"})
    found = analyze(REQUEST, rows, None, other)
    (agreement,) = found.agreement
    assert agreement.pairs == len(rows)
    assert agreement.relative_bias_percent == pytest.approx(5.0)
    assert "tia_mbq_h" in found.not_computed["agreement of tia_mbq_h"]


def test_nothing_to_compute_is_said(statistics):
    found = analyze(REQUEST, cohort_rows(2, 1), None)
    assert "at least 4 pairs" in found.not_computed["kidney against tumour"]
    assert found.survival == ()
    empty = analyze(REQUEST, [RegionRow("s", "liver", kind="organ", site="liver", dose_gy=2.0)], None)
    assert empty.spreads == ()
    assert "states its administered activity" in render_cohort(CohortResult(REQUEST, (), empty))


def test_the_page_shows_every_part(statistics):
    page = render_cohort(CohortResult(REQUEST, (), statistics))
    for words in (
        "Survival without event",
        "Cox regression",
        "Trend over the cycles",
        "Dose and response",
        "optimistic",
        "Log-rank test",
        "Columns of the table",
    ):
        assert words in page
    assert not re.search(r"\bnan\b", page.lower())
