"""A user who clicks at random: whatever is clicked in whatever order, nothing raises and the panel stays true."""

import random

import pytest
from host.errors import collected_errors

ACTIONS = 100
CHOICES = ("nuclideComboBox", "modelComboBox", "registrationMethodComboBox", "doseMethodComboBox", "regionModelComboBox", "planProductComboBox")
NUMBERS = (
    "administeredActivitySpinBox", "addStartHoursSpinBox", "addCalibrationSpinBox", "isocontourSpinBox", "sphereSpinBox", "densitySpinBox",
    "calibrationUncertaintySpinBox", "spectResolutionSpinBox", "planActivitySpinBox", "planTumorMassSpinBox", "planTumorToNormalSpinBox",
    "planNormalLiverMassSpinBox", "planLungShuntSpinBox", "planLungMassSpinBox", "planLiverLimitSpinBox", "planLungLimitSpinBox",
)
TABLES = (
    "timePointsTableWidget", "registrationTableWidget", "regionsTableWidget", "kineticsTableWidget", "doseTableWidget", "planTableWidget",
    "selfCheckTableWidget",
)
SELECTORS = ("addActivitySelector", "addCtSelector", "segmentationSelector", "seedPointSelector", "studySelector")
BUTTONS = (
    "addTimePointButton", "removeTimePointButton", "referenceTimePointButton", "registerButton", "blendButton", "checkerboardButton",
    "userTransformButton", "measureButton", "editSegmentsButton", "isocontourButton", "sphereButton", "fitButton", "doseButton",
    "showDoseButton", "isodoseButton", "layoutButton", "planActivityButton", "cancelButton", "applyButton", "writeStudyButton",
)
TYPED = ("", "0.85", "1,5", "-1", "nan", "many", "lesion", "24.5", "1e9")


def act(container, widget, chance: random.Random) -> str:
    """One random action of a user. Returns what it was."""
    ui = widget.ui
    kind = chance.choice(("choice", "number", "cell", "row", "node", "button", "button", "button", "leave", "text"))
    if kind == "choice":
        box = getattr(ui, chance.choice(CHOICES))
        if box.enabled and box.count:
            box.currentIndex = chance.randrange(box.count)
    elif kind == "number":
        box = getattr(ui, chance.choice(NUMBERS))
        box.value = chance.uniform(box.minimum, min(box.maximum, 500.0))
    elif kind in ("cell", "row"):
        table = getattr(ui, chance.choice(TABLES))
        if table.rowCount:
            row, column = chance.randrange(table.rowCount), chance.randrange(table.columnCount)
            table.selectRow(row)
            if kind == "cell":
                table.item(row, column).setText(chance.choice(TYPED))
    elif kind == "node":
        selector = getattr(ui, chance.choice(SELECTORS))
        nodes = selector.nodes()
        if nodes:
            selector.setCurrentNode(chance.choice(nodes))
    elif kind == "button":
        getattr(ui, chance.choice(BUTTONS)).click()
    elif kind == "leave":
        container.exit()
        container.enter()
    else:
        ui.administrationTimeLineEdit.text = chance.choice(("", "2025-03-10T08:30:00", "soon", "2030-01-01"))
        ui.administrationTimeLineEdit.editingFinished.emit()
    return kind


@pytest.mark.parametrize("seed", [20261120])
def test_random_actions_raise_nothing(panel, study_path, seed):
    container, widget = panel
    widget.logic.loadStudyFile(study_path)
    chance, done = random.Random(seed), []
    with collected_errors() as errors:
        for _action in range(ACTIONS):
            done.append(act(container, widget, chance))
            assert errors == [], done
    assert len(set(done)) == 8
    assert widget.panel.work is None
    assert widget.ui.studyCollapsibleButton.enabled
