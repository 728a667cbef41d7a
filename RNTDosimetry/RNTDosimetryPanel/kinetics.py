"""Section 5: curves and fits; a click on a region shows its own, and another model can be tried."""

import os

from RNTDosimetryScene.nodes import segments
from RNTDosimetryScene.show import charts, display, views
from RNTDosimetryScene.study import sequences
from RNTDosimetryScene.study.inputs import choices_of_scene
from slicer.i18n import tr as _

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.kinetics import MODEL_NAMES
from RNTDosimetryPanel.section import Section
from RNTDosimetryPanel.tools import (
    STALE_COLOR,
    enable,
    fill_table,
    measured_text,
    number_text,
    on_path,
    prepare_table,
    remember_path,
    select_text,
    selected_row,
    set_quietly,
)

_AUTO = "auto"
_AS_STUDY = "as all regions"


def _tia_uncertainty_mbq_h(item):
    """With calibration, recovery and outline, as the report has it, not that of the fit alone."""
    return item.fit.tia_uncertainty_with(item.curve.systematic_relative_uncertainty)


class KineticsSection(Section):
    name = "kinetics"
    step = "fit"

    def __init__(self, panel):
        super().__init__(panel)
        self._curves = {}

    def setup(self):
        super().setup()
        for name in (_AUTO, *MODEL_NAMES):
            self.ui.modelComboBox.addItem(name)
        for name in (_AS_STUDY, *MODEL_NAMES):
            self.ui.regionModelComboBox.addItem(name)
        prepare_table(
            self.ui.kineticsTableWidget,
            [_("Region"), _("Model"), _("T\u00bd (h)"), _("TIA (MBq h)"), _("Dose (Gy)"), _("Notes")],
            [
                _("Name of the region"),
                _("Model of the fitted curve; italics when it was typed"),
                _("Effective half-life of the slowest part"),
                _("Time-integrated activity with its standard uncertainty: fit, calibration, recovery and outline"),
                _("Absorbed dose; colored while it is foreseen for a fit that the dose map does not hold yet"),
                _("How many warnings the fit has; click the row to read them"),
            ],
        )
        self.connect(self.ui.modelComboBox, "currentTextChanged(QString)", self.onModel)
        on_path(self.ui.earlierResultsPathLineEdit, self.panel.guarded(self.onEarlierResults))
        self.connect(self.ui.fitButton, "clicked(bool)", self.onFit)
        self.connect(self.ui.kineticsTableWidget, "itemSelectionChanged()", self.onRegion)
        self.connect(self.ui.regionModelComboBox, "currentTextChanged(QString)", self.onRegionModel)
        self.connect(self.ui.curvesButton, "clicked(bool)", self.onCurves)
        self.connect(self.ui.playScansButton, "clicked(bool)", self.onPlayScans)
        self.connect(self.ui.logScaleCheckBox, "toggled(bool)", self.onLogScale)

    def refresh(self):
        select_text(self.ui.modelComboBox, self.node.model)
        set_quietly(self.ui.earlierResultsPathLineEdit, "currentPath", self.node.earlierResultsPath)
        self._curves = self.logic.regionCurves(self.node)
        typed = {} if self.node.segmentation is None else segments.typed_settings(self.node.segmentation)
        rows, colors, helps, italic = [], {}, {}, set()
        for index, item in enumerate(self._curves.values()):
            rows.append(self._row(item))
            if item.dose_is_foreseen:
                colors[(index, 4)] = STALE_COLOR
            if item.fit is not None and item.fit.warnings:
                helps[(index, 5)] = "\n".join(item.fit.warnings)
            if item.name in typed and typed[item.name].model:
                italic.add((index, 1))
        fill_table(self.ui.kineticsTableWidget, rows, italic=italic, helps=helps, colors=colors)
        fitted = sum(item.fit is not None for item in self._curves.values())
        notes = sum(bool(item.fit is not None and item.fit.warnings) for item in self._curves.values())
        text = _("{count} curves fitted, {notes} with notes").format(count=fitted, notes=notes) if fitted else ""
        self.say_step(text)
        enable(
            self.ui.fitButton,
            self.logic.missingInput(self.node, "fit"),
            _("Fit the curve of every region; what comes before is done if needed"),
        )
        self._show_region()
        self._show_views()

    def _show_views(self):
        """Buttons for the views, and what they have done."""
        sequences.keep_up(self.node)
        chart = self.node.timeActivityChart
        reason = "" if chart is not None else _("Measure the regions or fit the curves first")
        enable(self.ui.curvesButton, reason, _("Slices above; the curves of all regions below"))
        scans = len(self.node.activityVolumes or [])
        enable(
            self.ui.playScansButton,
            "" if scans > 1 else _("Add at least two scans first"),
            _("Play the scans in the slice views, hour by hour; click again to take them away"),
        )
        shown = sequences.browser_of(self.node) is not None
        logarithmic = chart is not None and bool(chart.GetYAxisLogScale())
        for box, checked in ((self.ui.playScansButton, shown), (self.ui.logScaleCheckBox, logarithmic)):
            blocked = box.blockSignals(True)
            box.checked = checked
            box.blockSignals(blocked)
        self.ui.logScaleCheckBox.enabled = chart is not None

    @staticmethod
    def _row(item):
        if item.fit is None:
            return [item.name, "-", "-", "-", "-", ""]
        fit = item.fit
        dose = "-" if item.dose is None else measured_text(item.dose.dose_gy, item.dose.dose_uncertainty_gy)
        return [
            item.name,
            fit.model,
            number_text(fit.effective_half_life_h),
            measured_text(fit.tia_mbq_h, _tia_uncertainty_mbq_h(item)),
            dose,
            str(len(fit.warnings) or ""),
        ]

    def choose(self, region):
        """Click the row of a region."""
        names = list(self._curves)
        if region in names:
            self.ui.kineticsTableWidget.selectRow(names.index(region))

    def _chosen(self):
        row = selected_row(self.ui.kineticsTableWidget)
        names = list(self._curves)
        return self._curves[names[row]] if 0 <= row < len(names) else None

    def _show_region(self):
        item = self._chosen()
        box = self.ui.regionModelComboBox
        usable = item is not None and item.fit is not None and self.node.segmentation is not None
        box.enabled = usable
        if not usable:
            box.toolTip = _("Fit the curves and click a region first")
            self.ui.regionTextEdit.setPlainText("")
            return
        box.toolTip = _("Another model for {region}; its dose is shown before you compute").format(region=item.name)
        settings = choices_of_scene(self.node).typed(item.name)
        select_text(box, (settings.model if settings is not None else None) or _AS_STUDY)
        self.ui.regionTextEdit.setPlainText("\n".join(self._lines(item)))

    def _lines(self, item):
        fit = item.fit
        lines = [
            _("{region}: {label}, {chosen}").format(region=item.name, label=fit.label, chosen=fit.chosen_by),
            _("TIA {tia}, {tail} % of it after the last scan").format(
                tia=measured_text(fit.tia_mbq_h, _tia_uncertainty_mbq_h(item), "MBq h"), tail=number_text(100.0 * fit.tail_share)
            ),
        ]
        if item.dose is not None:
            text = measured_text(item.dose.dose_gy, item.dose.dose_uncertainty_gy, "Gy")
            words = (
                _("Dose {dose}, foreseen for this fit: compute the dose to take it")
                if item.dose_is_foreseen
                else _("Dose {dose}")
            )
            lines.append(words.format(dose=text))
        lines += [_("Note: {text}").format(text=text) for text in (*fit.warnings, *item.curve.warnings)]
        if len(fit.ranking) > 1:
            lines.append(_("Models tried, with the uncertainty of the fit alone:"))
            lines += [f"  {self._ranked(ranked)}" for ranked in fit.ranking]
        return lines

    @staticmethod
    def _ranked(ranked):
        tia = "" if ranked.tia_mbq_h is None else measured_text(ranked.tia_mbq_h, ranked.tia_uncertainty_mbq_h, "MBq h")
        aicc = "" if ranked.aicc is None else f"AICc {ranked.aicc:.1f}"
        return ", ".join(text for text in (ranked.model, aicc, tia, ranked.reason) if text)

    def onModel(self, name):
        if name:
            self.node.model = name

    def onEarlierResults(self, path):
        if path != self.node.earlierResultsPath and (not path or os.path.isfile(path)):
            self.quick(_("These earlier results cannot be used."), self.logic.chooseEarlierResults, self.node, path)
            remember_path(self.ui.earlierResultsPathLineEdit)

    def onFit(self, checked=False):
        self.run_step(_("The curves could not be fitted."))

    def onRegion(self):
        item = self._chosen()
        if item is None:
            return
        self._show_region()
        self.quick(_("The curve cannot be shown."), self._show_chart, item)

    def _show_chart(self, item):
        display.show_region_curve(self.node, item.name, item.curve, item.fit, item.dose_is_foreseen)
        charts.set_log_scale(self.node.regionChart, self.ui.logScaleCheckBox.checked)
        views.show_chart("RNTDosimetryCurves", self.node.regionChart)

    def onCurves(self, checked=False):
        self.quick(_("The curves cannot be shown."), views.show_result_layout, self.node)

    def onPlayScans(self, checked=False):
        self.quick(_("The scans cannot be played."), views.play_scans if checked else views.stop_scans, self.node)

    def onLogScale(self, checked=False):
        for chart in (self.node.timeActivityChart, self.node.regionChart):
            if chart is not None:
                charts.set_log_scale(chart, checked)

    def onRegionModel(self, name):
        item = self._chosen()
        if item is None or not name or item.fit is None:
            return
        self.quick(_("This model cannot be used."), self._take_model, item.name, "" if name == _AS_STUDY else name)
        self._show_chart(self._chosen() or item)

    def _take_model(self, region, model):
        """Take a model that the samples can carry, and fit at once, so that its dose is seen."""
        if model:
            self.logic.tryModel(self.node, region, model)
        before = choices_of_scene(self.node).typed(region).model or ""
        self.logic.typeRegionValue(self.node, region, "model", model)
        try:
            self.logic.runStep("fit", self.node)
            # The foreseen doses are found here, under the wait cursor; the panel then only shows them.
            self.logic.regionCurves(self.node)
        except DosimetryError:
            self.logic.typeRegionValue(self.node, region, "model", before)
            raise
