"""The open segment editor: strokes stay fast, and the panel follows them when they have settled."""

import time

import numpy as np
import pytest


@pytest.fixture
def widget(computed_panel):
    _container, widget = computed_panel
    if not widget.ui.editSegmentsButton.checked:
        widget.ui.editSegmentsButton.click()
    yield widget
    if widget.ui.editSegmentsButton.checked:
        widget.ui.editSegmentsButton.click()


class Brush:
    """Takes voxels of the spleen away, one a stroke, and gives them back."""

    def __init__(self, node):
        self.segmentation, self.reference = node.segmentation, node.ctVolumes[0]
        content = self.segmentation.GetSegmentation()
        self.segment_id = content.GetSegmentIdBySegmentName("spleen")
        import slicer

        self.labels = slicer.util.arrayFromSegmentBinaryLabelmap(self.segmentation, self.segment_id, self.reference).copy()

    def draw(self, labels) -> None:
        import slicer

        slicer.util.updateSegmentBinaryLabelmapFromArray(labels, self.segmentation, self.segment_id, self.reference)

    def stroke(self, count: int = 1) -> None:
        edited = self.labels.copy()
        for place in np.argwhere(self.labels)[:count]:
            edited[tuple(place)] = 0
        self.draw(edited)


def wait_for(what, seconds: float = 60.0) -> None:
    import slicer

    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        slicer.app.processEvents()
        time.sleep(0.02)
    assert what()


def spleen_ml(widget) -> str:
    table = widget.ui.regionsTableWidget
    return next(table.item(row, 2).text() for row in range(table.rowCount) if table.item(row, 0).text() == "spleen")


def test_a_stroke_is_stale_at_once_and_measured_when_strokes_have_settled(widget, monkeypatch):
    from RNTDosimetryScene.road import keys

    brush, before = Brush(widget._parameterNode), spleen_ml(widget)
    calls, found = [], keys.step_keys
    monkeypatch.setattr(keys, "step_keys", lambda *given: (calls.append("segments read"), found(*given))[1])
    try:
        for count in (50, 100, 200):
            brush.stroke(count)
        # Reading large labelmaps after each stroke is what would be slow.
        assert calls == []
        assert "out of date" in widget.ui.doseCollapsibleButton.text
        assert "out of date" in widget.ui.regionsCollapsibleButton.text
        assert "out of date" not in widget.ui.registrationCollapsibleButton.text
        assert "out of date" in widget.ui.runStatusLabel.text
        assert not widget.ui.writeButton.enabled
        assert spleen_ml(widget) == before
        wait_for(lambda: spleen_ml(widget) != before)
    finally:
        brush.draw(brush.labels)
        monkeypatch.undo()
    wait_for(lambda: widget.panel.states["dose"] == "current")
    assert spleen_ml(widget) == before


def test_closing_the_editor_looks_at_once(widget):
    brush, before = Brush(widget._parameterNode), spleen_ml(widget)
    brush.stroke(200)
    widget.ui.editSegmentsButton.click()
    assert spleen_ml(widget) != before
    assert not widget.panel._strokes.isActive()
    brush.draw(brush.labels)
    assert widget.panel.states["dose"] == "current"


def test_leaving_the_panel_forgets_the_strokes(computed_panel, widget):
    container, _widget = computed_panel
    brush, editor = Brush(widget._parameterNode), widget.panel.section("regions")._editor
    brush.stroke()
    container.exit()
    assert not editor.isVisible()
    assert not widget.ui.editSegmentsButton.checked
    assert not widget.panel._strokes.isActive()
    brush.draw(brush.labels)
    container.enter()
    assert widget.panel.states["dose"] == "current"
