"""The panel on a computed study: what it shows, what goes stale, what a click does. Every test puts back what it changes."""

import time

import numpy as np
import pytest

SECTIONS = ("study", "timePoints", "registration", "regions", "kinetics", "dose", "planning", "report")


def texts(table) -> list[list[str]]:
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def rows(table) -> dict[str, list[str]]:
    """Rows of a table by the text of their first column."""
    return {cells[0]: cells for cells in texts(table)}


@pytest.fixture
def widget(computed_panel):
    _container, widget = computed_panel
    if widget.panel.states["dose"] != "current":
        widget.ui.applyButton.click()
    assert widget.panel.states["dose"] == "current"
    return widget


def test_every_section_is_done(widget):
    for name in SECTIONS[:6]:
        assert getattr(widget.ui, f"{name}StatusLabel").text in ("Loaded.", "Complete.", "Up to date."), name
        assert getattr(widget.ui, f"{name}ResultLabel").text, name
        assert getattr(widget.ui, f"{name}CollapsibleButton").text.endswith("\u2713"), name


def test_results_go_stale_visibly(widget):
    widget.ui.outputFolderPathLineEdit.currentPath = "somewhere"
    assert widget.ui.writeButton.enabled
    widget.ui.densitySpinBox.value = 1.0
    assert "out of date" in widget.ui.runStatusLabel.text
    assert "out of date" in widget.ui.doseCollapsibleButton.text
    assert widget.ui.doseStatusLabel.text == "Out of date: an input has changed."
    assert not widget.ui.writeButton.enabled
    assert "out of date" in widget.ui.writeButton.toolTip
    widget.ui.densitySpinBox.value = 1.04
    assert widget.ui.runStatusLabel.text == "The results are up to date."
    widget.ui.outputFolderPathLineEdit.currentPath = ""


def test_a_stroke_of_the_editor_makes_the_panel_stale(widget):
    import slicer

    node = widget._parameterNode
    segmentation, reference = node.segmentation, node.ctVolumes[0]
    segment_id = segmentation.GetSegmentation().GetSegmentIdBySegmentName("spleen")
    labels = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, reference).copy()
    edited = labels.copy()
    edited[tuple(np.argwhere(labels)[0])] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(edited, segmentation, segment_id, reference)
    assert "out of date" in widget.ui.regionsCollapsibleButton.text
    slicer.util.updateSegmentBinaryLabelmapFromArray(labels, segmentation, segment_id, reference)
    assert widget.ui.regionsCollapsibleButton.text.endswith("\u2713")


def test_a_typed_value_that_is_no_number_is_taken_back(widget):
    table = widget.ui.regionsTableWidget
    before = texts(table)
    for column, text in ((3, "much"), (3, "-1"), (5, "0"), (1, "bone"), (6, "nan")):
        table.item(0, column).setText(text)
        assert texts(table) == before


def test_typed_values_are_marked(widget):
    assert widget.ui.nuclideOriginLabel.text == "read"
    assert widget.ui.administeredActivityOriginLabel.text == "read"
    widget.ui.administeredActivitySpinBox.value = 7000
    assert widget.ui.administeredActivityOriginLabel.text == "typed"
    assert "7400" in widget.ui.administeredActivityOriginLabel.toolTip
    from RNTDosimetryScene.study import inputs

    row = inputs.typed_rows(widget._parameterNode)[0]
    assert (row.what, row.value, row.unit, row.status, row.read_value) == (
        "administered activity",
        "7000.0",
        "MBq",
        "override",
        "7400.0",
    )
    widget.ui.administeredActivitySpinBox.value = 7400
    assert widget.ui.administeredActivityOriginLabel.text == "read"


def test_a_typed_administration_times_the_scans_anew(widget):
    line, table = widget.ui.administrationTimeLineEdit, widget.ui.timePointsTableWidget
    assert [cells[1] for cells in texts(table)] == ["4.10", "23.70", "71.25", "168.60"]
    line.text = "2025-03-10T08:00:00"
    line.editingFinished.emit()
    assert [cells[1] for cells in texts(table)] == ["5.10", "24.70", "72.25", "169.60"]
    assert widget.ui.administrationTimeOriginLabel.text == "typed"
    for refused in ("yesterday", "2025-03-12T08:00:00"):
        line.text = refused
        line.editingFinished.emit()
        assert line.text == "2025-03-10T08:00:00"
    line.text = "2025-03-10T09:00:00"
    line.editingFinished.emit()
    assert widget.panel.states["dose"] == "current"


def test_a_typed_start_of_a_scan_is_marked_and_makes_stale(widget):
    table, node = widget.ui.timePointsTableWidget, widget._parameterNode
    kept = node.activityVolumes[1].GetAttribute("RNTDosimetry.StartHours")
    table.item(1, 1).setText("25")
    assert texts(table)[1][1] == "25.00"
    assert table.item(1, 1).font().italic()
    assert widget.panel.states["measure"] == "stale"
    for refused in ("4.1", "soon", "-3"):
        table.item(1, 1).setText(refused)
        assert texts(table)[1][1] == "25.00"
    table.item(1, 1).setText(kept)
    assert widget.panel.states["dose"] == "current"


def test_a_clicked_region_shows_its_curve_fit_and_notes(widget):
    widget.ui.doseTableWidget.selectRow(list(rows(widget.ui.doseTableWidget)).index("lesion_1"))
    text = widget.ui.regionTextEdit.plainText
    assert text.startswith("lesion_1:")
    assert "Note: " in text
    assert "Models tried" in text
    table = widget.ui.kineticsTableWidget
    notes = widget.logic.lastResult.region("lesion_1").fit.warnings
    row = list(rows(table)).index("lesion_1")
    assert table.item(row, 5).text() == str(len(notes))
    assert table.item(row, 5).toolTip() == "\n".join(notes)
    chart = widget._parameterNode.regionChart
    assert chart.GetTitle() == "Curve of lesion_1"
    table = chart.GetNthPlotSeriesNode(0).GetTableNode()
    measured = widget.logic.lastResult.region("lesion_1").curve.activities_mbq
    assert [float(table.GetCellText(row, 1)) for row in range(4)] == pytest.approx(measured, rel=1e-4)


def test_another_model_changes_the_dose_at_once(widget):
    table = widget.ui.kineticsTableWidget
    names = list(rows(table))
    table.selectRow(names.index("spleen"))
    before = rows(table)["spleen"]
    widget.ui.regionModelComboBox.currentText = "physical"
    after = rows(table)["spleen"]
    assert after[1] == "physical"
    assert after[4] != before[4]
    assert "foreseen" in widget.ui.regionTextEdit.plainText
    assert table.item(names.index("spleen"), 1).font().italic()
    assert widget.panel.states == {"register": "current", "measure": "current", "fit": "current", "dose": "stale"}
    widget.ui.doseButton.click()
    assert rows(table)["spleen"][1] == "physical"
    assert "foreseen" not in widget.ui.regionTextEdit.plainText
    widget.ui.regionModelComboBox.currentText = "as all regions"
    widget.ui.doseButton.click()
    assert rows(table)["spleen"] == before


def test_a_model_that_the_samples_cannot_carry_is_refused(widget, monkeypatch):
    """Three exponentials need six samples: the panel keeps what it had and says so."""
    import slicer

    table, shown = widget.ui.kineticsTableWidget, []
    table.selectRow(list(rows(table)).index("liver"))
    before = rows(table)["liver"]
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: shown.append(text))
    widget.ui.regionModelComboBox.currentText = "tri"
    assert len(shown) == 1
    assert "samples at 6 times or more" in shown[0]
    assert widget.ui.regionModelComboBox.currentText == "as all regions"
    assert rows(table)["liver"] == before
    assert widget.panel.states["dose"] == "current"


def test_the_registration_table_says_how_well(widget):
    cells = texts(widget.ui.registrationTableWidget)
    assert [row[0] for row in cells] == ["4.1 h", "23.7 h", "71.25 h", "168.6 h"]
    for row, item in zip(cells, widget.logic.lastResult.alignments):
        if item.quality is not None:
            assert float(row[3]) == pytest.approx(item.quality.correlation, abs=5e-4)
            assert float(row[1]) == pytest.approx(item.shift_mm, abs=0.05)


def test_dose_over_ct_has_a_legend_and_linked_slices(widget):
    import slicer

    widget.ui.showDoseButton.click()
    node = widget._parameterNode
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert {item.GetForegroundVolumeID() for item in composites} == {node.doseVolume.GetID()}
    legend = slicer.modules.colors.logic().GetColorLegendDisplayNode(node.doseVolume)
    assert legend.GetTitleText() == "Absorbed dose (Gy)"
    assert legend.GetVisibility()
    display = node.segmentation.GetDisplayNode()
    assert (display.GetVisibility2DFill(), display.GetVisibility2DOutline()) == (False, True)


def test_the_legend_is_seen_in_the_slice_view(widget):
    """Drawn by Slicer's own displayable manager: every color of the dose, within the picture and beside the middle of the slice."""
    import slicer
    from host import views

    widget.ui.showDoseButton.click()
    legend = slicer.modules.colors.logic().GetColorLegendDisplayNode(widget._parameterNode.doseVolume)
    with views.SliceView("Red", (460, 380)) as view:
        shown = view.picture().astype(int)
        legend.SetVisibility(False)
        hidden = view.picture().astype(int)
        legend.SetVisibility(True)
    rows, columns = np.nonzero(np.abs(shown - hidden).max(axis=2) > 60)
    assert columns.min() > 230
    assert 5 < rows.min() < rows.max() < 220
    bar = shown[rows.min() : rows.max(), columns.max() - 8 : columns.max()].reshape(-1, 3)
    strongest = {int(color.argmax()) for color in bar if color.max() - color.min() > 150}
    assert strongest == {0, 1, 2}


def test_isodoses_enclose_the_dose_above_them(widget):
    """Volume within a surface against the voxels above its level, which it is drawn between."""
    import slicer
    import vtk
    from RNTDosimetryScene.show import isodose

    widget.ui.isodosePercentsLineEdit.text = "30, 60"
    widget.ui.isodoseButton.click()
    dose = widget._parameterNode.doseVolume
    models = isodose.isodoses_of(dose)
    assert [model.GetName().split("(")[1] for model in models] == ["30 %)", "60 %)"]
    array = slicer.util.arrayFromVolume(dose)
    voxel_ml = float(np.prod(dose.GetSpacing())) / 1000.0
    for model, percent in zip(models, (30, 60)):
        mass = vtk.vtkMassProperties()
        triangles = vtk.vtkTriangleFilter()
        triangles.SetInputData(model.GetPolyData())
        mass.SetInputConnection(triangles.GetOutputPort())
        voxels_ml = voxel_ml * np.count_nonzero(array >= percent / 100.0 * array.max())
        assert mass.GetVolume() / 1000.0 == pytest.approx(voxels_ml, rel=0.25)
        assert model.GetDisplayNode().GetVisibility2D()
    widget.ui.isodoseButton.click()
    assert len(isodose.isodoses_of(dose)) == 2
    isodose.remove_isodoses(dose)


def test_the_result_layout_shows_charts_and_table(widget):
    import slicer

    widget.ui.layoutButton.click()
    node, scene = widget._parameterNode, slicer.mrmlScene
    curves = scene.GetSingletonNode("RNTDosimetryCurves", "vtkMRMLPlotViewNode")
    histogram = scene.GetSingletonNode("RNTDosimetryHistogram", "vtkMRMLPlotViewNode")
    table = scene.GetSingletonNode("RNTDosimetryTable", "vtkMRMLTableViewNode")
    assert curves.GetPlotChartNodeID() == node.timeActivityChart.GetID()
    assert histogram.GetPlotChartNodeID() == node.histogramChart.GetID()
    assert table.GetTableNodeID() == node.resultTable.GetID()


def test_a_foreseen_fit_says_so_over_its_curve(widget):
    table, node = widget.ui.kineticsTableWidget, widget._parameterNode
    table.selectRow(list(rows(table)).index("spleen"))
    assert node.regionChart.GetTitle() == "Curve of spleen"
    widget.ui.regionModelComboBox.currentText = "physical"
    assert node.regionChart.GetTitle() == "Curve of spleen, not in the dose map yet"
    widget.ui.regionModelComboBox.currentText = "as all regions"
    widget.ui.doseButton.click()
    table.selectRow(list(rows(table)).index("liver"))
    assert node.regionChart.GetTitle() == "Curve of liver"


def test_all_curves_come_back_and_are_seen_on_a_logarithmic_axis(widget):
    import slicer

    node = widget._parameterNode
    widget.ui.curvesButton.click()
    view = slicer.mrmlScene.GetSingletonNode("RNTDosimetryCurves", "vtkMRMLPlotViewNode")
    widget.ui.kineticsTableWidget.selectRow(0)
    widget.ui.kineticsTableWidget.selectRow(1)
    assert view.GetPlotChartNodeID() == node.regionChart.GetID()
    widget.ui.curvesButton.click()
    assert view.GetPlotChartNodeID() == node.timeActivityChart.GetID()
    widget.ui.logScaleCheckBox.click()
    assert node.timeActivityChart.GetYAxisLogScale()
    assert node.regionChart.GetYAxisLogScale()
    widget.panel.refresh()
    assert widget.ui.logScaleCheckBox.checked
    widget.ui.logScaleCheckBox.click()
    assert not node.timeActivityChart.GetYAxisLogScale()


def test_the_scans_are_played_and_taken_away(widget):
    import slicer
    from RNTDosimetryScene.study import sequences

    node = widget._parameterNode
    widget.ui.playScansButton.click()
    browser = sequences.browser_of(node)
    assert browser.GetPlaybackActive()
    activity, ct, _position = sequences.shown_nodes(node)
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert {(item.GetBackgroundVolumeID(), item.GetForegroundVolumeID()) for item in composites} == {
        (ct.GetID(), activity.GetID())
    }
    widget.panel.refresh()
    assert widget.ui.playScansButton.checked
    assert widget.panel.states["dose"] == "current"
    widget.ui.playScansButton.click()
    assert sequences.browser_of(node) is None
    assert {item.GetBackgroundVolumeID() for item in composites} == {node.ctVolumes[0].GetID()}
    assert not widget.ui.playScansButton.checked


def test_the_plan_follows_what_is_typed(widget):
    """49.67 J/GBq for Y-90 (AAPM TG-144 convention) without shunt, all in normal liver of 1 kg: 49.67 Gy for 1 GBq within 1 %."""
    ui = widget.ui
    assert rows(ui.planTableWidget) == {}
    assert not ui.planWriteButton.enabled
    ui.planProductComboBox.currentText = "Y-90"
    for box, value in (
        (ui.planActivitySpinBox, 1.0),
        (ui.planTumorMassSpinBox, 1.0),
        (ui.planTumorToNormalSpinBox, 0.0),
        (ui.planNormalLiverMassSpinBox, 1000.0),
        (ui.planLungShuntSpinBox, 0.0),
        (ui.planLiverLimitSpinBox, 40.0),
    ):
        box.value = value
    liver = rows(ui.planTableWidget)["Normal liver"]
    assert float(liver[1]) == pytest.approx(49.67, rel=0.01)
    assert liver[3].startswith("above the limit")
    assert ui.planningStatusLabel.text == "Above the limit: Normal liver."
    ui.planActivityButton.click()
    assert ui.planActivitySpinBox.value == pytest.approx(40.0 / 49.67, rel=0.01)
    assert ui.planningStatusLabel.text == "Within the limits."


def test_self_check_passes(widget):
    widget.ui.selfCheckButton.click()
    table = widget.ui.selfCheckTableWidget
    assert table.rowCount >= 10
    assert {cells[4] for cells in texts(table)} == {"passed"}


def test_study_file_gives_the_same_numbers(widget, tmp_path):
    from RNTDosimetryLib.roads.therapy import run_study_file

    widget.ui.outputFolderPathLineEdit.currentPath = str(tmp_path)
    widget.ui.writeStudyButton.click()
    _images, result = run_study_file(tmp_path / "study.json")
    for item in widget.logic.lastResult.regions:
        assert result.region(item.name).dose.dose_gy == pytest.approx(item.dose.dose_gy, rel=1e-6)
    widget.ui.outputFolderPathLineEdit.currentPath = ""


def test_the_segment_editor_opens_on_the_reference(widget, monkeypatch):
    """While it is open, strokes do not refresh the panel; closing it does."""
    import slicer

    widget.ui.editSegmentsButton.click()
    editor = widget.panel.section("regions")._editor
    refreshed = []
    monkeypatch.setattr(widget.panel, "refresh", lambda *unused: refreshed.append("refreshed"))
    widget._parameterNode.segmentation.GetSegmentation().GetNthSegment(0).Modified()
    widget._parameterNode.segmentation.InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified)
    assert refreshed == []
    monkeypatch.undo()
    assert editor.segmentationNode() is widget._parameterNode.segmentation
    assert editor.sourceVolumeNode() is widget._parameterNode.ctVolumes[0]
    widget.ui.editSegmentsButton.click()
    assert not editor.isVisible()


def test_a_click_says_how_far_it_is(widget, monkeypatch):
    """Long actions show progress under a wait cursor, and nothing but Cancel can be clicked meanwhile."""
    import slicer

    seen = []
    monkeypatch.setattr(slicer.app, "setOverrideCursor", lambda cursor: seen.append("cursor"), raising=False)
    monkeypatch.setattr(slicer.app, "restoreOverrideCursor", lambda: seen.append("restored"), raising=False)
    monkeypatch.setattr(
        slicer.app,
        "processEvents",
        lambda *unused: seen.append(
            (widget.ui.progressBar.value, widget.ui.cancelButton.enabled, widget.ui.doseCollapsibleButton.enabled)
        ),
        raising=False,
    )
    widget.ui.doseButton.click()
    assert seen[0] == "cursor"
    assert seen[-1] != "cursor"
    steps = [item for item in seen if isinstance(item, tuple)]
    assert len(steps) >= 5
    assert all(cancel and not section for _value, cancel, section in steps)
    values = [value for value, _cancel, _section in steps]
    assert values == sorted(values)
    assert values[-1] == 100


def test_short_actions_are_short(widget):
    """Refreshing the whole panel is what every click costs: well under the 0.2 s after which a user would want a sign."""
    widget.panel.refresh()
    started = time.process_time()
    for _repeat in range(5):
        widget.panel.refresh()
    assert (time.process_time() - started) / 5 < 0.1


def test_leaving_the_panel_lets_go(computed_panel, monkeypatch):
    container, widget = computed_panel
    node = widget._parameterNode
    container.exit()
    assert widget._parameterNode is None
    assert widget._observedInputs == []
    calls = []
    monkeypatch.setattr(widget.panel, "refresh", lambda *unused: calls.append("refreshed"))
    node.densityGPerMl = 1.05
    node.segmentation.GetSegmentation().GetNthSegment(0).Modified()
    node.activityVolumes[0].Modified()
    node.densityGPerMl = 1.04
    assert calls == []
    monkeypatch.undo()
    container.enter()
    assert widget.ui.timePointsTableWidget.rowCount == 4


def test_the_uncertainty_of_the_panel_is_that_of_the_report(widget):
    """The fit alone is only a part of it: calibration, recovery and outline are common to all scans."""
    from RNTDosimetryPanel.tools import measured_text

    found = rows(widget.ui.kineticsTableWidget)
    for item in widget.logic.lastResult.regions:
        assert measured_text(item.tia_mbq_h, item.tia_uncertainty_mbq_h) in found[item.name], item.name
    kidney = widget.logic.lastResult.region("kidney_left")
    assert kidney.tia_uncertainty_mbq_h > 2 * kidney.fit.tia_uncertainty_mbq_h
