"""The same patient with every product, by hand."""

from datetime import datetime

import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.planning import TreatmentConditions, Tumour, choose_product

TUESDAY = datetime(2026, 11, 24, 12)
CASE = {
    "tumours": [Tumour("T1", mass_g=200, tnr=5.0)],
    "normal_liver_mass_g": 1300,
    "lung_shunt_fraction": 0.05,
    "lung_mass_g": 1000,
}


def test_every_product_for_one_dose():
    known = TreatmentConditions(scenario="unilobar", bilirubin_mg_dl=0.8, impaired_liver=False)
    case = CASE | {"whole_normal_liver_mass_g": 1900.0}
    found = {
        choice.product: choice
        for choice in choose_product(("T1", 205), [TUESDAY], **case, conditions=known, calibrations={"SIR-Spheres": TUESDAY})
    }
    # T1 receives 5 K 0.95 / 2.3 per GBq: 205 Gy with 1.99842 GBq of 90Y and 6.2546 GBq of 166Ho.
    assert found["TheraSphere"].needed_gbq == pytest.approx(205 * 2.3 / (5 * 49.67 * 0.95), rel=1e-12)
    assert found["QuiremSpheres"].needed_gbq == pytest.approx(205 * 2.3 / (5 * 15.87 * 0.95), rel=1e-12)
    # The normal liver then receives 41 Gy: above 40 for resin, within 120 for glass and 60 for holmium, whose mean of everything perfused is
    # 62.9 Gy (41 x 2.3 / 1.5), above the 60 Gy of table 4 of the guideline.
    broken = {name: {c.name for c in choice.checks if c.kind == "max" and not c.satisfied} for name, choice in found.items()}
    assert broken == {"SIR-Spheres": {"normal_liver"}, "TheraSphere": set(), "QuiremSpheres": {"perfused"}}
    assert [choice.within_limits for choice in found.values()] == [not broken[name] for name in found]
    assert found["QuiremSpheres"].doses_gy["T1"] == pytest.approx(205, rel=1e-12)
    glass = found["TheraSphere"]
    assert glass.doses_gy["T1"] == pytest.approx(205 * glass.order.dose_factor, rel=1e-12)
    assert next(iter(found)) == "TheraSphere"
    assert found["TheraSphere"].warnings == ()
    unknown = choose_product(("T1", 205), [TUESDAY], **CASE, products=["TheraSphere"])[0]
    assert not unknown.within_limits or unknown.warnings
    assert any("would hold otherwise" in text for text in unknown.warnings)


def test_a_product_that_cannot_be_had_says_why():
    found = {choice.product: choice for choice in choose_product(("T1", 205), [TUESDAY], **CASE)}
    assert found["SIR-Spheres"].order is None
    assert "calibration time" in found["SIR-Spheres"].remark
    with pytest.raises(DosimetryError, match="T9"):
        choose_product(("T9", 205), [TUESDAY], **CASE)
