"""Section 3: the scans are brought onto the reference, a number says how well, and eyes check it."""

import slicer
from RNTDosimetryScene import alignment, views
from RNTDosimetryScene.parameters import RegistrationMethod
from slicer.i18n import tr as _

from RNTDosimetryPanel.section import Section
from RNTDosimetryPanel.tools import enable, fill_table, number_text, prepare_table, selected_row


class RegistrationSection(Section):
    name = "registration"
    step = "register"

    def setup(self):
        super().setup()
        prepare_table(
            self.ui.registrationTableWidget, [_("Scan"), _("Shift (mm)"), _("Rotation (\u00b0)"), _("Correlation"), _("Bone Dice"), _("Method")],
            [
                _("Time of the scan"), _("How far the middle of the body was moved"), _("By how much it was turned"),
                _("Agreement of the CTs after registration; 1 is best"), _("Overlap of the bones after registration; 1 is best"),
                _("How the alignment was found"),
            ],
        )
        self.ui.registerButton.connect("clicked(bool)", self.onRegister)
        self.ui.registrationTableWidget.connect("itemSelectionChanged()", self.onSelection)
        self.ui.blendButton.connect("clicked(bool)", self.onBlend)
        self.ui.checkerboardButton.connect("clicked(bool)", self.onAddBoth)
        self.ui.userTransformButton.connect("clicked(bool)", self.onCorrect)

    def refresh(self):
        alignments = self.logic.alignments(self.node)
        rows, helps = [], {}
        for index, item in enumerate(alignments):
            quality = item.quality
            rows.append([
                item.scan, f"{item.shift_mm:.1f}", f"{item.rotation_degrees:.1f}",
                "-" if quality is None else f"{quality.correlation:.3f}",
                "-" if quality is None or quality.bone_dice is None else number_text(quality.bone_dice), item.method,
            ])
            if item.warnings:
                helps[(index, 0)] = "\n".join(item.warnings)
        fill_table(self.ui.registrationTableWidget, rows, helps=helps)
        worst = min((item.quality.correlation for item in alignments if item.quality is not None), default=None)
        result = "" if worst is None else _("Lowest correlation {value} after registration").format(value=f"{worst:.3f}")
        warnings = [text for item in alignments for text in item.warnings]
        self.say_step("\n".join([result, *warnings]).strip())
        enable(self.ui.registerButton, self.logic.missingInput(self.node, "register"), self._help())
        self.onSelection()

    def _help(self):
        if alignment.uses_brainsfit(self.node.registrationMethod):
            return _("Bring every CT onto that of the reference with BRAINSFit")
        return _("Bring every CT onto that of the reference; each activity image follows its CT")

    def onSelection(self, *unused):
        if self.node is None:
            return
        row, scans = selected_row(self.ui.registrationTableWidget), len(self.node.activityVolumes or [])
        reason = _("Click the row of a scan first") if not 0 <= row < scans else ""
        if not reason and row == self.node.referenceIndex:
            reason = _("This is the reference: click another scan")
        enable(self.ui.blendButton, reason, _("Show this CT half and half over that of the reference, in linked slices"))
        enable(self.ui.checkerboardButton, reason, _("Add this CT to that of the reference: misaligned edges are seen twice"))
        enable(self.ui.userTransformButton, reason, _("Use the transforms of the scene from now on, and correct this one in Transforms"))

    def onRegister(self, checked=False):
        self.run_step(_("The scans could not be registered."))

    def onBlend(self, checked=False):
        self.quick(_("The scans cannot be shown."), views.blend, self.node, selected_row(self.ui.registrationTableWidget))

    def onAddBoth(self, checked=False):
        self.quick(_("The scans cannot be shown."), views.blend, self.node, selected_row(self.ui.registrationTableWidget), True)

    def onCorrect(self, checked=False):
        row = selected_row(self.ui.registrationTableWidget)
        self.quick(_("The transform cannot be corrected."), self._correct, row)

    def _correct(self, row):
        transform = self.node.activityVolumes[row].GetParentTransformNode()
        self.node.registrationMethod = RegistrationMethod.SCENE
        views.blend(self.node, row)
        if transform is not None and slicer.util.mainWindow() is not None:
            slicer.util.selectModule("Transforms")
