"""Section 7: a radioembolization plan, from segments or entered, whose doses follow what is changed."""

import qt
from RNTDosimetryScene.plan import from_segments, injections, live
from RNTDosimetryScene.plan.history import History
from slicer.i18n import tr as _

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import stopping
from RNTDosimetryPanel.section import Section
from RNTDosimetryPanel.tools import (
    BAD_COLOR,
    DONE_COLOR,
    MISSING_COLOR,
    STALE_COLOR,
    enable,
    fill_table,
    number_text,
    on_path,
    prepare_table,
    select_text,
    selected_row,
)

_ROLE = 1
_INJECTION_KEYS = {
    0: "name",
    1: "activity_gbq",
    2: "tumor_mass_g",
    3: "tumor_to_normal",
    4: "normal_liver_mass_g",
    5: "lung_shunt_percent",
}
_ACTIVITY = 1
_BOXES = {
    "planTumorMassG": "planTumorMassSpinBox",
    "planTumorToNormal": "planTumorToNormalSpinBox",
    "planNormalLiverMassG": "planNormalLiverMassSpinBox",
    "planWholeNormalLiverMassG": "planWholeNormalLiverMassSpinBox",
    "planLungShuntPercent": "planLungShuntSpinBox",
    "planLungMassG": "planLungMassSpinBox",
}
"""Fields that the segments fill, and whose entered value overrules the measured one."""


def _short(value: float) -> str:
    """What was entered, as it was entered: 5, not 5.00."""
    return f"{value:.4g}"


class PlanningSection(Section):
    name = "planning"

    def __init__(self, panel):
        super().__init__(panel)
        self._written, self._written_plan = "", None
        self._history, self._helps = History(), {}
        self._role_names = {
            from_segments.TERRITORY: _("territory"),
            from_segments.TUMOR: _("tumor"),
            from_segments.LIVER: _("whole liver"),
            from_segments.LUNGS: _("lungs"),
            from_segments.EXTRAHEPATIC: _("extrahepatic"),
            from_segments.IGNORE: _("ignore"),
        }

    def setup(self):
        super().setup()
        for name in live.product_names():
            self.ui.planProductComboBox.addItem(name)
        prepare_table(
            self.ui.planTableWidget,
            [_("Compartment"), _("Dose (Gy)"), _("Limit or goal (Gy)"), _("Verdict")],
            [
                _("Where the activity goes"),
                _("Mean absorbed dose of the activity"),
                _("Of the product under what is known, or entered"),
                _("Whether limit and goal are kept"),
            ],
        )
        prepare_table(
            self.ui.planRolesTableWidget,
            [_("Segment"), _("Role")],
            [_("Name of the segment"), _("What it is in the plan; suggested by name and kind, can be chosen")],
        )
        prepare_table(
            self.ui.planInjectionsTableWidget,
            [_("Injection"), _("Activity (GBq)"), _("Tumor (g)"), _("T/N"), _("Normal liver (g)"), _("Shunt (%)")],
            [
                _("Name of the position or territory"),
                _("Activity of this injection; can be entered, 0 for a position that is not used"),
                _("Perfused tumor of this injection"),
                _("Tumor to normal ratio of this injection"),
                _("Perfused normal liver of this injection"),
                _("Share of its activity that goes to the lungs"),
            ],
        )
        self.connect(self.ui.planInjectionsTableWidget, "cellChanged(int,int)", self.onInjectionCell)
        self.connect(self.ui.planInjectionsTableWidget, "itemSelectionChanged()", self.onInjectionSelection)
        self.connect(self.ui.planAddInjectionButton, "clicked(bool)", self.onAddInjection)
        self.connect(self.ui.planRemoveInjectionButton, "clicked(bool)", self.onRemoveInjection)
        self.connect(self.ui.planProductComboBox, "currentTextChanged(QString)", self.onProduct)
        self._helps = {name: getattr(self.ui, box).toolTip for name, box in _BOXES.items()}
        self.connect(self.ui.planActivityButton, "clicked(bool)", self.onLargest)
        self.connect(self.ui.planUndoButton, "clicked(bool)", self.onUndo)
        self.connect(self.ui.planScoutSelector, "currentNodeChanged(vtkMRMLNode*)", self.onScout)
        self.connect(self.ui.planSegmentsButton, "clicked(bool)", self.onSegments)
        on_path(self.ui.planFolderPathLineEdit, self.panel.guarded(self.onFolder))
        self.connect(self.ui.planWriteButton, "clicked(bool)", self.onWrite)

    def refresh(self):
        select_text(self.ui.planProductComboBox, self.node.planProduct)
        self._fill_roles()
        self._fill_injections()
        enable(
            self.ui.planSegmentsButton,
            from_segments.missing_input(self.node),
            _(
                "Measure masses, tumor to normal ratios, lung shunt and lung mass on the scout and the segments, and fill the plan"
            ),
        )
        self._history.note(self.node)
        enable(
            self.ui.planUndoButton,
            "" if self._history.can_undo else _("Nothing to take back"),
            _("Take back the last change of this section"),
        )
        self._enable_largest()
        try:
            plan = live.live_plan(self.node)
        except DosimetryError as error:
            fill_table(self.ui.planTableWidget, [])
            self._mark({})
            self.say(str(error), MISSING_COLOR)
            enable(self.ui.planWriteButton, str(error), "")
            return
        colors = {(index, column): BAD_COLOR for index, row in enumerate(plan.rows) if row["broken"] for column in range(4)}
        colors |= {(index, column): STALE_COLOR for index, row in enumerate(plan.rows) if row["missed"] for column in range(4)
                   if not row["broken"]}  # fmt: skip
        cells = [[row["name"], number_text(row["dose_gy"]), row["limits"] or "-", row["verdict"]] for row in plan.rows]
        fill_table(self.ui.planTableWidget, cells, colors=colors)
        self._mark(plan.overruled)
        if plan != self._written_plan:
            self._written = ""
        self._say_plan(plan)
        stale = _("The segments have changed: plan from segments again") if plan.source == live.STALE else ""
        no_folder = "" if self.ui.planFolderPathLineEdit.currentPath else _("Choose a folder for the plan first")
        enable(
            self.ui.planWriteButton,
            stale or no_folder,
            _("Write plan_report.html, plan.json and plan.csv of the plan in the table"),
        )

    def _enable_largest(self):
        """It needs no activity, so it may be had before there is a plan."""
        reason = ""
        try:
            live.largest_gbq(self.node)
        except DosimetryError as error:
            reason = str(error)
        enable(self.ui.planActivityButton, reason, _("Set the activity to the largest that keeps all limits"))

    def _mark(self, overruled):
        """Fields whose measured value was overruled, in another color and with what was measured."""
        for name, box in _BOXES.items():
            field = getattr(self.ui, box)
            field.styleSheet = f"color: {STALE_COLOR}" if name in overruled else ""
            field.toolTip = (
                _("Overruled: {value} was measured").format(value=_short(overruled[name]))
                if name in overruled
                else self._helps[name]
            )

    def _say_plan(self, plan):
        shown = {
            live.ENTERED: _("The table shows the entered plan of several injections.")
            if plan.several
            else _("The table shows the entered plan of one tumor."),
            live.MEASURED: _("The table shows the plan from segments."),
            live.STALE: _("The table shows a plan from segments that have changed since: plan again."),
        }[plan.source]
        if plan.several and plan.source != live.ENTERED:
            shown += " " + _("It holds every tumor and territory; the fields hold them as one.")
        if plan.overruled:
            names = ", ".join(from_segments.FILLED[name][0] for name in plan.overruled)
            shown += " " + _("Entered over what was measured: {names}.").format(names=names)
        broken = [row["name"] for row in plan.rows if row["broken"]]
        missed = [row["name"] for row in plan.rows if row["missed"]]
        judged = any(row["limits"] for row in plan.rows)
        status = _("Above the limit: {names}.").format(names=", ".join(broken)) if broken else ""
        if not broken:
            status = _("Within the limits.") if judged else _("No limits: choose a product, or enter limits.")
        if missed:
            status += " " + _("Below the goal: {names}.").format(names=", ".join(missed))
        color = BAD_COLOR if broken else STALE_COLOR if missed or not judged or plan.source == live.STALE else DONE_COLOR
        self.say(status, color, "\n".join(text for text in (shown, plan.words, *plan.warnings, self._written) if text))

    def _fill_injections(self):
        found, typed = self._injections()
        rows = [
            [
                item.name,
                f"{item.activity_gbq:.3f}",
                _short(sum(tumor.mass_g for tumor in item.tumours)),
                ", ".join(_short(tumor.tnr) for tumor in item.tumours) or "-",
                _short(item.normal_liver_mass_g),
                _short(100.0 * item.lung_shunt_fraction),
            ]
            for item in found
        ]
        fill_table(self.ui.planInjectionsTableWidget, rows, _INJECTION_KEYS if typed else (_ACTIVITY,))
        self.onInjectionSelection()

    def _injections(self):
        try:
            return live.injections_of(self.node)
        except DosimetryError:
            # The status says it.
            return (), False

    def onInjectionSelection(self, *unused):
        if self.node is None:
            return
        found, typed = self._injections()
        add_help = _(
            "Add an injection with the tumor, ratio, normal liver and shunt entered above; the plan is then that of the table"
        )
        enable(self.ui.planAddInjectionButton, "", add_help)
        reason = (
            ""
            if typed or not found
            else _("These are the territories of the segments: give a segment another role to take one out")
        )
        reason = reason or ("" if selected_row(self.ui.planInjectionsTableWidget) >= 0 else _("Click a row first"))
        enable(self.ui.planRemoveInjectionButton, reason, _("Take the injection of the clicked row out of the plan"))

    def onInjectionCell(self, row, column):
        if self.node is not None:
            text = self.ui.planInjectionsTableWidget.item(row, column).text()
            self.quick(_("This value cannot be used."), live.type_injection, self.node, row, _INJECTION_KEYS[column], text)

    def onAddInjection(self, checked=False):
        self.quick(_("The injection could not be added."), injections.add_injection, self.node)

    def onRemoveInjection(self, checked=False):
        row = selected_row(self.ui.planInjectionsTableWidget)
        self.quick(_("The injection could not be removed."), injections.remove_injection, self.node, row)

    def _fill_roles(self):
        table, found = self.ui.planRolesTableWidget, from_segments.roles(self.node.planSegmentation)
        helps = {(row, _ROLE): _("Choose what the segment is in the plan") for row in range(len(found))}
        fill_table(table, [[name, ""] for name in found], helps=helps)
        for row, role in enumerate(found.values()):
            box = table.cellWidget(row, _ROLE)
            if box is None:
                box = qt.QComboBox()
                for text in self._role_names.values():
                    box.addItem(text)
                box.toolTip = helps[row, _ROLE]
                self.connect(box, "currentIndexChanged(int)", lambda index, row=row: self.onRole(row, index))
                table.setCellWidget(row, _ROLE, box)
            select_text(box, self._role_names[role])

    def onRole(self, row, index):
        if self.node is not None and self.node.planSegmentation is not None and index >= 0:
            name = self.ui.planRolesTableWidget.item(row, 0).text()
            self.quick(
                _("This role cannot be used."),
                from_segments.set_role,
                self.node.planSegmentation,
                name,
                list(self._role_names)[index],
            )

    def onScout(self, node):
        if self.node is not None and node is not None and self.node.planScoutVolume is not node:
            from_segments.choose_scout(self.node, node)

    def onSegments(self, checked=False):
        self.long(
            _("The segments make no plan."),
            lambda work: from_segments.plan_from_segments(work.node, stopping(work.progress, work.is_cancelled)),
        )

    def onProduct(self, name):
        if self.node is not None and name:
            self.node.planProduct = name

    def onLargest(self, checked=False):
        self.quick(_("There is no such activity."), live.take_largest, self.node)

    def onUndo(self, checked=False):
        self.quick(_("The last change could not be taken back."), self._history.undo)

    def onFolder(self, path):
        self.panel.refresh()

    def onWrite(self, checked=False):
        self.quick(_("The plan report could not be written."), self._write)

    def _write(self):
        folder = self.ui.planFolderPathLineEdit.currentPath
        paths, self._written_plan = live.write_plan(self.node, folder), live.live_plan(self.node)
        self._written = _("Written: {names} in {folder}.").format(names=", ".join(path.name for path in paths), folder=folder)
