"""Section 6: absorbed dose of regions and voxels, as table, overlay, isodoses and curves."""

from RNTDosimetryScene.show import isodose, slicerrt, views
from RNTDosimetryScene.study import inputs
from slicer.i18n import tr as _

from RNTDosimetryPanel.section import Section
from RNTDosimetryPanel.tools import STALE_COLOR, enable, fill_table, measured_text, number_text, prepare_table, selected_row


class DoseSection(Section):
    name = "dose"
    step = "dose"

    def setup(self):
        super().setup()
        prepare_table(
            self.ui.doseTableWidget,
            [_("Region"), _("Mass (g)"), _("Dose (Gy)"), _("Gy/GBq"), _("Map mean (Gy)")],
            [
                _("Name of the region"),
                _("As typed, or volume times density"),
                _("Absorbed dose with its standard uncertainty"),
                _("Dose per administered activity; needs the administered activity"),
                _("Mean of the dose map over the region, without recovery correction"),
            ],
        )
        self.connect(self.ui.doseTableWidget, "itemSelectionChanged()", self.onRegion)
        self.connect(self.ui.doseButton, "clicked(bool)", self.onDose)
        self.connect(self.ui.showDoseButton, "clicked(bool)", self.onShow)
        self.connect(self.ui.isodoseButton, "clicked(bool)", self.onIsodoses)
        self.connect(self.ui.layoutButton, "clicked(bool)", self.onLayout)
        self.connect(self.ui.slicerRtDvhButton, "clicked(bool)", self.onSlicerRtDvh)
        self.connect(self.ui.slicerRtIsodoseButton, "clicked(bool)", self.onSlicerRtIsodose)

    def refresh(self):
        volume = self.node.doseVolume
        self._fill()
        state = self.say_step(self._result(volume))
        missing = self.logic.missingInput(self.node, "dose")
        enable(
            self.ui.doseButton,
            missing,
            _("Compute the dose map and the dose of every region; what comes before is done if needed"),
        )
        reason = "" if volume is not None else _("Compute the dose first")
        enable(self.ui.showDoseButton, reason, _("Dose over the CT of the reference, with its color legend, in linked slices"))
        enable(self.ui.isodoseButton, reason, _("Surfaces of equal dose in 3D, seen as contours in the slices"))
        enable(self.ui.layoutButton, reason, _("Slices above; time-activity curves, dose-volume histograms and the table below"))
        self._enable_slicerrt(reason)
        self._show_warnings(state)

    def _enable_slicerrt(self, reason):
        missing = _("Install the extension SlicerRT first")
        enable(
            self.ui.slicerRtDvhButton,
            reason if slicerrt.is_there(slicerrt.DVH_MODULE) else missing,
            _("Hand dose and regions to SlicerRT and show its dose-volume histograms"),
        )
        enable(
            self.ui.slicerRtIsodoseButton,
            reason if slicerrt.is_there(slicerrt.ISODOSE_MODULE) else missing,
            _("Hand the dose to SlicerRT and show its isodoses at the levels above"),
        )

    def _fill(self):
        rows = [
            [
                item.name,
                number_text(item.mass_g),
                measured_text(item.dose.dose_gy, item.dose.dose_uncertainty_gy),
                number_text(item.dose_per_activity_gy_per_gbq),
                number_text(item.map_mean_gy),
            ]
            for item in self.logic.regionNumbers(self.node)
        ]
        stale = self.panel.states["dose"] != "current"
        colors = {(row, column): STALE_COLOR for row in range(len(rows)) for column in range(1, 5)} if stale else {}
        fill_table(self.ui.doseTableWidget, rows, colors=colors)

    def onRegion(self):
        """The clicked region is chosen in Kinetics as well, which shows its curve."""
        row = selected_row(self.ui.doseTableWidget)
        if row >= 0:
            self.panel.section("kinetics").choose(self.ui.doseTableWidget.item(row, 0).text())

    def _result(self, volume):
        if volume is None or volume.GetImageData() is None:
            return ""
        highest = volume.GetImageData().GetScalarRange()[1]
        return _("Highest voxel dose {dose} Gy").format(dose=number_text(highest))

    def _show_warnings(self, state):
        text = "\n".join(self.logic.warnings(self.node)) if state != "none" else ""
        if self.ui.warningsTextEdit.plainText != text:
            self.ui.warningsTextEdit.setPlainText(text)

    def onDose(self, checked=False):
        if self.run_step(_("The dose could not be computed.")) is not None:
            self.quick(_("The dose cannot be shown."), views.show_dose, self.node, inputs.reference_volume(self.node))

    def onShow(self, checked=False):
        self.quick(_("The dose cannot be shown."), views.show_dose, self.node, inputs.reference_volume(self.node))

    def onIsodoses(self, checked=False):
        self.quick(_("The isodoses cannot be shown."), self._isodoses)

    def _isodoses(self):
        levels = isodose.levels_of(self.node.isodosePercents)
        highest = self.node.doseVolume.GetImageData().GetScalarRange()[1]
        isodose.show_isodoses(self.node.doseVolume, levels, highest)

    def onLayout(self, checked=False):
        self.quick(_("The layout cannot be shown."), self._layout)

    def _layout(self):
        views.show_dose(self.node, inputs.reference_volume(self.node))
        views.show_result_layout(self.node)

    def onSlicerRtDvh(self, checked=False):
        self.quick(_("SlicerRT cannot show the histograms."), slicerrt.show_histograms, self.node)

    def onSlicerRtIsodose(self, checked=False):
        self.quick(_("SlicerRT cannot show the isodoses."), slicerrt.show_isodoses, self.node)
