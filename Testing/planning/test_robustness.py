"""Dose against activity, sensitivity and sampled uncertainty, against the closed forms they must follow."""

import json
import math
from dataclasses import replace

import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.planning import (
    Injection,
    PlanUncertainty,
    SampledPlan,
    Tumour,
    activity_table,
    injections_plan,
    join_injections,
    make_compartments,
    partition_model,
    sampled_doses,
    sensitivity,
)

CASE = {
    "tumours": [Tumour("T1", mass_g=200, tnr=5.0), Tumour("T2", mass_g=50, tnr=2.0)],
    "normal_liver_mass_g": 1300,
    "lung_shunt_fraction": 0.05,
    "lung_mass_g": 1000,
}


def test_table_follows_the_model():
    compartments = make_compartments("Y-90", **CASE, previous_lung_dose_gy=4.0)
    table = activity_table(compartments, planned_activity_gbq=2.1, limits={"normal_liver": 60, "T1": ("min", 150)})
    assert table.activities_gbq[0] == 0.5
    assert table.activities_gbq[-1] >= 4.2
    for activity, row in zip(table.activities_gbq, table.dose_gy):
        plan = partition_model("Y-90", activity, **CASE, previous_lung_dose_gy=4.0)
        expected = {**plan.tumour_dose_gy, "normal_liver": plan.normal_liver_dose_gy, "perfused": plan.perfused_mean_dose_gy,
                    "lung": plan.cumulative_lung_dose_gy, "lung_session": plan.lung_dose_gy}  # fmt: skip
        assert dict(zip(table.names, row)) == pytest.approx(expected, rel=1e-12)
    # D_N = 49.67 * 0.95 / 2.4 = 19.661 Gy/GBq: 60 Gy at 3.05 GBq; T1 has 150 Gy at 1.526 GBq.
    assert [bool(broken) for broken in table.broken] == [activity > 3.052 for activity in table.activities_gbq]
    assert [bool(missed) for missed in table.missed] == [activity < 1.525 for activity in table.activities_gbq]


def test_dose_per_activity_by_hand():
    """49.67 J/GBq x 0.95 / 2.4 kg (1.3 + 5 x 0.2 + 2 x 0.05 of the normal liver's concentration): 19.6610 Gy/GBq; lungs 49.67 x 0.05 / 1 kg."""
    table = activity_table(make_compartments("Y-90", **CASE, previous_lung_dose_gy=4.0), planned_activity_gbq=2.0)
    expected = {
        "T1": 98.3052,
        "T2": 39.3221,
        "normal_liver": 19.66104,
        "perfused": 30.44290,
        "lung": 2.4835,
        "lung_session": 2.4835,
    }
    assert table.gy_per_gbq == pytest.approx(expected, rel=1e-5)
    assert table.offset_gy == pytest.approx(dict.fromkeys(expected, 0.0) | {"lung": 4.0})
    assert [place.key for place in table.compartments] == list(table.names) == list(table.gy_per_gbq)


def test_table_needs_an_activity():
    with pytest.raises(DosimetryError, match="planned activity"):
        activity_table(make_compartments("Y-90", **CASE))
    with pytest.raises(DosimetryError, match="at least one activity"):
        activity_table(make_compartments("Y-90", **CASE), [])


def test_sensitivity_recomputes_the_plan():
    compartments = make_compartments("Y-90", **CASE)
    rows = {row.input: row for row in sensitivity(compartments, 2.0)}
    moved = partition_model("Y-90", 2.0, **CASE | {"lung_shunt_fraction": 0.06})
    assert rows["lung shunt fraction"].high == pytest.approx(0.06)
    assert rows["lung shunt fraction"].dose_at_high_gy["lung"] == pytest.approx(moved.lung_dose_gy, rel=1e-12)
    tumours = [Tumour("T1", 200, 4.5), CASE["tumours"][1]]
    lower = partition_model("Y-90", 2.0, **CASE | {"tumours": tumours})
    assert rows["ratio of T1"].dose_at_low_gy["T1"] == pytest.approx(lower.tumour_dose_gy["T1"], rel=1e-12)
    assert rows["ratio of T1"].dose_at_low_gy["normal_liver"] == pytest.approx(lower.normal_liver_dose_gy, rel=1e-12)
    assert rows["dose constant"].dose_at_high_gy["T2"] == pytest.approx(
        1.1 * rows["dose constant"].dose_at_low_gy["T2"] / 0.9, rel=1e-12
    )
    assert {"mass of T1", "mass of T2", "mass of perfused normal liver", "lung mass", "ratio of T2"} <= set(rows)
    none = sensitivity(make_compartments("Y-90", **CASE | {"lung_shunt_fraction": 0.0}), 2.0)[0]
    assert (none.low, none.high) == (0.0, 0.01)


def test_sampled_lung_dose_follows_propagation():
    # D_lung = K A L / m: independent relative uncertainties add in squares for small ones; sampling error of 100000 is below 1 %.
    compartments = make_compartments("Y-90", **CASE)
    found = sampled_doses(
        compartments, 2.0, PlanUncertainty(lung_mass=0.05, lung_shunt_absolute=0.004, activity=0.03), samples=100000
    )
    relative = found.spreads["lung"].standard_uncertainty_gy / 4.967
    assert relative == pytest.approx(math.sqrt(0.05**2 + 0.08**2 + 0.03**2), rel=0.02)
    assert found.spreads["lung"].mean_gy == pytest.approx(4.967 * (1 + 0.05**2), rel=0.002)


def test_sampled_tumour_dose_follows_propagation():
    # d ln D_1 / d ln TNR_1 = 1 - TNR_1 m_1 / M*, with M* = 1300 + 1000 + 100 = 2400 g; for TNR_2 it is -100 / 2400; for m_N -1300 / 2400.
    compartments = make_compartments("Y-90", **CASE)
    found = sampled_doses(compartments, 2.0, PlanUncertainty(tnr=0.04, normal_liver_mass=0.03), samples=100000, seed=7)
    expected = math.sqrt((0.04 * (1 - 1000 / 2400)) ** 2 + (0.04 * 100 / 2400) ** 2 + (0.03 * 1300 / 2400) ** 2)
    spread = found.spreads["T1"]
    assert spread.standard_uncertainty_gy / spread.planned_gy == pytest.approx(expected, rel=0.02)
    assert spread.lower_95_gy == pytest.approx(spread.planned_gy * math.exp(-1.96 * expected), rel=0.005)


INJECTIONS = (
    Injection("right", 1.5, (Tumour("T1", 120, 4.0), Tumour("T2", 60, 3.0)), 700, 0.04),
    Injection("left", 0.6, (Tumour("T1", 50, 5.0),), 300, 0.06, residual_fraction=0.02),
)


def test_several_injections_go_the_same_way():
    case = join_injections("Y-90", INJECTIONS, tumour_masses_g={"T1": 150}, perfused_normal_liver_mass_g=950, lung_mass_g=1000)
    plan = injections_plan("Y-90", INJECTIONS, tumour_masses_g={"T1": 150}, perfused_normal_liver_mass_g=950, lung_mass_g=1000)
    # The doses at twice the total activity are twice those of now.
    table = activity_table(case, [2.1, 4.2])
    assert dict(zip(table.names, table.dose_gy[0])) == pytest.approx(plan.dose_gy, rel=1e-12)
    assert dict(zip(table.names, table.dose_gy[1])) == pytest.approx(
        {name: 2 * dose for name, dose in plan.dose_gy.items()}, rel=1e-12
    )
    rows = {row.input: row for row in sensitivity(case)}
    heavier = (replace(INJECTIONS[0], lung_shunt_fraction=0.05), INJECTIONS[1])
    moved = injections_plan("Y-90", heavier, tumour_masses_g={"T1": 150}, perfused_normal_liver_mass_g=950, lung_mass_g=1000)
    assert rows["lung shunt fraction, right"].dose_at_high_gy == pytest.approx(moved.dose_gy, rel=1e-12)
    # 10 % more of T1 everywhere that it lies: the whole, and both parts.
    bigger = [
        replace(item, tumours=tuple(replace(t, mass_g=1.1 * t.mass_g) if t.name == "T1" else t for t in item.tumours))
        for item in INJECTIONS
    ]
    moved = injections_plan("Y-90", bigger, tumour_masses_g={"T1": 165}, perfused_normal_liver_mass_g=950, lung_mass_g=1000)
    assert rows["mass of T1"].dose_at_high_gy == pytest.approx(moved.dose_gy, rel=1e-12)
    exact = sampled_doses(case, None, PlanUncertainty(), samples=100)
    assert {name: spread.mean_gy for name, spread in exact.spreads.items()} == pytest.approx(plan.dose_gy, rel=1e-12)
    # Activity and constant move every dose of this treatment alike.
    spread = sampled_doses(case, None, PlanUncertainty(activity=0.05), samples=50000).spreads["T1"]
    assert spread.standard_uncertainty_gy / spread.planned_gy == pytest.approx(0.05, rel=0.02)


def test_a_conventional_lung_mass_spreads_as_the_convention_does():
    """25 % of Resources/planning/products.json; a mass that was given is held exactly unless its uncertainty is stated."""
    given = {key: value for key, value in CASE.items() if key != "lung_mass_g"}
    relative = {
        known: (lambda s: s.standard_uncertainty_gy / s.mean_gy)(
            sampled_doses(make_compartments("Y-90", **given, lung_mass_g=known), 2.0, PlanUncertainty(), samples=50000).spreads[
                "lung"
            ]
        )
        for known in (None, 1000.0)
    }
    assert relative == pytest.approx({None: 0.25, 1000.0: 0.0}, rel=0.02, abs=1e-9)


def test_samples_repeat_and_exact_inputs_do_not_spread():
    compartments = make_compartments("Y-90", **CASE)
    stated = PlanUncertainty(tumour_mass={"T1": 0.1, "T2": 0.2}, tnr=0.1, lung_shunt_absolute=0.01)
    first, second = (sampled_doses(compartments, 2.0, stated, samples=500, seed=3) for _ in range(2))
    assert first == second
    assert SampledPlan.from_dict(json.loads(json.dumps(first.to_dict()))) == first
    exact = sampled_doses(compartments, 2.0, PlanUncertainty(), samples=100)
    assert exact.spreads["T1"].standard_uncertainty_gy == pytest.approx(0.0, abs=1e-9)
    assert exact.spreads["T1"].mean_gy == pytest.approx(exact.spreads["T1"].planned_gy, rel=1e-12)


def test_probability_to_keep_a_limit():
    compartments = make_compartments("Y-90", **CASE)
    normal = partition_model("Y-90", 2.0, **CASE).normal_liver_dose_gy
    found = sampled_doses(
        compartments, 2.0, PlanUncertainty(dose_constant=0.05), limits={"normal_liver": normal, "T1": ("min", 1)}, samples=50000
    )
    # Half of a log-normal lies below its median, mean / sqrt(1 + 0.05^2); at the mean it is Phi(sigma / 2) = 0.50997.
    assert next(iter(found.spreads["normal_liver"].probability_kept.values())) == pytest.approx(0.50997, abs=0.008)
    assert found.spreads["T1"].probability_kept == {"≥ 1 Gy": 1.0}


@pytest.mark.parametrize(
    ("stated", "text"),
    [
        (PlanUncertainty(tnr=-0.1), "relative standard uncertainty"),
        (PlanUncertainty(tnr=20), "10 %"),
        (PlanUncertainty(tnr={"T1": 0.1}), "none for T2"),
        (PlanUncertainty(lung_shunt_absolute=0.4), "percentage point"),
        (PlanUncertainty(normal_liver_mass=float("nan")), "relative standard uncertainty"),
    ],
)
def test_refused_uncertainties(stated, text):
    with pytest.raises(DosimetryError, match=text):
        sampled_doses(make_compartments("Y-90", **CASE), 2.0, stated)
