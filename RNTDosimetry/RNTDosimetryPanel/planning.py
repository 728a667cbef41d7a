"""Section 7: a radioembolization plan whose doses follow what is typed."""

from RNTDosimetryScene import plans
from slicer.i18n import tr as _

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryPanel.section import Section
from RNTDosimetryPanel.tools import (
    BAD_COLOR,
    DONE_COLOR,
    MISSING_COLOR,
    enable,
    fill_table,
    number_text,
    prepare_table,
    select_text,
)


class PlanningSection(Section):
    name = "planning"

    def setup(self):
        super().setup()
        for name in plans.product_names():
            self.ui.planProductComboBox.addItem(name)
        prepare_table(
            self.ui.planTableWidget, [_("Compartment"), _("Dose (Gy)"), _("Limit (Gy)"), _("Verdict")],
            [_("Where the activity goes"), _("Mean absorbed dose of the typed activity"), _("As typed"), _("Whether the limit is kept")],
        )
        self.ui.planProductComboBox.connect("currentTextChanged(QString)", self.onProduct)
        self.ui.planActivityButton.connect("clicked(bool)", self.onLargest)

    def refresh(self):
        select_text(self.ui.planProductComboBox, self.node.planProduct)
        try:
            rows, words, warnings, _largest = plans.plan_rows(self.node)
        except DosimetryError as error:
            fill_table(self.ui.planTableWidget, [])
            self.say(str(error), MISSING_COLOR)
            enable(self.ui.planActivityButton, str(error), "")
            return
        colors = {(index, column): BAD_COLOR for index, row in enumerate(rows) if row["broken"] for column in range(4)}
        cells = [[row["name"], number_text(row["dose_gy"]), number_text(row["limit_gy"]), row["verdict"]] for row in rows]
        fill_table(self.ui.planTableWidget, cells, colors=colors)
        broken = [row["name"] for row in rows if row["broken"]]
        if broken:
            self.say(_("Above the limit: {names}.").format(names=", ".join(broken)), BAD_COLOR, "\n".join([words, *warnings]))
        else:
            self.say(_("Within the limits."), DONE_COLOR, "\n".join([words, *warnings]))
        enable(self.ui.planActivityButton, "", _("Set the activity to the largest that keeps all limits"))

    def onProduct(self, name):
        if self.node is not None and name:
            self.node.planProduct = name

    def onLargest(self, checked=False):
        self.quick(_("There is no such activity."), self._take_largest)

    def _take_largest(self):
        self.node.planActivityGBq = plans.plan_rows(self.node)[3]
