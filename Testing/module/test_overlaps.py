"""A lesion drawn in an organ: the organ is reported with and without it, in scene and panel."""

import numpy as np
import pytest

from RNTDosimetryLib.images import ImageGeometry, Region

GRID = ImageGeometry(size=(24, 24, 24), spacing_mm=(4.8, 4.8, 4.8), origin_lps_mm=(-55.2, -55.2, -55.2))
TIMES_H = (4.0, 24.0, 96.0)
ORGAN = (slice(4, 20),) * 3
LESION = (slice(10, 14),) * 3
ORGAN_BQ_ML, LESION_BQ_ML = 1e5, 8e5
ORGAN_HALF_LIFE_H, LESION_HALF_LIFE_H = 40.0, 90.0


@pytest.fixture
def study(logic):
    """Parameter node with a liver of 566 mL drawn over its lesion of 7.1 mL, three scans without noise."""
    from RNTDosimetryScene.nodes import segments, volumes

    parameter_node = logic.getParameterNode()
    parameter_node.nuclide = "Lu-177"
    for time_h in TIMES_H:
        array = np.zeros(GRID.size)
        array[ORGAN] = ORGAN_BQ_ML * 0.5 ** (time_h / ORGAN_HALF_LIFE_H)
        array[LESION] = LESION_BQ_ML * 0.5 ** (time_h / LESION_HALF_LIFE_H)
        node = volumes.add_volume(f"SPECT {time_h:g} h", array, GRID, "Bq/mL")
        logic.addTimePoint(parameter_node, node, time_h)
    organ, lesion = np.zeros((2, *GRID.size), dtype=np.uint8)
    organ[ORGAN], lesion[LESION] = 1, 1
    regions = (Region("liver", GRID, organ), Region("lesion", GRID, lesion, kind="lesion"))
    parameter_node.segmentation = segments.add_segmentation("Regions", regions, node)
    return parameter_node


def test_organ_is_reported_with_and_without_its_lesion(logic, study):
    found = {item.name: item for item in logic.run(study).regions}
    assert list(found) == ["liver", "lesion", "liver without lesions"]
    rest = found["liver without lesions"]
    assert rest.volume_ml == pytest.approx(found["liver"].volume_ml - found["lesion"].volume_ml, rel=1e-9)
    np.testing.assert_allclose(
        rest.curve.activities_mbq, np.array(found["liver"].curve.activities_mbq) - found["lesion"].curve.activities_mbq, rtol=1e-6
    )
    # Analytic: A0 T / ln 2 of the organ's own activity.
    assert rest.tia_mbq_h == pytest.approx(ORGAN_BQ_ML * rest.volume_ml * 1e-6 * ORGAN_HALF_LIFE_H / np.log(2.0), rel=1e-4)
    study.lesionsOutOfOrgans = False
    assert logic.resultState(study) == "stale"
    assert [item.name for item in logic.run(study).regions] == ["liver", "lesion"]


def test_a_model_chosen_for_the_rest_is_the_organs(logic, study):
    from RNTDosimetryScene.nodes import segments

    logic.run(study)
    logic.typeRegionValue(study, "liver without lesions", "model", "mono")
    assert segments.typed_settings(study.segmentation)["liver"].model == "mono"
    fits = {item.name: item.fit for item in logic.run(study).regions}
    assert fits["liver without lesions"].chosen_by == fits["liver"].chosen_by != fits["lesion"].chosen_by


def test_panel_shows_the_rest_and_takes_a_model_for_it(panel, logic, study):
    _container, widget = panel
    widget.ui.applyButton.click()
    section = widget.panel.section("kinetics")
    section.choose("liver without lesions")
    assert widget.ui.regionTextEdit.plainText.startswith("liver without lesions")
    widget.ui.regionModelComboBox.currentText = "mono"
    assert section.logic.regionCurves(study)["liver"].fit.model == "mono"
