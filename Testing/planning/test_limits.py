"""Limits of products under the conditions they hold for: what is judged, what is asked, and that nothing passes without a word."""

import json

import pytest

from RNTDosimetryLib.base.warnings import kind_of, rank_of
from RNTDosimetryLib.planning import (
    Injection,
    ProductLimits,
    TreatmentConditions,
    Tumour,
    check_limits,
    get_product,
    join_injections,
    limits_for,
    looser_than_product,
    make_compartments,
    plan_of,
    read_limits,
)

TUMOUR = Tumour("T1", 200.0, 5.0)
LOBE = {"tumours": [TUMOUR], "normal_liver_mass_g": 900.0, "lung_shunt_fraction": 0.05, "lung_mass_g": 1000.0}


def asked(product, conditions=None, **changes) -> ProductLimits:
    known = None if conditions is None else TreatmentConditions(**conditions)
    return limits_for(get_product(product), make_compartments(product, **LOBE | changes), known)


def doses(found: ProductLimits, kind="max") -> dict[str, float]:
    return {limit.name: limit.dose_gy for limit in found.limits if limit.kind == kind}


def codes(found: ProductLimits) -> set[str]:
    return {kind_of(text).code for text in found.warnings}


LUNGS = {"lung_session": 30.0, "lung": 50.0}


@pytest.mark.parametrize(
    ("product", "conditions", "whole_g", "limits"),
    [
        # EANM guideline 2022 (PMC8940802), table 2: perfused normal liver 120 Gy, whole normal liver 75, by bilirubin 50 and (bilobar) 90.
        ("TheraSphere", {"scenario": "unilobar", "bilirubin_mg_dl": 0.8}, 1600, {"normal_liver": 120, "whole_normal_liver": 75}),
        ("TheraSphere", {"scenario": "unilobar", "bilirubin_mg_dl": 1.4}, 1600, {"normal_liver": 120, "whole_normal_liver": 50}),
        ("TheraSphere", {"scenario": "bilobar", "bilirubin_mg_dl": 1.1}, 1600, {"normal_liver": 120, "whole_normal_liver": 90}),
        ("TheraSphere", {"scenario": "bilobar", "bilirubin_mg_dl": 1.2}, 1600, {"normal_liver": 120, "whole_normal_liver": 50}),
        ("TheraSphere", {"scenario": "segmentectomy"}, 1600, {}),
        # Table 3: 40 Gy, 30 Gy pre-treated or of compromised function.
        ("SIR-Spheres", {"scenario": "unilobar", "impaired_liver": False}, None, {"normal_liver": 40}),
        ("SIR-Spheres", {"scenario": "bilobar", "impaired_liver": True}, None, {"normal_liver": 30}),
        # Table 4: everything perfused 60 Gy; whole normal liver 60, bilobar 40, with favorable function 60.
        (
            "QuiremSpheres",
            {"scenario": "bilobar", "impaired_liver": True},
            1600,
            {"normal_liver": 60, "whole_normal_liver": 40, "perfused": 60},
        ),
        (
            "QuiremSpheres",
            {"scenario": "bilobar", "impaired_liver": False},
            1600,
            {"normal_liver": 60, "whole_normal_liver": 60, "perfused": 60},
        ),
    ],
)
def test_what_is_known_decides(product, conditions, whole_g, limits):
    found = asked(product, conditions, whole_normal_liver_mass_g=whole_g)
    assert {name: dose for name, dose in doses(found).items() if name != "whole_normal_liver" or whole_g} == limits | LUNGS
    assert not {"limit_condition_missing", "whole_liver_not_judged", "whole_liver_by_perfused"} & codes(found)


def test_a_whole_liver_at_120_gy_does_not_pass_without_a_word():
    """120 Gy are for the perfused normal liver of a part: the whole of it, both lobes, is judged by 50 Gy until the bilirubin is known, 90 Gy then."""
    whole = {"tumours": [], "normal_liver_mass_g": 1500.0, "whole_normal_liver_mass_g": 1500.0}
    case = make_compartments("TheraSphere", **LOBE | whole)
    case = case.scaled(119.0 / plan_of(case).normal_liver_dose_gy)
    found = limits_for(get_product("TheraSphere"), case)
    assert found.assumptions == ("Judged as bilobar: 100 % of the normal liver lies in the territories.",)
    assert doses(found)["whole_normal_liver"] == 50
    (said,) = found.warnings
    assert said.startswith("Normal liver, whole: 50 Gy is judged")
    assert "the total bilirubin in mg/dL was not given; 90 Gy would hold otherwise" in said
    assert rank_of(said) == 1
    checks = {check.name: check.satisfied for check in check_limits(plan_of(case), found.limits)}
    assert checks["normal_liver"]
    assert not checks["whole_normal_liver"]
    known = limits_for(get_product("TheraSphere"), case, TreatmentConditions(bilirubin_mg_dl=0.7))
    assert doses(known)["whole_normal_liver"] == 90
    assert known.warnings == ()


def test_what_was_not_given_is_asked_and_the_strictest_is_judged():
    found = asked("TheraSphere", whole_normal_liver_mass_g=1600.0)
    assert doses(found) == {"normal_liver": 120, "whole_normal_liver": 50} | LUNGS
    (said,) = found.warnings
    for word in (
        "the scenario",
        "bilirubin",
        "75 Gy or 90 Gy would hold otherwise",
        "Give scenario, bilirubin_mg_dl under conditions",
    ):
        assert word in said
    resin = asked("SIR-Spheres")
    assert doses(resin) == {"normal_liver": 30} | LUNGS
    assert any("whether the liver is pre-treated or impaired was not given; 40 Gy would hold" in text for text in resin.warnings)
    # The limit itself says what it was judged under.
    assert "not given" in next(limit.condition for limit in resin.limits if limit.name == "normal_liver")


def test_the_whole_liver_without_its_mass():
    # Its dose is at most that of the perfused part, which is judged instead unless part of the liver is known to be spared.
    unknown = asked("TheraSphere")
    assert doses(unknown)["normal_liver"] == 50
    assert codes(unknown) == {"limit_condition_missing", "whole_liver_by_perfused"}
    spared = asked("TheraSphere", {"scenario": "unilobar", "bilirubin_mg_dl": 0.8})
    assert doses(spared) == {"normal_liver": 120} | LUNGS
    assert codes(spared) == {"whole_liver_not_judged"}
    assert all(rank_of(text) == 1 for text in (*unknown.warnings, *spared.warnings))
    both = asked("TheraSphere", {"scenario": "bilobar", "bilirubin_mg_dl": 0.8})
    assert doses(both)["normal_liver"] == 90
    assert codes(both) == {"bilobar_by_perfused"}


def test_little_liver_spared_is_said():
    # 900 of 1200 g are perfused: a quarter stays, less than the 30 % of table 2.
    found = asked("TheraSphere", {"scenario": "unilobar", "bilirubin_mg_dl": 0.8}, whole_normal_liver_mass_g=1200.0)
    assert found.warnings == (
        "Only 25 % of the normal liver stays untreated, less than the hepatic reserve of 30 % that high doses of a territory rest on; "
        "check liver function and extent.",
    )


def test_limits_hold_in_each_territory():
    right = Injection("right", 1.5, (TUMOUR,), 700.0, 0.04)
    left = Injection("left", 0.6, (), 300.0, 0.06)
    case = join_injections("SIR-Spheres", [right, left], lung_mass_g=1000.0)
    found = limits_for(get_product("SIR-Spheres"), case, TreatmentConditions(scenario="bilobar", impaired_liver=False))
    assert doses(found) == {"normal_liver": 40, "normal_liver in right": 40, "normal_liver in left": 40} | LUNGS


@pytest.mark.parametrize(
    ("product", "conditions", "goals"),
    [
        ("TheraSphere", {}, {"T1": 200}),
        ("TheraSphere", {"disease": "HCC"}, {"T1": 205}),
        ("TheraSphere", {"disease": "ICC"}, {"T1": 260}),
        ("TheraSphere", {"disease": "mCRC"}, {"T1": 189}),
        ("TheraSphere", {"scenario": "segmentectomy"}, {"T1": 200, "perfused": 400}),
        ("TheraSphere", {"scenario": "lobectomy"}, {"T1": 200, "normal_liver": 88}),
        ("SIR-Spheres", {"disease": "HCC"}, {"T1": 100}),
        ("QuiremSpheres", {"disease": "HCC"}, {"T1": 100}),
        ("QuiremSpheres", {"disease": "ICC"}, {"T1": 150}),
    ],
)
def test_goals_are_judged_like_limits(product, conditions, goals):
    found = asked(product, conditions)
    assert doses(found, "min") == goals
    plan = plan_of(make_compartments(product, **LOBE).scaled(0.01))
    missed = {check.name for check in check_limits(plan, found.limits) if not check.satisfied}
    assert missed == set(goals)


def test_an_entered_limit_above_the_products_is_said():
    product = get_product("TheraSphere")
    own = asked("TheraSphere", {"scenario": "unilobar", "bilirubin_mg_dl": 0.8}, whole_normal_liver_mass_g=1600.0)
    entered = read_limits({"normal_liver": 150, "lung": 30})
    assert looser_than_product(entered, own, product) == (
        "Normal liver: the entered limit of 150 Gy is above that of TheraSphere, 120 Gy; check it.",
    )


def test_the_limits_of_a_product_read_back():
    found = asked("TheraSphere", whole_normal_liver_mass_g=1600.0)
    assert ProductLimits.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert all(limit.source and limit.status for limit in found.limits)
