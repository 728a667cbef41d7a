"""Dose against activity, sensitivity and sampled uncertainty, against the closed forms they must follow."""

import math

import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.planning import (
    PlanUncertainty,
    Tumour,
    activity_table,
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


def test_samples_repeat_and_exact_inputs_do_not_spread():
    compartments = make_compartments("Y-90", **CASE)
    stated = PlanUncertainty(tumour_mass={"T1": 0.1, "T2": 0.2}, tnr=0.1, lung_shunt_absolute=0.01)
    first, second = (sampled_doses(compartments, 2.0, stated, samples=500, seed=3) for _ in range(2))
    assert first == second
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
