"""Section 3: the scans are brought onto the reference, a number says how well, and eyes check it."""

import slicer
from RNTDosimetryScene.road import alignment
from RNTDosimetryScene.show import fusion
from RNTDosimetryScene.study.parameters import RegistrationMethod
from slicer.i18n import tr as _

from RNTDosimetryPanel.section import Section
from RNTDosimetryPanel.tools import enable, fill_table, number_text, prepare_table, selected_row


class RegistrationSection(Section):
    name = "registration"
    step = "register"

    def __init__(self, panel):
        super().__init__(panel)
        self.check = fusion.VisualCheck()

    def setup(self):
        super().setup()
        prepare_table(
            self.ui.registrationTableWidget,
            [
                _("Scan"),
                _("Shift (mm)"),
                _("Turn (\u00b0)"),
                _("Correl."),
                _("Bones"),
                _("MI"),
                _("FOV (%)"),
                _("Method"),
            ],
            [
                _("Time of the scan"),
                _("How far the middle of the body was moved"),
                _("By how much it was turned"),
                _("Correlation of the CTs after registration; 1 is best"),
                _("Overlap (Dice) of the bones after registration; 1 is best"),
                _("Mutual information after registration, in nats; more is better, between the scans of one patient"),
                _("How much of the body of the reference lies in the field of view of the scan as well"),
                _("How the alignment was found"),
            ],
        )
        self.connect(self.ui.registerButton, "clicked(bool)", self.onRegister)
        self.connect(self.ui.registrationTableWidget, "itemSelectionChanged()", self.onSelection)
        self.connect(self.ui.blendButton, "clicked(bool)", self.onBlend)
        self.connect(self.ui.checkerboardButton, "clicked(bool)", self.onCheckerboard)
        self.connect(self.ui.fadeSliderWidget, "valueChanged(double)", self.onFade)
        self.connect(self.ui.userTransformButton, "clicked(bool)", self.onCorrect)

    def refresh(self):
        alignments = self.logic.alignments(self.node)
        rows, helps = [], {}
        for index, item in enumerate(alignments):
            quality = item.quality
            rows.append(
                [
                    item.scan,
                    f"{item.shift_mm:.1f}",
                    f"{item.rotation_degrees:.1f}",
                    "-" if quality is None else f"{quality.correlation:.3f}",
                    "-" if quality is None or quality.bone_dice is None else number_text(quality.bone_dice),
                    *(
                        ("-", "-")
                        if quality is None
                        else (number_text(quality.mutual_information), f"{100 * quality.overlap:.0f}")
                    ),
                    item.method,
                ]
            )
            if item.warnings:
                helps[(index, 0)] = "\n".join(item.warnings)
        fill_table(self.ui.registrationTableWidget, rows, helps=helps)
        worst = min((item.quality.correlation for item in alignments if item.quality is not None), default=None)
        result = "" if worst is None else _("Lowest correlation {value} after registration").format(value=f"{worst:.3f}")
        warnings = [text for item in alignments for text in item.warnings]
        self.say_step("\n".join([result, *warnings]).strip())
        enable(self.ui.registerButton, self.logic.missingInput(self.node, "register"), self._help())
        self._refresh_check()

    def leave(self):
        self.check.end()
        self._refresh_buttons()

    def _help(self):
        if self.node.registrationMethod is RegistrationMethod.ACTIVITY:
            return _(
                "Bring every activity image onto that of the reference, for scans without a CT; each CT follows its activity image"
            )
        if alignment.uses_brainsfit(self.node.registrationMethod):
            return _("Bring every CT onto that of the reference with BRAINSFit")
        return _("Bring every CT onto that of the reference; each activity image follows its CT")

    def onSelection(self, *unused):
        """Another row while two scans are compared: compare that one."""
        row = selected_row(self.ui.registrationTableWidget)
        if self.check.mode and row >= 0 and row != self.node.referenceIndex:
            self._compare(self.check.mode)
        else:
            self._refresh_check()

    def _refresh_check(self):
        """What the views show no longer, or what has moved since, is not shown as compared."""
        if self.check.mode and not self.check.is_true(self.node):
            self.check.end()
        self._refresh_buttons()

    def _refresh_buttons(self):
        for button, mode in ((self.ui.blendButton, fusion.BLEND), (self.ui.checkerboardButton, fusion.CHECKERBOARD)):
            button.checked = self.check.mode == mode
        if self.node is None:
            return
        row, scans = selected_row(self.ui.registrationTableWidget), len(self.node.activityVolumes or [])
        reason = _("Click the row of a scan first") if not 0 <= row < scans else ""
        if not reason and row == self.node.referenceIndex:
            reason = _("This is the reference: click another scan")
        enable(
            self.ui.blendButton,
            "" if self.check.mode == fusion.BLEND else reason,
            _("Show this scan over the reference in linked slices; fade between them below"),
        )
        enable(
            self.ui.checkerboardButton,
            "" if self.check.mode == fusion.CHECKERBOARD else reason,
            _("Show cubes of this scan and of the reference in turn: edges of organs go on where the alignment is right"),
        )
        enable(
            self.ui.fadeSliderWidget,
            "" if self.check.mode == fusion.BLEND else _("Click Blend first"),
            _("From the reference alone to this scan alone"),
        )
        enable(
            self.ui.userTransformButton,
            reason,
            _("Use the transforms of the scene from now on, and correct this one in Transforms"),
        )

    def onRegister(self, checked=False):
        self.run_step(_("The scans could not be registered."))

    def onBlend(self, checked=False):
        self._toggle(fusion.BLEND)

    def onCheckerboard(self, checked=False):
        self._toggle(fusion.CHECKERBOARD)

    def onFade(self, percent):
        self.check.fade(percent / 100.0)

    def _toggle(self, mode):
        """A second click on the button of what is shown takes it away again."""
        if self.check.mode == mode:
            self.check.end()
            self._refresh_buttons()
        else:
            self._compare(mode)

    def _compare(self, mode):
        row, share = selected_row(self.ui.registrationTableWidget), self.ui.fadeSliderWidget.value / 100.0
        self.quick(_("The scans cannot be shown."), self.check.show, self.node, row, mode, share)
        self._refresh_buttons()

    def onCorrect(self, checked=False):
        row = selected_row(self.ui.registrationTableWidget)
        self.quick(_("The transform cannot be corrected."), self._correct, row)

    def _correct(self, row):
        transform = self.node.activityVolumes[row].GetParentTransformNode()
        self.node.registrationMethod = RegistrationMethod.SCENE
        self.check.show(self.node, row, fusion.BLEND)
        if transform is not None and slicer.util.mainWindow() is not None:
            slicer.util.selectModule("Transforms")
