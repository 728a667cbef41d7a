"""One click from scout and segments to plan and report, on the radioembolization phantom whose truth is known."""

import json
import random
from types import SimpleNamespace

import numpy as np
import pytest
from host.errors import collected_errors

from RNTDosimetryLib.images import Region
from RNTDosimetryLib.phantom.radioembolisation import TareSettings, simulate_tare, tare_truth
from RNTDosimetryLib.phantom.radioembolisation.case import tare_protocol

FIELDS = (
    "planTumorMassSpinBox",
    "planTumorToNormalSpinBox",
    "planNormalLiverMassSpinBox",
    "planLungShuntSpinBox",
    "planLungMassSpinBox",
)
# Resolution of the simulated camera, as in the protocol of the phantom.
FWHM_MM = tare_protocol()["scout"]["spect"]["psf_fwhm_mm"]


@pytest.fixture(scope="module")
def tare():
    settings = TareSettings(size="small", seed=3)
    scans = simulate_tare(settings)
    regions = {region.name: region for region in scans.regions}

    def joined(name, *parts):
        return Region(
            name, scans.regions[0].geometry, sum(np.asarray(regions[part].occupancy) for part in parts), density_g_ml=1.04
        )

    territories = (joined("right lobe", "normal_right", "tumour_1"), joined("left lobe", "normal_left", "tumour_2"))
    liver = joined("liver", "normal_right", "tumour_1", "normal_left", "tumour_2")
    return SimpleNamespace(scans=scans, truth=tare_truth(settings), regions=regions, territories=territories, liver=liver)


@pytest.fixture
def case(panel, tare):
    """The panel with scout and CT of the phantom in the scene, and a function that adds segments and chooses everything."""
    from RNTDosimetryScene.nodes import segments, volumes

    _container, widget = panel
    ui = widget.ui
    ui.planFolderPathLineEdit.currentPath = ""
    scout = volumes.add_volume("MAA", np.asarray(tare.scans.scout.concentration_bq_ml) * 0.02, tare.scans.scout.geometry, "Bq/mL")
    ct = volumes.add_ct(tare.scans.ct)

    def chosen(*regions):
        segmentation = segments.add_segmentation("Segments", regions, ct)
        ui.planProductComboBox.currentText = tare_protocol()["treatment"]["product"]
        ui.planScoutSelector.setCurrentNode(scout)
        ui.planScoutResolutionSpinBox.value = FWHM_MM
        return segmentation

    return SimpleNamespace(ui=ui, widget=widget, scout=scout, ct=ct, choose=chosen)


def table(widget) -> dict[str, list[str]]:
    return {
        widget.item(row, 0).text(): [widget.item(row, column).text() for column in range(1, widget.columnCount)]
        for row in range(widget.rowCount)
    }


def values(ui) -> list[float]:
    return [getattr(ui, name).value for name in FIELDS]


def chosen_roles(ui) -> dict[str, str]:
    box = ui.planRolesTableWidget
    return {box.item(row, 0).text(): box.cellWidget(row, 1).currentText for row in range(box.rowCount)}


def test_one_click_plans_one_tumor_near_the_truth(case, tare, tmp_path):
    """Truth of the phantom: ratio 4 of the protocol, shunt of the whole scout, masses by counting the shapes."""
    ui, truth = case.ui, tare.truth
    ui.planActivitySpinBox.value = 2.0
    case.choose(tare.territories[0], tare.regions["tumour_1"], tare.regions["lungs"])
    assert ui.planSegmentationSelector.currentNode().GetName() == "Segments"
    assert ui.planCtSelector.currentNode() is case.ct
    assert chosen_roles(ui) == {"right lobe": "territory", "tumour_1": "tumor", "lungs": "lungs"}
    ui.planSegmentsButton.click()
    mass, ratio, normal, _shunt, lung_mass = values(ui)
    assert mass == pytest.approx(truth.regions["tumour_1"].mass_g, rel=0.03)
    assert ratio == pytest.approx(truth.tnr["tumour_1"], rel=0.03)
    assert normal == pytest.approx(truth.regions["normal_right"].mass_g, rel=0.03)
    assert lung_mass == pytest.approx(truth.regions["lungs"].mass_g, rel=0.03)
    shown = table(ui.planTableWidget)
    assert list(shown) == ["tumour_1", "Normal liver", "Lungs"]
    assert "The table shows the plan from segments." in ui.planningResultLabel.text
    ui.planFolderPathLineEdit.currentPath = str(tmp_path)
    ui.planWriteButton.click()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.csv", "plan.json", "plan_report.html"]
    assert "Written: plan.json" in ui.planningResultLabel.text
    written = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    assert float(shown["tumour_1"][0]) == pytest.approx(written["plan"]["tumour_dose_gy"]["tumour_1"], rel=0.005)
    assert written["plan"]["compartments"]["lung_mass_assumed"] is False


def test_two_tumors_in_two_territories_are_all_in_the_table(case, tare, tmp_path):
    """Doses of the phantom's planned activities. The panel gives each territory its share of the scout: compared per GBq that is not residual."""
    from RNTDosimetryScene.plan import from_segments

    ui, truth, regions = case.ui, tare.truth, tare.regions
    ui.planActivitySpinBox.value = 2.0
    case.choose(*tare.territories, tare.liver, regions["tumour_1"], regions["tumour_2"], regions["lungs"], regions["stomach"])
    assert chosen_roles(ui)["liver"] == "whole liver"
    assert chosen_roles(ui)["stomach"] == "extrahepatic"
    ui.planSegmentsButton.click()
    assert ui.planLungShuntSpinBox.value == pytest.approx(100 * truth.lung_shunt_fraction, rel=0.03)
    assert ui.planLungMassSpinBox.value == pytest.approx(truth.regions["lungs"].mass_g, rel=0.03)
    assert ui.planTumorMassSpinBox.value == pytest.approx(
        sum(truth.regions[name].mass_g for name in ("tumour_1", "tumour_2")), rel=0.03
    )
    request = from_segments.kept_plan(case.widget._parameterNode).request
    found = {tumour.name: tumour.tnr for item in request.injections for tumour in item.tumours}
    assert found == pytest.approx(truth.tnr, rel=0.03)
    activity = {item.name: item.activity_gbq for item in request.injections}
    assert sum(activity.values()) == pytest.approx(ui.planActivitySpinBox.value)
    shown = table(ui.planTableWidget)
    for row, name, position in (
        ("tumour_1", "tumour_1", "right"),
        ("tumour_2", "tumour_2", "left"),
        ("Normal liver, right lobe", "normal_right", "right"),
        ("Normal liver, left lobe", "normal_left", "left"),
    ):
        per_gbq = truth.regions[name].planned_dose_gy / truth.activities_gbq[position] / (1 - truth.residual_fraction[position])
        assert float(shown[row][0]) / activity[f"{position} lobe"] == pytest.approx(per_gbq, rel=0.03), row
    assert list(shown)[-1] == "Lungs"
    lung = truth.dose_constant_j_per_gbq * truth.lung_shunt_fraction / truth.regions["lungs"].mass_g * 1000
    assert float(shown["Lungs"][0]) / ui.planActivitySpinBox.value == pytest.approx(lung, rel=0.03)
    ui.planLiverLimitSpinBox.value = 20.0
    ui.planActivityButton.click()
    shown = table(ui.planTableWidget)
    assert max(float(shown[f"Normal liver, {side} lobe"][0]) for side in ("right", "left")) == pytest.approx(20.0, rel=0.005)
    ui.planFolderPathLineEdit.currentPath = str(tmp_path)
    ui.planWriteButton.click()
    page = (tmp_path / "plan_report.html").read_text(encoding="utf-8")
    assert "tumour_2" in page
    assert "MAA" in page


def test_the_panel_opens_on_nobody(case, tmp_path):
    """No patient, no verdict, no report before anything was entered or measured; what is missing is named, and each value shortens the list."""
    ui = case.ui
    ui.planFolderPathLineEdit.currentPath = str(tmp_path)
    assert table(ui.planTableWidget) == {}
    assert [getattr(ui, name).text for name in (*FIELDS, "planActivitySpinBox")] == ["not given"] * 6
    assert not ui.planWriteButton.enabled
    assert not ui.planActivityButton.enabled
    assert not ui.planUndoButton.enabled
    words = "the product or nuclide, the tumor mass (0 for none), the mass of the perfused normal liver (0 for none) and the lung shunt"
    assert ui.planningStatusLabel.text == f"Expected {words}, received nothing yet; enter them, or plan from segments."
    ui.planProductComboBox.currentText = "SIR-Spheres"
    for name, value in (("planTumorMassSpinBox", 0.0), ("planNormalLiverMassSpinBox", 1200.0), ("planLungShuntSpinBox", 0.0)):
        getattr(ui, name).value = value
    # All but the activity: its largest can be had, which needs none.
    assert ui.planningStatusLabel.text.startswith("Expected the activity, received nothing yet")
    assert table(ui.planTableWidget) == {}
    assert not ui.planWriteButton.enabled
    ui.planLiverComboBox.currentText = "Not pre-treated or impaired"
    ui.planActivityButton.click()
    # 40 Gy to 1.2 kg of normal liver with K = 49.67 J/GBq.
    assert ui.planActivitySpinBox.value == pytest.approx(40 * 1.2 / 49.67, abs=0.001)
    assert table(ui.planTableWidget)["Normal liver"][1] == "≤ 40"
    assert ui.planningStatusLabel.text == "Within the limits."
    assert ui.planWriteButton.enabled


def test_limits_come_from_the_product_and_what_is_known(case):
    """As the command line takes them: EANM guideline 2022 (PMC8940802), tables 2 and 3."""
    ui = case.ui
    for name, value in (("planTumorMassSpinBox", 100.0), ("planTumorToNormalSpinBox", 5.0), ("planNormalLiverMassSpinBox", 900.0),
                        ("planWholeNormalLiverMassSpinBox", 1500.0), ("planLungShuntSpinBox", 4.0), ("planActivitySpinBox", 1.0)):  # fmt: skip
        getattr(ui, name).value = value
    ui.planProductComboBox.currentText = "TheraSphere"
    shown = table(ui.planTableWidget)
    assert (shown["Normal liver"][1], shown["Normal liver, whole"][1], shown["Lungs"][1]) == ("≤ 120", "≤ 50", "≤ 30")
    assert shown["tumor"][1] == "≥ 200"
    assert ui.planningStatusLabel.text == "Within the limits. Below the goal: tumor."
    said = ui.planningResultLabel.text
    assert "the total bilirubin in mg/dL was not given; 75 Gy or 90 Gy would hold otherwise" in said
    assert "No lung mass was given: 1000 g by convention" in said
    ui.planScenarioComboBox.currentText = "Unilobar"
    ui.planBilirubinSpinBox.value = 0.8
    assert table(ui.planTableWidget)["Normal liver, whole"][1] == "≤ 75"
    assert "would hold otherwise" not in ui.planningResultLabel.text
    ui.planDiseaseComboBox.currentText = "Intrahepatic cholangiocarcinoma"
    assert table(ui.planTableWidget)["tumor"][1] == "≥ 260"
    ui.planProductComboBox.currentText = "SIR-Spheres"
    assert table(ui.planTableWidget)["Normal liver"][1] == "≤ 30"
    ui.planLiverLimitSpinBox.value = 35.0
    assert table(ui.planTableWidget)["Normal liver"][1] == "≤ 35"
    assert "Normal liver: the entered limit of 35 Gy is above that of SIR-Spheres, 30 Gy" in ui.planningResultLabel.text


def test_a_value_entered_over_a_measured_one_keeps_every_tumor(case, tare, tmp_path):
    """A shunt, masses and a ratio over the measured ones of two tumors in two territories: marked, told in the report, and taken back."""
    ui, regions = case.ui, tare.regions
    case.choose(*tare.territories, tare.liver, regions["tumour_1"], regions["tumour_2"], regions["lungs"], regions["stomach"])
    ui.planActivitySpinBox.value = 3.0
    ui.planSegmentsButton.click()
    first, measured = table(ui.planTableWidget), values(ui)
    names = [
        "tumour_1",
        "tumour_2",
        "Normal liver",
        "Normal liver, right lobe",
        "Normal liver, left lobe",
        "Normal liver, whole",
        "Lungs",
    ]
    assert list(first) == names
    ui.planLungShuntSpinBox.value = 2 * measured[3]
    changed = table(ui.planTableWidget)
    assert list(changed) == names
    assert float(changed["Lungs"][0]) == pytest.approx(2 * float(first["Lungs"][0]), rel=0.01)
    liver = (1 - 0.02 * measured[3]) / (1 - 0.01 * measured[3])
    for name in names[:-1]:
        assert float(changed[name][0]) == pytest.approx(liver * float(first[name][0]), rel=0.01), name
    assert "Entered over what was measured: lung shunt in %." in ui.planningResultLabel.text
    assert ui.planLungShuntSpinBox.toolTip == f"Overruled: {measured[3]:.4g} was measured"
    assert ui.planLungShuntSpinBox.styleSheet
    assert not ui.planTumorMassSpinBox.styleSheet
    ui.planFolderPathLineEdit.currentPath = str(tmp_path)
    ui.planWriteButton.click()
    page = (tmp_path / "plan_report.html").read_text(encoding="utf-8")
    assert "was entered over the measured" in page
    assert "tumour_2" in page
    # One step back: the measured shunt, and its plan, are there again.
    ui.planUndoButton.click()
    assert values(ui) == measured
    assert table(ui.planTableWidget) == first
    assert not ui.planLungShuntSpinBox.styleSheet
    # Half the ratio of both tumors alike: the tumor of each territory loses less than half, as its normal liver gains.
    ui.planTumorToNormalSpinBox.value = round(measured[1] / 2, 2)
    half = table(ui.planTableWidget)
    for tumor, normal in (("tumour_1", "Normal liver, right lobe"), ("tumour_2", "Normal liver, left lobe")):
        before, after = (float(found[tumor][0]) / float(found[normal][0]) for found in (first, half))
        assert after == pytest.approx(before / 2, rel=0.02)
    # A field that is taken away is the measured one again; no tumor at all is no plan of these segments.
    ui.planTumorToNormalSpinBox.value = -1.0
    assert table(ui.planTableWidget) == first
    ui.planTumorMassSpinBox.value = 0.0
    assert "give the segments another role" in ui.planningStatusLabel.text
    ui.planUndoButton.click()
    assert table(ui.planTableWidget) == first


def test_undo_goes_back_step_by_step(case, tare):
    ui = case.ui
    ui.planProductComboBox.currentText = "Y-90"
    for value in (1.0, 2.0, 3.0):
        ui.planActivitySpinBox.value = value
    case.choose(tare.territories[0], tare.regions["tumour_1"], tare.regions["lungs"])
    ui.planSegmentsButton.click()
    assert ui.planTumorMassSpinBox.value > 0
    ui.planUndoButton.click()
    assert ui.planTumorMassSpinBox.text == "not given"
    assert table(ui.planTableWidget) == {}
    while ui.planUndoButton.enabled:
        ui.planUndoButton.click()
    assert (ui.planActivitySpinBox.text, ui.planProductComboBox.currentIndex) == ("not given", -1)


def test_changed_roles_and_segments_make_the_plan_stale(case, tare, tmp_path):
    ui = case.ui
    ui.planActivitySpinBox.value = 2.0
    segmentation = case.choose(tare.territories[0], tare.regions["tumour_1"], tare.regions["lungs"])
    ui.planSegmentsButton.click()
    ui.planFolderPathLineEdit.currentPath = str(tmp_path)
    assert ui.planWriteButton.enabled
    ui.planRolesTableWidget.cellWidget(1, 1).currentText = "ignore"
    assert "changed since" in ui.planningResultLabel.text
    assert not ui.planWriteButton.enabled
    assert "plan from segments again" in ui.planWriteButton.toolTip
    ui.planSegmentsButton.click()
    assert "changed since" not in ui.planningResultLabel.text
    assert list(table(ui.planTableWidget)) == ["Normal liver", "Lungs"]
    segmentation.GetSegmentation().RemoveSegment(segmentation.GetSegmentation().GetSegmentIdBySegmentName("lungs"))
    case.widget.panel.refresh()
    assert "changed since" in ui.planningResultLabel.text


def test_the_resting_button_says_what_is_missing(panel, case, tare):
    ui = case.ui
    assert not ui.planSegmentsButton.enabled
    assert ui.planSegmentsButton.toolTip == "Choose the scout scan first"
    ui.planScoutSelector.setCurrentNode(case.scout)
    assert ui.planSegmentsButton.toolTip == "Choose the segmentation with territories and tumors first"
    case.choose(tare.regions["tumour_1"])
    ui.planSegmentationSelector.setCurrentNode(ui.planSegmentationSelector.nodes()[0])
    assert ui.planSegmentsButton.toolTip == "Give one segment the role territory first"
    ui.planRolesTableWidget.cellWidget(0, 1).currentText = "territory"
    assert ui.planSegmentsButton.enabled
    assert ui.planWriteButton.toolTip.startswith("Expected the tumor mass (0 for none)")


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        ("transform", "harden it"),
        ("far away", "field of view"),
        ("soft tissue for lungs", "choose the region of the lungs"),
        ("no activity", "received none"),
    ],
)
def test_a_refusal_leaves_everything_as_it_was(case, tare, scene, monkeypatch, spoil, text):
    import slicer

    ui, said = case.ui, []
    lungs = tare.regions["lungs"]
    if spoil == "soft tissue for lungs":
        lungs = Region("lungs", lungs.geometry, np.asarray(tare.regions["normal_left"].occupancy))
    case.choose(tare.territories[0], tare.regions["tumour_1"], lungs)
    if spoil == "transform":
        case.ct.SetAndObserveTransformNodeID(scene.AddNewNodeByClass("vtkMRMLLinearTransformNode").GetID())
    elif spoil == "far away":
        case.scout.SetOrigin(5000.0, 0.0, 0.0)
    elif spoil == "no activity":
        slicer.util.updateVolumeFromArray(case.scout, np.zeros(tare.scans.scout.geometry.size, dtype=np.float32))
    # The application always has one; here it is made when it is first asked for.
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    nodes = sorted(scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes()))
    before = values(ui)
    monkeypatch.setattr(slicer.util, "errorDisplay", said.append)
    with collected_errors() as errors:
        ui.planSegmentsButton.click()
    assert errors == []
    assert len(said) == 1
    assert text in said[0]
    assert values(ui) == before
    assert not case.widget._parameterNode.planMeasuredJson
    assert sorted(scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())) == nodes


def test_without_lungs_the_shunt_must_be_entered_and_the_mass_is_a_convention(case, tare, monkeypatch):
    import slicer

    ui, said = case.ui, []
    ui.planActivitySpinBox.value = 2.0
    case.choose(tare.territories[0], tare.regions["tumour_1"])
    monkeypatch.setattr(slicer.util, "errorDisplay", said.append)
    ui.planSegmentsButton.click()
    assert "draw the lungs or enter the shunt" in said[0]
    ui.planLungShuntSpinBox.value = 3.5
    ui.planSegmentsButton.click()
    assert ui.planLungShuntSpinBox.value == 3.5
    assert "the lung shunt of 3.5 % was entered" in ui.planningResultLabel.text
    assert "No lung mass was given: 1000 g by convention" in ui.planningResultLabel.text
    # What no segment told follows its field, also later.
    first = float(table(ui.planTableWidget)["Lungs"][0])
    ui.planLungShuntSpinBox.value, ui.planLungMassSpinBox.value = 7.0, 800.0
    assert float(table(ui.planTableWidget)["Lungs"][0]) == pytest.approx(2.5 * first, rel=0.01)
    assert "the lung mass of 800 g was entered" in ui.planningResultLabel.text


def test_the_plan_comes_back_with_the_scene(case, tare, scene, tmp_path):
    import slicer

    ui = case.ui
    ui.planActivitySpinBox.value = 2.0
    case.choose(*tare.territories, tare.regions["tumour_1"], tare.regions["tumour_2"], tare.regions["lungs"])
    ui.planSegmentsButton.click()
    before = table(ui.planTableWidget)
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    scene.Clear()
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    case.widget.initializeParameterNode()
    assert table(ui.planTableWidget) == before
    assert "The table shows the plan from segments." in ui.planningResultLabel.text


@pytest.mark.parametrize("seed", [1121, 1122])
def test_random_clicks_in_the_section_raise_nothing(case, tare, tmp_path, seed):
    """Any order of volumes, roles, numbers and buttons: nothing raises, and what is written is what the table shows."""
    chance, ui = random.Random(seed), case.ui
    case.choose(*tare.territories, tare.regions["tumour_1"], tare.regions["tumour_2"], tare.regions["lungs"])
    ui.planFolderPathLineEdit.currentPath = str(tmp_path)
    with collected_errors() as errors:
        for _action in range(40):
            kind = chance.choice(("node", "role", "number", "product", "button", "button"))
            if kind == "node":
                selector = getattr(ui, chance.choice(("planScoutSelector", "planCtSelector", "planSegmentationSelector")))
                selector.setCurrentNode(chance.choice([*selector.nodes(), None]))
            elif kind == "role" and ui.planRolesTableWidget.rowCount:
                box = ui.planRolesTableWidget.cellWidget(chance.randrange(ui.planRolesTableWidget.rowCount), 1)
                box.currentIndex = chance.randrange(box.count)
            elif kind == "number":
                box = getattr(
                    ui,
                    chance.choice(
                        (
                            *FIELDS,
                            "planActivitySpinBox",
                            "planScoutResolutionSpinBox",
                            "planLiverLimitSpinBox",
                            "planBilirubinSpinBox",
                            "planWholeNormalLiverMassSpinBox",
                        )
                    ),
                )
                box.value = chance.uniform(box.minimum, min(box.maximum, 500.0))
            elif kind == "product":
                ui.planProductComboBox.currentIndex = chance.randrange(ui.planProductComboBox.count)
            else:
                getattr(
                    ui, chance.choice(("planSegmentsButton", "planActivityButton", "planWriteButton", "planUndoButton"))
                ).click()
            assert errors == []
    if ui.planWriteButton.enabled:
        ui.planWriteButton.click()
        written = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
        assert written["activity_gbq"] == pytest.approx(ui.planActivitySpinBox.value, abs=0.001)
