"""Rules of products: read from data, what they hold for, and what is refused."""

import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.planning import TreatmentConditions, get_product, list_products
from RNTDosimetryLib.planning.compartments import KINDS
from RNTDosimetryLib.planning.conditions import read_rule

GOOD = {"what": "normal_liver", "at_most_gy": 40, "status": "read", "source": "own"}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"scenario": "whole"}, "segmentectomy, lobectomy, unilobar or bilobar"),
        ({"disease": "CRC"}, "HCC, ICC or mCRC"),
        # 15 umol/L is normal; 15 mg/dL is possible, 80 is not.
        ({"bilirubin_mg_dl": 80}, "1 mg/dL is 17.1 umol/L"),
        ({"bilirubin_mg_dl": 0}, "1 mg/dL is 17.1 umol/L"),
        ({"impaired_liver": "yes"}, "true or false"),
    ],
)
def test_conditions_that_cannot_be(given, text):
    with pytest.raises(DosimetryError, match=text):
        TreatmentConditions(**given)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"what": "liver"}, "what a product's limit is of"),
        ({"at_least_gy": 30}, "make two limits of it"),
        ({"at_most_gy": [30, 40]}, "one dose for a limit"),
        ({"at_most_gy": -1}, "positive dose in Gy"),
        ({"scenario": ["both"]}, "the scenarios"),
        ({"bilirubin_above_mg_dl": 1.1, "bilirubin_at_most_mg_dl": 1.1}, "one condition on bilirubin"),
        ({"bilirubin": 1.1}, "received also bilirubin"),
        ({"disease": ["HCV"]}, "the diseases"),
    ],
)
def test_rules_that_cannot_be(changes, text):
    assert read_rule(GOOD, KINDS).dose_gy == 40
    with pytest.raises(DosimetryError, match=text):
        read_rule(GOOD | changes, KINDS)


def test_a_rule_says_what_it_holds_for():
    rule = read_rule(GOOD | {"scenario": ["unilobar", "bilobar"], "bilirubin_above_mg_dl": 1.1, "impaired_liver": True}, KINDS)
    assert rule.condition == "unilobar or bilobar, bilirubin above 1.1 mg/dL, liver pre-treated or impaired"
    assert rule.missing(TreatmentConditions(scenario="bilobar")) == ("bilirubin_mg_dl", "impaired_liver")
    assert rule.can_hold(TreatmentConditions())
    for known in ({"scenario": "lobectomy"}, {"bilirubin_mg_dl": 1.1}, {"impaired_liver": False}):
        assert not rule.can_hold(TreatmentConditions(**known)), known


def rules(product: str) -> set:
    return {
        (rule.what, rule.kind, rule.dose_gy, rule.up_to_gy, rule.scenarios, rule.bilirubin, rule.impaired_liver, rule.diseases)
        for rule in get_product(product).rules
    }


def test_rules_of_the_guideline():
    """EANM guideline 2022 (PMC8940802), tables 2 to 4, line by line; lungs 30 Gy a session and 50 Gy in all."""
    spared, treated = ("lobectomy", "unilobar"), ("lobectomy", "unilobar", "bilobar")
    lungs = {("lung_session", "max", 30, None, (), "", None, ()), ("lung", "max", 50, None, (), "", None, ())}
    glass = {
        ("normal_liver", "max", 120, None, treated, "", None, ()),
        ("whole_normal_liver", "max", 75, None, spared, "at most", None, ()),
        ("whole_normal_liver", "max", 50, None, treated, "above", None, ()),
        ("whole_normal_liver", "max", 90, None, ("bilobar",), "at most", None, ()),
        ("normal_liver", "min", 88, None, ("lobectomy",), "", None, ()),
        ("perfused", "min", 400, None, ("segmentectomy",), "", None, ()),
        ("tumor", "min", 200, 250, (), "", None, ()),
        ("tumor", "min", 205, None, (), "", None, ("HCC",)),
        ("tumor", "min", 260, None, (), "", None, ("ICC",)),
        ("tumor", "min", 189, None, (), "", None, ("mCRC",)),
    }
    assert rules("TheraSphere") == glass | lungs
    both = ("unilobar", "bilobar")
    resin = {
        ("normal_liver", "max", 40, None, both, "", None, ()),
        ("normal_liver", "max", 30, None, both, "", True, ()),
        ("whole_normal_liver", "max", 40, None, (), "", None, ()),
        ("whole_normal_liver", "max", 30, None, (), "", True, ()),
        ("normal_liver", "min", 70, None, ("lobectomy",), "", None, ()),
        ("perfused", "min", 150, None, ("segmentectomy",), "", None, ()),
        ("tumor", "min", 100, 120, (), "", None, ()),
    }
    assert rules("SIR-Spheres") == resin | lungs
    holmium = {
        ("perfused", "max", 60, None, (), "", None, ()),
        ("normal_liver", "max", 60, None, treated, "", None, ()),
        ("whole_normal_liver", "max", 60, None, spared, "", None, ()),
        ("whole_normal_liver", "max", 40, None, ("bilobar",), "", True, ()),
        ("whole_normal_liver", "max", 60, None, ("bilobar",), "", False, ()),
        ("tumor", "min", 100, 150, (), "", None, ()),
        ("tumor", "min", 150, None, (), "", None, ("ICC",)),
        ("tumor", "min", 90, None, (), "", None, ("mCRC",)),
    }
    assert rules("QuiremSpheres") == holmium | lungs
    for name in list_products():
        for rule in get_product(name).rules:
            assert rule.source
            assert rule.status in ("read", "computed", "unchecked")
            assert rule.bilirubin_mg_dl in (None, 1.1)


@pytest.mark.parametrize(
    ("name", "nuclide", "per_sphere", "supply"),
    [
        ("SIR-Spheres", "Y-90", (40, 70), {"vial_gbq": 3.0, "early_vial_gbq": 10.0}),
        ("TheraSphere", "Y-90", (4534, 4534), {"shelf_life_h": 12 * 24}),
        ("QuiremSpheres", "Ho-166", (200, 400), {}),
    ],
)
def test_table_of_products(name, nuclide, per_sphere, supply):
    # Journal table of products, 2023, line by line.
    product = get_product(name)
    assert product.nuclide == nuclide
    assert (product.activity_per_sphere_bq.smallest, product.activity_per_sphere_bq.largest) == per_sphere
    assert {key: product.supply[key]["value"] for key in supply} == supply
    if name == "TheraSphere":
        vials, calibration = product.supply["vial_gbq"], product.supply["calibration"]
        assert (vials["smallest"], vials["largest"], vials["step"]) == (3.0, 20.0, 0.5)
        assert (calibration["weekday"], calibration["hour"]) == ("Sunday", 12)
        assert product.labeled_activity_per_sphere_bq.largest == 2500
