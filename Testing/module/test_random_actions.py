"""A user who clicks at random: whatever is done in whatever order, nothing raises, nothing leaks, and the panel stays true."""

import random
import re
from pathlib import Path

import pytest
from host.errors import collected_errors

from RNTDosimetryLib.camera import fit_recovery, typed_calibration, write_calibration, write_recovery

ROOT = Path(__file__).resolve().parents[2]
ACTIONS = 30
"""In each of the two scenes of a seed."""

SLOW = {"applyButton", "doseButton", "loadButton", "phantomButton", "selfCheckButton", "writeButton", "writeStudyButton"}
SLOW_SHARE = 0.25
TYPED = ("", "0.85", "1,5", "-1", "nan", "many", "lesion", "24.5", "1e9", "left lobe")
LINES = {
    "administrationTimeLineEdit": ("", "2025-03-10T08:30:00", "soon", "2030-01-01"),
    "overridesLineEdit": ("", '{"residual_activity_mbq": 40}', "[1]", "{"),
    "isodosePercentsLineEdit": ("20, 40", "many", "", "-5, 200"),
    "radiopharmaceuticalLineEdit": ("", "177Lu-DOTATATE"),
}


def click(widget, chance, world) -> None:
    if widget.objectName not in SLOW or chance.random() < SLOW_SHARE:
        widget.click()


def turn(widget, chance, world) -> None:
    widget.value = chance.uniform(widget.minimum, min(widget.maximum, 500.0))


def choose(widget, chance, world) -> None:
    if widget.enabled and widget.count:
        widget.currentIndex = chance.randrange(widget.count)


def tick(widget, chance, world) -> None:
    widget.checked = not widget.checked


def write(widget, chance, world) -> None:
    widget.text = chance.choice(LINES[widget.objectName])
    widget.editingFinished.emit()


def name_path(widget, chance, world) -> None:
    widget.currentPath = str(chance.choice(world["paths"]))


def choose_node(widget, chance, world) -> None:
    nodes = widget.nodes()
    if nodes:
        widget.setCurrentNode(chance.choice([*nodes, None]))


def edit_table(widget, chance, world) -> None:
    if not widget.rowCount:
        return
    row, column = chance.randrange(widget.rowCount), chance.randrange(widget.columnCount)
    widget.selectRow(row)
    box = widget.cellWidget(row, column)
    if box is not None:
        box.currentIndex = chance.randrange(box.count)
    elif chance.random() < 0.5:
        widget.item(row, column).setText(chance.choice(TYPED))


def fold(widget, chance, world) -> None:
    widget.collapsed = not widget.collapsed


ACTS = {
    "QPushButton": click,
    "QDoubleSpinBox": turn,
    "ctkSliderWidget": turn,
    "QComboBox": choose,
    "QCheckBox": tick,
    "QLineEdit": write,
    "ctkPathLineEdit": name_path,
    "qMRMLNodeComboBox": choose_node,
    "QTableWidget": edit_table,
    "ctkCollapsibleButton": fold,
}
"""What a user can do with a widget, by its class in the .ui file."""

ONLY_SHOWN = {"QLabel", "QProgressBar", "QTextEdit", "QWidget", "qMRMLWidget", "qMRMLTableView"}


def widget_classes() -> dict[str, str]:
    """Class of every widget of the panel by its name."""
    text = (ROOT / "RNTDosimetry" / "Resources" / "UI" / "RNTDosimetry.ui").read_text(encoding="utf-8")
    return {name: kind for kind, name in re.findall(r'<widget class="(\w+)" name="(\w+)"', text)}


def connected_widgets() -> set[str]:
    """Names of the widgets that the panel listens to."""
    folder = ROOT / "RNTDosimetry" / "RNTDosimetryPanel"
    return {
        name for path in folder.glob("*.py") for name in re.findall(r"ui\.(\w+)\.connect\(", path.read_text(encoding="utf-8"))
    }


def test_every_widget_is_acted_on():
    found = widget_classes()
    assert set(found.values()) - ONLY_SHOWN == set(ACTS), "a class of widgets without an action, or an action without widgets"
    acted = {name for name, kind in found.items() if kind in ACTS}
    assert len(acted) > 90
    assert connected_widgets() <= acted
    assert {name for name, kind in found.items() if kind == "QLineEdit"} == set(LINES)


@pytest.fixture(scope="module")
def paths(tmp_path_factory, patient):
    folder = tmp_path_factory.mktemp("random")
    volumes = (0.5, 1.2, 2.6, 5.6, 11.5)
    return [
        patient.dicom_folder,
        folder / "out",
        "",
        "nowhere",
        write_calibration(typed_calibration("Lu-177", 9.4, 0.02), folder / "calibration.json"),
        write_recovery(fit_recovery(volumes, [0.3, 0.45, 0.6, 0.75, 0.85], [0.02] * 5), folder / "recovery.json"),
    ]


def node_names(scene) -> list[tuple[str, str]]:
    """Class and name of every node but the singletons, which Slicer keeps when a scene is closed."""
    nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
    return sorted((node.GetClassName(), node.GetName() or "") for node in nodes if not node.GetSingletonTag())


REMOVED = (
    "vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLTableNode", "vtkMRMLPlotChartNode", "vtkMRMLLinearTransformNode",
    "vtkMRMLTextNode", "vtkMRMLMarkupsFiducialNode",
)  # fmt: skip
"""What a user deletes in the module Data."""


def act(container, widget, names: list[str], chance: random.Random, world) -> str:
    """One random action of a user. Returns what it was."""
    import slicer

    event = chance.random()
    if event < 0.03:
        container.exit()
        slicer.app.processEvents()
        container.enter()
        return "left and entered"
    if event < 0.05:
        nodes = [node for kind in REMOVED for node in slicer.util.getNodesByClass(kind)]
        if nodes:
            slicer.mrmlScene.RemoveNode(chance.choice(nodes))
        return "removed a node"
    if event < 0.06:
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode").AddControlPoint(10, 20, 30)
        return "placed a point"
    name = chance.choice(names)
    ACTS[world["classes"][name]](getattr(widget.ui, name), chance, world)
    return name


@pytest.mark.parametrize("seed", [20261120, 7, 42])
def test_random_actions_raise_nothing(panel, scene, study_path, paths, seed, tmp_path, monkeypatch):
    """Two scenes in a row. After each, what is left is what an unused panel leaves."""
    import slicer

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: None)
    container, widget = panel
    scene.Clear()
    container.exit()
    container.enter()
    unused, observed = node_names(scene), len(list(widget.Observations))
    chance, done = random.Random(seed), []
    classes = widget_classes()
    world = {"paths": paths, "classes": classes}
    names = sorted(name for name, kind in classes.items() if kind in ACTS)
    # Cells and buttons are what most users do most.
    names += 2 * [name for name in names if classes[name] in ("QPushButton", "QTableWidget")]
    with collected_errors() as errors:
        for _scene in range(2):
            widget.logic.loadStudyFile(study_path, widget._parameterNode)
            for _action in range(ACTIONS):
                done.append(act(container, widget, names, chance, world))
                assert errors == [], done
                assert widget.panel.work is None
            scene.Clear()
            slicer.app.processEvents()
            assert errors == []
            assert node_names(scene) == unused, done
            assert len(list(widget.Observations)) == observed, done
    assert widget.ui.studyCollapsibleButton.enabled
    assert len(set(done)) > 30
