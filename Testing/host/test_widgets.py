"""The widget stand-ins behave as PythonQt, CTK and qMRML widgets do towards a panel."""

import numpy as np
import pytest
import slicer

import host

host.start_application()

import ctk  # noqa: E402
import qt  # noqa: E402


@pytest.fixture(autouse=True)
def _application(application):
    """Every test here runs in the Qt application on an empty scene."""


class Calls(list):
    """A slot that remembers what it was called with."""

    def __call__(self, *arguments):
        self.append(arguments)


def test_properties_are_attributes():
    label = qt.QLabel("a")
    label.text = "b"
    label.toolTip = "help"
    label.enabled = False
    assert (label.text, label.toolTip, label.enabled) == ("b", "help", False)
    label.setText("c")
    assert label.text == "c"
    label.name = "theLabel"
    assert label.objectName == "theLabel"
    assert label.className() == "QLabel"


def test_widgets_made_inside_qt_have_the_same_manners():
    dialog = qt.QProgressDialog()
    dialog.maximum = 50
    dialog.labelText = "working"
    inner = [child for child in dialog.children() if isinstance(child, qt.QLabel)]
    assert inner[0].text == "working"
    assert isinstance(inner[0], qt.QWidget)


def test_signals_are_connected_by_text():
    button = qt.QPushButton("go")
    with_argument, without_argument = Calls(), Calls()
    button.connect("clicked(bool)", with_argument)
    button.connect("clicked()", without_argument)
    button.click()
    assert (with_argument, without_argument) == ([(False,)], [()])
    assert button.disconnect("clicked(bool)", with_argument)
    button.click()
    assert len(with_argument) == 1
    assert len(without_argument) == 2
    assert not button.disconnect("clicked(bool)", with_argument)


def test_slot_with_fewer_arguments_is_called():
    box = qt.QSpinBox()
    seen = []
    box.connect("valueChanged(int)", lambda: seen.append(box.value))
    box.value = 7
    assert seen == [7]


def test_children_are_found_by_class_and_name():
    widget = qt.QWidget()
    layout = qt.QVBoxLayout(widget)
    for name in ("first", "second"):
        edit = qt.QLineEdit()
        edit.objectName = name
        layout.addWidget(edit)
    assert [child.name for child in widget.findChildren(qt.QLineEdit)] == ["first", "second"]
    assert widget.findChild(qt.QLineEdit, "second").name == "second"
    assert widget.findChild(qt.QLabel) is None
    variables = slicer.util.childWidgetVariables(widget)
    assert variables.first.name == "first"


def test_collapsible_button_hides_its_content():
    button = ctk.ctkCollapsibleButton("Inputs")
    layout = qt.QFormLayout(button)
    edit = qt.QLineEdit()
    layout.addRow("Name:", edit)
    button.show()
    toggled = Calls()
    button.connect("contentsCollapsed(bool)", toggled)
    assert edit.visible
    button.collapsed = True
    assert (edit.visible, button.checked, toggled) == (False, False, [(True,)])
    button.click()
    assert edit.visible
    assert button.text == "Inputs"


@pytest.mark.parametrize("kind", ["ctkSliderWidget", "ctkDoubleSpinBox", "ctkDoubleSlider"])
def test_number_widgets(kind):
    widget = getattr(ctk, kind)()
    widget.minimum, widget.maximum = 0.0, 500.0
    widget.decimals = 3
    changed = Calls()
    widget.connect("valueChanged(double)", changed)
    widget.value = 159.531
    assert widget.value == pytest.approx(159.531)
    assert changed == [(159.531,)]
    widget.value = 1000.0
    assert widget.value == 500.0


def test_range_widget_announces_both_values_once():
    widget = ctk.ctkRangeWidget()
    widget.setRange(0, 50)
    changed = Calls()
    widget.connect("valuesChanged(double,double)", changed)
    widget.setValues(5, 20)
    assert (widget.minimumValue, widget.maximumValue, changed) == (5, 20, [(5.0, 20.0)])


def test_path_widgets(tmp_path):
    edit, changed = ctk.ctkPathLineEdit(), Calls()
    edit.connect("currentPathChanged(QString)", changed)
    edit.currentPath = str(tmp_path)
    assert (edit.currentPath, changed) == (str(tmp_path), [(str(tmp_path),)])
    button, changed = ctk.ctkDirectoryButton(), Calls()
    button.connect("directoryChanged(QString)", changed)
    button.directory = str(tmp_path)
    button.directory = str(tmp_path)
    assert (button.directory, changed) == (str(tmp_path), [(str(tmp_path),)])


@pytest.fixture
def selector():
    widget = slicer.qMRMLNodeComboBox()
    widget.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    widget.setMRMLScene(slicer.mrmlScene)
    return widget


def test_selector_chooses_the_first_node_and_follows_the_scene(selector, make_volume):
    changed = Calls()
    selector.connect("currentNodeChanged(vtkMRMLNode*)", changed)
    assert selector.currentNode() is None
    first = make_volume(np.zeros((2, 2, 2), np.float32), "first")
    assert selector.currentNode() is first
    second = make_volume(np.zeros((2, 2, 2), np.float32), "second")
    assert selector.currentNode() is first
    selector.setCurrentNode(second)
    assert selector.currentNodeID == second.GetID()
    slicer.mrmlScene.RemoveNode(second)
    assert selector.currentNode() is first
    slicer.mrmlScene.Clear()
    assert selector.currentNode() is None
    assert [arguments[0] for arguments in changed] == [first, second, first, None]


def test_selector_without_choice_stays_empty(selector, make_volume):
    selector.noneEnabled = True
    node = make_volume(np.zeros((2, 2, 2), np.float32))
    assert selector.currentNode() is None
    selector.setCurrentNode(node)
    selector.setCurrentNode(None)
    assert selector.currentNode() is None


def test_selector_lists_only_what_it_should(selector, make_volume, scene):
    volume = make_volume(np.zeros((2, 2, 2), np.float32), "volume")
    labels = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    hidden = make_volume(np.zeros((2, 2, 2), np.float32), "hidden")
    hidden.SetHideFromEditors(True)
    scene.AddNewNodeByClass("vtkMRMLTableNode")
    selector.setMRMLScene(None)
    selector.setMRMLScene(scene)
    assert selector.nodes() == [volume, labels]
    selector.showChildNodeTypes = False
    assert selector.nodes() == [volume]
    selector.addAttribute("vtkMRMLScalarVolumeNode", "Quantity", "dose")
    assert selector.nodes() == []
    volume.SetAttribute("Quantity", "dose")
    selector.refresh()
    assert selector.currentNode() is volume


def test_selector_creates_a_node(selector):
    added = Calls()
    selector.baseName = "Dose"
    selector.connect("nodeAddedByUser(vtkMRMLNode*)", added)
    node = selector.addNode()
    assert node.GetName() == "Dose"
    assert selector.currentNode() is node
    assert added == [(node,)]


def test_deleted_selector_lets_go_of_the_scene(selector, make_volume):
    selector.delete()
    make_volume(np.zeros((2, 2, 2), np.float32))


def test_checkable_selector(scene, make_volume):
    widget = slicer.qMRMLCheckableNodeComboBox()
    widget.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    widget.setMRMLScene(scene)
    nodes = [make_volume(np.zeros((2, 2, 2), np.float32), name) for name in ("4 h", "24 h")]
    changed = Calls()
    widget.connect("checkedNodesChanged()", changed)
    widget.setCheckState(nodes[1], qt.Qt.Checked)
    widget.setCheckState(nodes[1], qt.Qt.Checked)
    assert widget.checkedNodes() == [nodes[1]]
    assert widget.uncheckedNodes() == [nodes[0]]
    assert changed == [()]
    widget.setCheckState(nodes[1], qt.Qt.Unchecked)
    assert widget.checkedNodes() == []


def test_table_view_follows_its_node(scene):
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "Doses")
    view = slicer.qMRMLTableView()
    view.setMRMLTableNode(table)
    assert view.model().rowCount() == 0
    slicer.util.updateTableFromArray(table, (np.array([1.5, 2.5]),), ["dose_gy"])
    table.Modified()
    assert view.model().rowCount() == 2
    assert view.model().index(1, 0).data() == "2.5"
    view.setMRMLTableNode(None)
    assert view.mrmlTableNode() is None


def test_segment_widgets(make_volume, make_segmentation):
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[:2], labels[4:] = 1, 2
    segmentation = make_segmentation(labels, make_volume(labels.astype(np.float32)), ("Liver", "Kidney"))
    ids = [segmentation.GetSegmentation().GetNthSegmentID(index) for index in range(2)]
    selector = slicer.qMRMLSegmentSelectorWidget()
    selector.setMRMLScene(slicer.mrmlScene)
    assert selector.currentNode() is segmentation
    selector.setCurrentSegmentID(ids[1])
    assert selector.currentSegmentID() == ids[1]
    table = slicer.qMRMLSegmentsTableView()
    table.setSegmentationNode(segmentation)
    table.setSelectedSegmentIDs([ids[0]])
    assert table.segmentCount() == 2
    assert table.selectedSegmentIDs() == (ids[0],)
    editor = slicer.qMRMLSegmentEditorWidget()
    editor.setMRMLScene(slicer.mrmlScene)
    editor_node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
    editor.setMRMLSegmentEditorNode(editor_node)
    editor.setSegmentationNode(segmentation)
    assert editor_node.GetSegmentationNode() is segmentation


def test_table_widget_as_panels_use_it():
    table = qt.QTableWidget()
    table.setColumnCount(2)
    table.setHorizontalHeaderLabels(["Volume", "Time"])
    table.setRowCount(1)
    table.setItem(0, 0, qt.QTableWidgetItem("SPECT"))
    table.setCellWidget(0, 1, qt.QDoubleSpinBox())
    changed = Calls()
    table.connect("cellChanged(int,int)", changed)
    table.item(0, 0).setText("SPECT 24 h")
    table.cellWidget(0, 1).value = 24.0
    assert table.rowCount == 1
    assert table.item(0, 0).text() == "SPECT 24 h"
    assert table.cellWidget(0, 1).value == 24.0
    assert changed == [(0, 0)]


def test_settings_stay_inside_the_test_run(application):
    qt.QSettings().setValue("Test/Key", "value")
    qt.QSettings().sync()
    assert str(application.home) in qt.QSettings().fileName()
    assert slicer.util.settingsValue("Test/Key", "") == "value"


def test_message_boxes_are_logged_not_shown(caplog):
    with caplog.at_level("ERROR"):
        assert slicer.util.errorDisplay("Expected a volume.") is None
    assert "Expected a volume." in caplog.text


def test_progress_dialog():
    dialog = slicer.util.createProgressDialog(maximum=4, labelText="fit", autoClose=False)
    dialog.value = 2
    slicer.app.processEvents()
    assert (dialog.value, dialog.wasCanceled) == (2, False)
    dialog.cancel()
    assert dialog.wasCanceled
    dialog.close()


def test_wait_cursor_is_taken_back():
    with slicer.util.WaitCursor():
        assert qt.QApplication.overrideCursor() is not None
    assert qt.QApplication.overrideCursor() is None


def test_unknown_widget_class_of_a_panel_is_refused(tmp_path):
    path = tmp_path / "Panel.ui"
    path.write_text('<ui version="4.0"><widget class="ctkNoSuchWidget" name="Panel"/></ui>', encoding="utf-8")
    with pytest.raises(RuntimeError, match="ctkNoSuchWidget"):
        slicer.util.loadUI(str(path))
    with pytest.raises(RuntimeError, match="not found"):
        slicer.util.loadUI(str(tmp_path / "Missing.ui"))


def test_many_calls_do_not_use_up_none():
    """PySide6 6.12 on Python 3.11 takes a reference of None at each call that returns it; the process must live on."""
    label = qt.QLabel()
    for _ in range(100_000):
        label.setToolTip("")
        label.setEnabled(True)
    assert label.enabled
