"""Orders by decay worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import rank_of
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.planning import OrderOption, decayed_gbq, get_product, order_options

TUESDAY = datetime(2026, 11, 24, 12)
"""Two days after Sunday 2026-11-22, noon."""


def test_glass_vials_by_hand():
    # 48 h after calibration 90Y has exp(-ln2 48 / 64.04) = 59.5 % left: 6.5 GBq become 3.866 GBq.
    options = order_options("TheraSphere", 3.85, [TUESDAY], perfused_volume_ml=1450)
    best = options[0]
    left = 0.5 ** (48 / get_nuclide("Y-90").half_life_h)
    assert left == pytest.approx(0.595, abs=0.0005)
    assert (best.vial_gbq, best.calibration) == (6.5, datetime(2026, 11, 22, 12))
    assert best.activity_gbq == pytest.approx(6.5 * left, rel=1e-12)
    assert best.dose_factor == pytest.approx(6.5 * left / 3.85, rel=1e-12)
    # 4534 Bq per sphere at calibration: 6.5 GBq hold 1.4336 million spheres.
    assert best.spheres == pytest.approx(6.5e9 / 4534, rel=1e-9)
    assert best.spheres_per_ml == pytest.approx(6.5e9 / 4534 / 1450, rel=1e-9)
    assert best.activity_per_sphere_bq == pytest.approx(4534 * left, rel=1e-9)
    assert best.slot == "Tuesday 2026-11-24 12:00"
    assert [option.vial_gbq for option in options] == [6.5, 6.0, 7.0]


def test_second_week_gives_more_spheres_for_the_same_activity():
    # Tuesday of the second week: 216 h after calibration 9.65 % is left, so 20 GBq become 1.93 GBq.
    options = order_options("TheraSphere", 1.93, [datetime(2026, 12, 1, 12)])
    by_calibration = {option.calibration.day: option for option in reversed(options)}
    assert set(by_calibration) == {22, 29}
    assert by_calibration[22].spheres > 5 * by_calibration[29].spheres
    assert by_calibration[22].hours_after_calibration == 216


def test_shelf_life_ends_after_twelve_days():
    for slot in (datetime(2026, 12, 4, 11), datetime(2026, 12, 4, 13)):
        options = order_options("TheraSphere", 0.9, [slot], largest_deviation=0.9)
        assert any(option.calibration == datetime(2026, 11, 22, 12) for option in options) is (slot.hour < 12)


def test_sunday_morning_belongs_to_the_week_before():
    options = order_options("TheraSphere", 1.0, [datetime(2026, 11, 22, 10)], largest_deviation=0.5)
    assert {option.calibration for option in options} == {datetime(2026, 11, 15, 12)}


def test_resin_draw():
    # 2 h before calibration a 3 GBq vial holds 3.0656 GBq; 1.9 GBq are 62.0 % of it.
    found = order_options("SIR-Spheres", 1.9, [datetime(2026, 11, 24, 10)], calibration=TUESDAY)
    there = 3 * 2 ** (2 / get_nuclide("Y-90").half_life_h)
    assert found[0].draw_fraction == pytest.approx(1.9 / there, rel=1e-12)
    assert found[0].activity_gbq == pytest.approx(1.9, rel=1e-12)
    # 55 Bq per sphere, the middle of 40 to 70, at calibration.
    assert found[0].spheres == pytest.approx(1.9e9 / (55 * there / 3), rel=1e-9)
    assert any("Draw 62.0 %" in warning for warning in found[0].warnings)
    with pytest.raises(DosimetryError, match="calibration time"):
        order_options("SIR-Spheres", 1.9, [TUESDAY])


def test_the_early_vial_holds_its_activity_at_the_injection():
    """Theme issue of 2023, table of products: injection 3 days before calibration, when the vial's activity is 10 GBq."""
    early = TUESDAY - timedelta(hours=72)
    # The 3 GBq vial holds 6.54 GBq then; 8 GBq are four fifths of the early one.
    (found,) = [option for option in order_options("SIR-Spheres", 8.0, [early], calibration=TUESDAY) if option.vial_gbq == 10.0]
    assert found.draw_fraction == pytest.approx(0.8, rel=1e-12)
    assert found.activity_gbq == pytest.approx(8.0, rel=1e-12)
    assert found.vial_stated_h == -72
    unchecked = [text for text in found.warnings if "is unchecked: draw by the activity that the supplier's sheet" in text]
    assert len(unchecked) == 1
    assert rank_of(unchecked[0]) == 1
    # Two hours before calibration 70 h have passed: 10 GBq x 2^(-70 / 64.05) = 4.69 GBq.
    (late,) = [option for option in order_options("SIR-Spheres", 4.0, [TUESDAY - timedelta(hours=2)], calibration=TUESDAY)
               if option.vial_gbq == 10.0]  # fmt: skip
    assert late.draw_fraction == pytest.approx(4.0 / 4.69, rel=1e-3)
    assert OrderOption.from_dict(late.to_dict()) == late


def test_patient_vial():
    found = order_options("QuiremSpheres", 6.8, [TUESDAY])[0]
    assert (found.vial_gbq, found.activity_gbq) == (6.8, 6.8)
    assert found.spheres == pytest.approx(6.8e9 / 300, rel=1e-12)
    early = order_options("QuiremSpheres", 6.8, [TUESDAY], calibration=datetime(2026, 11, 23, 12))[0]
    assert early.vial_gbq == pytest.approx(6.8 * 2 ** (24 / get_nuclide("Ho-166").half_life_h), rel=1e-12)
    assert early.activity_gbq == pytest.approx(6.8, rel=1e-12)


def test_decay_there_and_back():
    assert decayed_gbq(decayed_gbq(5.0, "Y-90", 31.0), "Y-90", -31.0) == pytest.approx(5.0, rel=1e-12)
    assert decayed_gbq(1.0, "Ho-166", get_nuclide("Ho-166").half_life_h) == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "more", "text"),
    [
        (("TheraSphere", 3.85, []), {}, "treatment slot"),
        (("TheraSphere", 60.0, [TUESDAY]), {}, "at the nearest"),
        (("TheraSphere", 3.85, [TUESDAY, TUESDAY.replace(tzinfo=UTC)]), {}, "time zone"),
        (("TheraSphere", 0, [TUESDAY]), {}, "activity in GBq"),
        (("SIR-Spheres", 1.9, [datetime(2026, 11, 27)]), {"calibration": TUESDAY}, "nothing within shelf life"),
        (("Glass", 1.9, [TUESDAY]), {}, "SIR-Spheres, TheraSphere, QuiremSpheres"),
    ],
)
def test_refusals(arguments, more, text):
    with pytest.raises(DosimetryError, match=text):
        order_options(*arguments, **more)


def test_own_product_file(tmp_path):
    path = tmp_path / "own.json"
    supply = '"supply": {"kind": "patient"}, "dose_constant": {"j_per_gbq": 15.5, "status": "computed", "source": "own"}'
    limits = '"limits": [{"what": "normal_liver", "at_most_gy": 50, "scenario": ["unilobar"], "status": "read", "source": "own"}]'
    path.write_text(f'{{"products": {{"Own": {{"nuclide": "Ho-166", {limits}, {supply}}}}}}}', encoding="utf-8")
    product = get_product("own", path)
    assert (product.dose_constant.j_per_gbq, product.origin) == (15.5, "own.json")
    assert [(rule.what, rule.dose_gy, rule.scenarios) for rule in product.rules] == [("normal_liver", 50.0, ("unilobar",))]
    assert order_options("Own", 2.0, [TUESDAY], product_file=path)[0].spheres is None
    path.write_text('{"products": {"Own": {"limits_gy": {"lung": 30}}}}', encoding="utf-8")
    with pytest.raises(DosimetryError, match="every value needs value, status and source"):
        get_product("Own", path)
    with pytest.raises(DosimetryError, match=r"a product file at .*missing\.json, found none"):
        get_product("Own", tmp_path / "missing.json")
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(DosimetryError, match=r"copy Resources/planning/products\.json"):
        get_product("Own", path)


def test_a_product_file_of_the_former_form_still_loads(tmp_path):
    path, each = tmp_path / "own.json", '"status": "read", "source": "own"'
    content = (
        f'"limits_gy": {{"normal_liver": {{"value": 50, {each}}}, "lung": {{"value": 30, {each}}}}}, '
        f'"impaired_normal_liver_limit_gy": {{"value": 35, {each}}}, "tumour_goal_gy": {{"value": [100, 120], {each}}}, "ablative_goal_gy": null'
    )
    path.write_text(f'{{"products": {{"Own": {{"nuclide": "Y-90", {content}}}}}}}', encoding="utf-8")
    found = [(rule.what, rule.kind, rule.dose_gy, rule.up_to_gy, rule.impaired_liver) for rule in get_product("Own", path).rules]
    assert found == [
        ("normal_liver", "max", 50.0, None, None),
        ("lung", "max", 30.0, None, None),
        ("normal_liver", "max", 35.0, None, True),
        ("tumor", "min", 100.0, 120.0, None),
    ]
