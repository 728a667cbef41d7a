"""Section 2: the scans with their times, and the calibration of the camera."""

import os

from RNTDosimetryScene.study import camera, sequences, timepoints
from slicer.i18n import tr as _

from RNTDosimetryPanel.section import Section
from RNTDosimetryPanel.tools import (
    DONE_COLOR,
    MISSING_COLOR,
    enable,
    fill_table,
    on_path,
    prepare_table,
    remember_path,
    selected_row,
    set_quietly,
)

_COLUMNS = ("scan", "start", "duration", "status", "unit", "calibration", "ct")
_EDITABLE = {1: "start", 2: "duration", 5: "calibration"}
_STATUS, _CALIBRATION = 3, 5


class TimePointsSection(Section):
    name = "timePoints"

    def __init__(self, panel):
        super().__init__(panel)
        self._study = None

    def setup(self):
        super().setup()
        prepare_table(
            self.ui.timePointsTableWidget,
            [_("Scan"), _("Start (h)"), _("Time (s)"), _("Status"), _("Unit"), _("Cal."), _("CT")],
            [
                _("Activity volume of the scan"),
                _("Hours from administration to start of acquisition; can be typed"),
                _("Duration of the acquisition; can be typed"),
                _("Whether the scan can be used"),
                _("Unit of the calibrated image"),
                _("Bq/mL for a stored value of 1; can be typed"),
                _("CT of the same session"),
            ],
        )
        self.connect(self.ui.timePointsTableWidget, "cellChanged(int,int)", self.onCell)
        self.connect(self.ui.timePointsTableWidget, "itemSelectionChanged()", self.onSelection)
        self.connect(self.ui.addActivitySelector, "currentNodeChanged(vtkMRMLNode*)", self.onSelection)
        self.connect(self.ui.addTimePointButton, "clicked(bool)", self.onAdd)
        self.connect(self.ui.removeTimePointButton, "clicked(bool)", self.onRemove)
        self.connect(self.ui.referenceTimePointButton, "clicked(bool)", self.onReference)
        self.connect(self.ui.clearTimePointsButton, "clicked(bool)", self.onClear)
        on_path(self.ui.calibrationPathLineEdit, self.panel.guarded(self.onCalibration))
        self.connect(self.ui.sensitivitySpinBox, "valueChanged(double)", self.onSensitivity)
        self.connect(self.ui.calibrateButton, "clicked(bool)", self.onCalibrate)

    def refresh(self):
        if self._study is not self.node.parameterNode:
            # A factor typed for another study must not calibrate the scans of this one.
            self._study = self.node.parameterNode
            self.ui.addCalibrationSpinBox.value = 1.0
            self.ui.addStartHoursSpinBox.value = 0.0
        rows = timepoints.time_point_rows(self.node)
        typed = {(index, column) for index, row in enumerate(rows) for column, key in _EDITABLE.items() if row["typed"][key]}
        helps = {(index, _STATUS): row["help"] or row["status"] for index, row in enumerate(rows)}
        helps |= {(index, _CALIBRATION): row["calibration_help"] for index, row in enumerate(rows) if row["calibration_help"]}
        fill_table(self.ui.timePointsTableWidget, [[row[key] for key in _COLUMNS] for row in rows], _EDITABLE, typed, helps)
        self._enable_buttons(bool(rows))
        self._show_calibration()
        problems = [row["help"] for row in rows if row["status"].startswith("incomplete")]
        if not rows:
            self.say(_("No scans yet: load a study, or add volumes that are in the scene."), MISSING_COLOR)
        elif problems:
            self.say(problems[0] + ".", MISSING_COLOR)
        else:
            text = _("{count} scans from {first} h to {last} h").format(
                count=len(rows), first=rows[0]["start"], last=rows[-1]["start"]
            )
            self.say(_("Complete."), DONE_COLOR, text, "\u2713")

    def _show_calibration(self):
        calibration = camera.calibration_of(self.node)
        set_quietly(self.ui.calibrationPathLineEdit, "currentPath", self.node.calibrationPath)
        set_quietly(self.ui.sensitivitySpinBox, "value", 0.0 if calibration is None else calibration.sensitivity_cps_per_mbq)
        self.ui.calibrationLabel.text = "" if calibration is None else camera.words_of_calibration(calibration)
        reason = "" if calibration is not None else _("Choose a calibration file or type the sensitivity first")
        reason = reason or ("" if self.node.activityVolumes else _("Add the scans first"))
        enable(
            self.ui.calibrateButton,
            reason,
            _("Fill Cal. of the scans in counts from the sensitivity, their duration and their voxels"),
        )

    def _enable_buttons(self, any_rows):
        no_row = "" if selected_row(self.ui.timePointsTableWidget) >= 0 else _("Click a row first")
        activity = self.ui.addActivitySelector.currentNode()
        enable(
            self.ui.addTimePointButton,
            "" if activity is not None else _("Choose an activity volume first"),
            _("Add the volume with the typed hours and calibration, or all frames of a sequence with their own times"),
        )
        enable(self.ui.removeTimePointButton, no_row, _("Take the clicked scan out of the study; its volumes stay in the scene"))
        enable(
            self.ui.referenceTimePointButton,
            no_row,
            _("The regions are drawn on the clicked scan, and the others are brought onto it"),
        )
        enable(
            self.ui.clearTimePointsButton,
            "" if any_rows else _("There are no time points"),
            _("Take all scans out of the study; the volumes stay in the scene"),
        )

    def onSelection(self, *unused):
        self._enable_buttons(bool(self.node.activityVolumes))

    def onCalibration(self, path):
        if path != self.node.calibrationPath and (not path or os.path.isfile(path)):
            self.quick(_("This calibration cannot be used."), camera.choose_calibration, self.node, path)
            remember_path(self.ui.calibrationPathLineEdit)

    def onSensitivity(self, value):
        self.quick(_("This sensitivity cannot be used."), camera.type_sensitivity, self.node, value)

    def onCalibrate(self, checked=False):
        self.quick(_("The counts could not be calibrated."), camera.calibrate_counts, self.node)

    def onCell(self, row, column):
        if column not in _EDITABLE:
            return
        text = self.ui.timePointsTableWidget.item(row, column).text()
        self.quick(_("This value cannot be used."), timepoints.type_time_point, self.node, row, _EDITABLE[column], text)

    def onAdd(self, checked=False):
        chosen, calibration = self.ui.addActivitySelector.currentNode(), self.ui.addCalibrationSpinBox.value
        if chosen is not None and chosen.IsA("vtkMRMLSequenceNode"):
            self.quick(_("The frames could not be added."), sequences.add_frames, self.node, chosen, calibration)
            return
        self.quick(
            _("The time point could not be added."),
            timepoints.add_time_point,
            self.node,
            chosen,
            self.ui.addStartHoursSpinBox.value,
            self.ui.addCtSelector.currentNode(),
            None,
            calibration,
        )

    def onRemove(self, checked=False):
        row = selected_row(self.ui.timePointsTableWidget)
        self.quick(_("The time point could not be removed."), timepoints.remove_time_point, self.node, row)

    def onReference(self, checked=False):
        row = selected_row(self.ui.timePointsTableWidget)
        if row >= 0:
            self.node.referenceIndex = row

    def onClear(self, checked=False):
        self.quick(_("The time points could not be cleared."), timepoints.clear_time_points, self.node)
