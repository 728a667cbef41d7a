"""Several injections on the panel: typed row by row, the same numbers and the same energy as the plan file."""

import json

import pytest
from host.errors import collected_errors

from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads.plan import PlanResult


def texts(table) -> list[list[str]]:
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def doses(ui) -> dict[str, float]:
    return {cells[0]: float(cells[1]) for cells in texts(ui.planTableWidget)}


@pytest.fixture
def said(module, monkeypatch):
    """What the panel says of bad input."""
    import slicer

    texts = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: texts.append(text))
    return texts


@pytest.fixture
def ui(panel, said):
    _container, widget = panel
    widget.ui.planFolderPathLineEdit.currentPath = ""
    with collected_errors() as errors:
        yield widget.ui
    assert errors == []


@pytest.fixture
def two(ui):
    """Right lobe with a tumor of 150 g, left lobe with a smaller one that takes up less."""
    ui.planProductComboBox.currentText = "Y-90"
    ui.planActivitySpinBox.value = 2.4
    ui.planLungMassSpinBox.value = 1000.0
    ui.planLiverLimitSpinBox.value, ui.planLungLimitSpinBox.value = 40.0, 30.0
    for mass, ratio, liver, shunt in ((150.0, 5.0, 700.0, 4.0), (40.0, 3.0, 400.0, 7.0)):
        ui.planTumorMassSpinBox.value, ui.planTumorToNormalSpinBox.value = mass, ratio
        ui.planNormalLiverMassSpinBox.value, ui.planLungShuntSpinBox.value = liver, shunt
        ui.planAddInjectionButton.click()
    table = ui.planInjectionsTableWidget
    table.item(0, 0).setText("right lobe")
    table.item(1, 0).setText("left lobe")
    table.item(0, 1).setText("1.6")
    table.item(1, 1).setText("0,8")
    return table


def test_typed_injections_are_in_the_table(ui, two):
    assert texts(two) == [["right lobe", "1.600", "150", "5", "700", "4"], ["left lobe", "0.800", "40", "3", "400", "7"]]
    assert ui.planActivitySpinBox.value == pytest.approx(2.4)
    assert "The table shows the entered plan of several injections." in ui.planningResultLabel.text
    assert set(doses(ui)) >= {"tumor 1", "tumor 2", "Normal liver, right lobe", "Normal liver, left lobe", "Lungs"}
    ui.planActivitySpinBox.value = 1.2
    assert [cells[1] for cells in texts(two)] == ["0.800", "0.400"]


def test_the_energy_of_all_injections_is_that_of_their_activities(ui, two):
    """Doses times masses give back the energy of the complete decay of 90Y, J/GBq, whatever goes where."""
    found = doses(ui)
    masses = {
        "tumor 1": 150.0,
        "tumor 2": 40.0,
        "Normal liver, right lobe": 700.0,
        "Normal liver, left lobe": 400.0,
        "Lungs": 1000.0,
    }
    energy_j = sum(found[name] * mass / 1000.0 for name, mass in masses.items())
    # Doses are shown with three digits.
    assert energy_j == pytest.approx(2.4 * get_nuclide("Y-90").local_dose_constant_j_per_gbq, rel=0.005)


def test_the_numbers_are_those_of_the_plan_file(ui, two, tmp_path):
    ui.planFolderPathLineEdit.currentPath = str(tmp_path / "panel")
    ui.planWriteButton.click()
    plan = {
        "product": "Y-90", "keep_activities": True, "lung_mass_g": 1000,
        "limits": {"normal_liver": 40, "normal_liver in right lobe": 40, "normal_liver in left lobe": 40, "lung_session": 30, "lung": 30},
        "injections": [
            {"name": "right lobe", "activity_gbq": 1.6, "tumours": [{"name": "tumor 1", "mass_g": 150, "tnr": 5}], "normal_liver_mass_g": 700,
             "lung_shunt_fraction": 0.04},
            {"name": "left lobe", "activity_gbq": 0.8, "tumours": [{"name": "tumor 2", "mass_g": 40, "tnr": 3}], "normal_liver_mass_g": 400,
             "lung_shunt_fraction": 0.07},
        ],
    }  # fmt: skip
    (tmp_path / "PLAN.json").write_text(json.dumps(plan))
    assert main(["plan", str(tmp_path / "PLAN.json"), "--out", str(tmp_path / "file")]) == 0
    panel, file = (json.loads((tmp_path / name / "plan.json").read_text()) for name in ("panel", "file"))
    found, expected = (PlanResult.from_content(content).plan.dose_gy for content in (panel, file))
    assert found == pytest.approx(expected, rel=1e-9)
    assert [check["limit"] for check in panel["checks"]] == [check["limit"] for check in file["checks"]]
    assert [check["margin_gy"] for check in panel["checks"]] == pytest.approx(
        [check["margin_gy"] for check in file["checks"]], rel=1e-9
    )


def test_wrong_values_are_refused_and_change_nothing(ui, two, said):
    before = texts(two)
    for column, text, words in (
        (0, "left lobe", "name each position"), (0, " ", "name"), (1, "-1", "activity"), (1, "much", "activity"), (1, "200", "up to 100 GBq"),
        (2, "nan", "tumor"), (3, "", "ratio"), (4, "-5", "normal liver"), (5, "120", "lung shunt"),
    ):  # fmt: skip
        two.item(0, column).setText(text)
        assert words in said.pop(), text
        assert texts(two) == before


def test_injections_can_be_taken_away_again(ui, two):
    assert ui.planRemoveInjectionButton.toolTip == "Click a row first"
    two.selectRow(1)
    ui.planRemoveInjectionButton.click()
    assert [cells[:2] for cells in texts(two)] == [["right lobe", "1.600"]]
    assert ui.planActivitySpinBox.value == pytest.approx(1.6)
    two.selectRow(0)
    ui.planRemoveInjectionButton.click()
    assert texts(two) == []
    assert "The table shows the entered plan of one tumor." in ui.planningResultLabel.text


def test_an_injection_without_tumor_and_one_without_activity(ui, two, said):
    two.item(1, 2).setText("0")
    two.item(1, 1).setText("0")
    assert texts(two)[1] == ["left lobe", "0.000", "0", "-", "400", "7"]
    assert doses(ui)["Normal liver, left lobe"] == 0
    two.item(0, 1).setText("0")
    assert "above 0" in said.pop()


def test_the_largest_activity_keeps_the_shares(ui, two):
    ui.planActivityButton.click()
    activities = [float(cells[1]) for cells in texts(two)]
    assert activities[0] / activities[1] == pytest.approx(2.0, rel=0.005)
    assert max(doses(ui)[f"Normal liver, {side} lobe"] for side in ("right", "left")) <= 40.0 or doses(ui)["Lungs"] <= 30.0


def test_typed_injections_come_back_with_the_scene(ui, two, tmp_path):
    import slicer

    before, table = texts(two), texts(ui.planTableWidget)
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear()
    assert texts(two) == []
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    assert texts(two) == before
    assert texts(ui.planTableWidget) == table
