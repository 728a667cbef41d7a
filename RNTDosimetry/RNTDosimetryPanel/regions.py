"""Section 4: organs and lesions, what is typed about them, and helpers to draw them."""

import os

import qt
import slicer
from RNTDosimetryScene.nodes import segments
from RNTDosimetryScene.study import camera, contours, inputs
from slicer.i18n import tr as _

from RNTDosimetryPanel.section import Section
from RNTDosimetryPanel.tools import enable, fill_table, number_text, on_path, prepare_table, remember_path, set_quietly

_KEYS = {1: "kind", 3: "recovery_coefficient", 4: "recovery_coefficient_uncertainty", 5: "mass_g", 6: "effective_half_life_h"}
_EDITOR_TAG = "RNTDosimetrySegmentEditor"


class RegionsSection(Section):
    name = "regions"
    step = "measure"

    def __init__(self, panel):
        super().__init__(panel)
        self._editor = None

    def setup(self):
        super().setup()
        prepare_table(
            self.ui.regionsTableWidget,
            [_("Region"), _("Kind"), _("Volume (mL)"), _("RC"), _("u(RC)"), _("Mass (g)"), _("T\u00bd (h)")],
            [
                _("Name of the segment"),
                _("organ, lesion or other; can be typed"),
                _("Volume as drawn"),
                _("Recovery coefficient: measured over true activity; can be typed, 1 means no correction"),
                _("Standard uncertainty of the recovery coefficient, in its own unit; can be typed, 0.03 means 0.85 \u00b1 0.03"),
                _("Can be typed; empty means volume times density"),
                _("Effective half-life of an earlier cycle or a population, for a single scan; can be typed"),
            ],
        )
        self.connect(self.ui.regionsTableWidget, "cellChanged(int,int)", self.onCell)
        on_path(self.ui.recoveryPathLineEdit, self.panel.guarded(self.onRecovery))
        self.connect(self.ui.measureButton, "clicked(bool)", self.onMeasure)
        self.connect(self.ui.editSegmentsButton, "toggled(bool)", self.onEdit)
        self.connect(self.ui.organsButton, "clicked(bool)", self.onOrgans)
        self.connect(self.ui.isocontourButton, "clicked(bool)", self.onIsocontour)
        self.connect(self.ui.sphereButton, "clicked(bool)", self.onSphere)

    def refresh(self):
        set_quietly(self.ui.recoveryPathLineEdit, "currentPath", self.node.recoveryPath)
        curve = camera.recovery_of(self.node)
        self._fill(curve)
        curves = self.logic.regionCurves(self.node)
        measured = _("{count} regions measured").format(count=len(curves)) if curves else ""
        recovery = _("Recovery: {words}").format(words=camera.words_of_recovery(curve)) if curve is not None else ""
        self.say_step("\n".join(text for text in (measured, recovery) if text))
        enable(
            self.ui.measureButton,
            self.logic.missingInput(self.node, "measure"),
            _("Measure the activity of every region in every scan; scans are registered first if they are not"),
        )
        no_scan = "" if self.node.activityVolumes else _("Load a study or add time points first")
        enable(
            self.ui.editSegmentsButton,
            no_scan,
            _("Draw and correct regions on the reference; a segmentation is made if there is none"),
        )
        enable(self.ui.isocontourButton, no_scan, _("Add the connected voxels above the threshold as a lesion"))
        enable(self.ui.sphereButton, no_scan, _("Add a sphere around the seed as a region"))
        reason = no_scan or ("" if contours.has_totalsegmentator() else _("Install the extension TotalSegmentator first"))
        reason = reason or ("" if self.node.ctVolumes else _("Add the CTs of the time points first"))
        enable(
            self.ui.organsButton,
            reason,
            _(
                "Kidneys, liver and spleen on the CT of the reference; 5 to 50 minutes without a graphics card, and it can be stopped"
            ),
        )
        self._show_in_editor()

    def _fill(self, curve):
        rows, typed, helps = [], set(), {}
        if self.node.segmentation is not None:
            content = self.node.segmentation.GetSegmentation()
            for index in range(content.GetNumberOfSegments()):
                segment = content.GetNthSegment(index)
                settings = segments.region_settings(segment)
                optional = ["" if value is None else f"{value:g}" for value in (settings.mass_g, settings.effective_half_life_h)]
                volume = segments.volume_ml(segment)
                recovery, uncertainty = f"{settings.recovery_coefficient:g}", f"{settings.recovery_coefficient_uncertainty:g}"
                if curve is not None and settings.takes_recovery_from_file and volume > 0:
                    found = curve.coefficient(volume)
                    recovery, uncertainty = f"{found.value:.3f}", f"{found.uncertainty:.3f}"
                    words = [_("From the recovery curve, for {volume} mL").format(volume=number_text(volume)), *found.warnings]
                    helps[(index, 3)] = helps[(index, 4)] = "\n".join(words)
                rows.append(
                    [
                        segment.GetName(),
                        settings.kind or "organ",
                        number_text(volume),
                        recovery,
                        uncertainty,
                        *optional,
                    ]
                )
                if segments.drawing_of(segment):
                    helps[(index, 0)] = f"{segment.GetName()}\n{segments.drawing_of(segment)}"
                typed |= {(index, 3)} if settings.recovery_is_typed or settings.recovery_from_file is False else set()
                typed |= {(index, column) for column, text in ((5, optional[0]), (6, optional[1])) if text}
        fill_table(self.ui.regionsTableWidget, rows, _KEYS, typed, helps)

    def leave(self):
        """The editor lets go of its views and keys while another module is shown."""
        if self._editor is not None:
            self._close_editor()
            self.ui.editSegmentsButton.setChecked(False)

    def onCell(self, row, column):
        if column not in _KEYS:
            return
        table = self.ui.regionsTableWidget
        name, text = table.item(row, 0).text(), table.item(row, column).text()
        settings = segments.region_settings(segments.segment_by_name(self.node.segmentation, name))
        if _KEYS[column] == "recovery_coefficient_uncertainty" and self.node.recoveryJson and settings.takes_recovery_from_file:
            # An uncertainty of one's own belongs to a coefficient of one's own: the one that is shown becomes the typed one.
            self.quick(
                _("This value cannot be used."), self.logic.typeRegionValue, self.node, name, _KEYS[3], table.item(row, 3).text()
            )
        self.quick(_("This value cannot be used."), self.logic.typeRegionValue, self.node, name, _KEYS[column], text)

    def onRecovery(self, path):
        if path != self.node.recoveryPath and (not path or os.path.isfile(path)):
            self.quick(_("This recovery curve cannot be used."), camera.choose_recovery, self.node, path)
            remember_path(self.ui.recoveryPathLineEdit)

    def onMeasure(self, checked=False):
        self.run_step(_("The regions could not be measured."))

    def onEdit(self, shown):
        if shown:
            self.quick(_("The editor cannot be opened."), self._open_editor)
        else:
            self._close_editor()
            self.panel.refresh()

    def _close_editor(self):
        if self._editor is not None:
            self._editor.setActiveEffectByName("")
            self._editor.uninstallKeyboardShortcuts()
            self._editor.removeViewObservations()
            self._editor.setVisible(False)

    def _open_editor(self):
        if self.node.segmentation is None:
            contours.make_segmentation(self.node)
        if self._editor is None:
            frame = self.ui.segmentEditorFrame
            frame.setLayout(qt.QVBoxLayout())
            self._editor = slicer.qMRMLSegmentEditorWidget()
            self._editor.maximumNumberOfUndoStates = 10
            self._editor.setMRMLScene(slicer.mrmlScene)
            self._editor.segmentationNodeSelectorVisible = False
            frame.layout().addWidget(self._editor)
        self._editor.setMRMLSegmentEditorNode(self._editor_node())
        self._editor.setupViewObservations()
        self._editor.installKeyboardShortcuts()
        self._editor.setVisible(True)
        self._show_in_editor()

    @staticmethod
    def _editor_node():
        node = slicer.mrmlScene.GetSingletonNode(_EDITOR_TAG, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            node.UnRegister(None)
            node.SetSingletonTag(_EDITOR_TAG)
            node = slicer.mrmlScene.AddNode(node)
        return node

    def _show_in_editor(self):
        if self._editor is None or not self.ui.editSegmentsButton.checked:
            return
        if self._editor.segmentationNode() is not self.node.segmentation:
            self._editor.setSegmentationNode(self.node.segmentation)
        source = inputs.reference_volume(self.node)
        if self._editor.sourceVolumeNode() is not source:
            self._editor.setSourceVolumeNode(source)

    def onOrgans(self, checked=False):
        fast = self.ui.organsFastCheckBox.checked
        self.long(
            _("The organs could not be segmented."),
            lambda work: contours.segment_organs(work.node, progress=work.progress, cancel=work.is_cancelled, fast=fast),
        )

    def _seed(self):
        node = self.ui.seedPointSelector.currentNode()
        if node is None or node.GetNumberOfControlPoints() == 0:
            return None
        position = [0.0, 0.0, 0.0]
        node.GetNthControlPointPositionWorld(0, position)
        return position

    def onIsocontour(self, checked=False):
        percent = self.ui.isocontourSpinBox.value
        self.quick(_("The isocontour could not be drawn."), self.logic.addIsocontour, self.node, percent, self._seed())

    def onSphere(self, checked=False):
        volume = self.ui.sphereSpinBox.value
        self.quick(_("The sphere could not be drawn."), self.logic.addHotSphere, self.node, volume, self._seed())
