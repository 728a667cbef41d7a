"""qMRML widgets for segmentations."""

import ctk
import qt
from PySide6.QtCore import Signal

from host.qt_standins.qmrml_scene import NodeObserver, SceneWidget
from host.qt_standins.qmrml_selectors import qMRMLNodeComboBox
from host.qt_standins.registry import custom_widget, plain_property


def _segments(segmentation_node) -> list[tuple[str, str]]:
    """(id, name) of each segment."""
    if segmentation_node is None:
        return []
    segmentation = segmentation_node.GetSegmentation()
    return [
        (segmentation.GetNthSegmentID(index), segmentation.GetNthSegment(index).GetName())
        for index in range(segmentation.GetNumberOfSegments())
    ]


@custom_widget
class qMRMLSegmentSelectorWidget(SceneWidget, qt.QWidget):
    """A segmentation selector above a segment selector."""

    currentSegmentChanged = Signal(str)
    currentNodeChanged = Signal(object)
    noneEnabled = plain_property(bool, "noneEnabled", False)
    segmentationNodeSelectorVisible = plain_property(bool, "segmentationNodeSelectorVisible", True)

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        layout = qt.QVBoxLayout(self)
        self._nodes = qMRMLNodeComboBox()
        self._nodes.setNodeTypes(["vtkMRMLSegmentationNode"])
        self._nodes.currentNodeChanged.connect(self._node_changed)
        self._segments = qt.QComboBox()
        self._segments.currentIndexChanged.connect(lambda index: self.currentSegmentChanged.emit(self.currentSegmentID()))
        layout.addWidget(self._nodes)
        layout.addWidget(self._segments)

    def scene_was_set(self, scene) -> None:
        self._nodes.setMRMLScene(scene)

    def _node_changed(self, node) -> None:
        self._segments.clear()
        for segment_id, name in _segments(node):
            self._segments.addItem(name, segment_id)
        self.currentNodeChanged.emit(node)

    def currentNode(self):
        return self._nodes.currentNode()

    def setCurrentNode(self, node) -> None:
        self._nodes.setCurrentNode(node)

    def currentSegmentID(self) -> str:
        return self._segments.currentData or ""

    def setCurrentSegmentID(self, segment_id: str) -> None:
        self._segments.setCurrentIndex(self._segments.findData(segment_id))


@custom_widget
class qMRMLSegmentsTableView(SceneWidget, qt.QWidget):
    """A table of segment names whose selected rows are selected segments."""

    selectionChanged = Signal()

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        layout = qt.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._table = qt.QTableWidget()
        self._table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        self._table.itemSelectionChanged.connect(self.selectionChanged)
        layout.addWidget(self._table)
        self._observer = NodeObserver(self, "refresh")

    def setSegmentationNode(self, node) -> None:
        self._observer.observe(node, "ModifiedEvent")
        self.refresh()

    def segmentationNode(self):
        return self._observer.node

    def refresh(self) -> None:
        segments = _segments(self.segmentationNode())
        self._table.setColumnCount(1)
        self._table.setHorizontalHeaderLabels(["Name"])
        self._table.setRowCount(len(segments))
        for row, (segment_id, name) in enumerate(segments):
            item = qt.QTableWidgetItem(name)
            item.setData(qt.Qt.UserRole, segment_id)
            self._table.setItem(row, 0, item)

    def segmentCount(self) -> int:
        return len(_segments(self.segmentationNode()))

    def selectedSegmentIDs(self) -> tuple[str, ...]:
        rows = sorted({index.row() for index in self._table.selectedIndexes()})
        return tuple(self._table.item(row, 0).data(qt.Qt.UserRole) for row in rows)

    def setSelectedSegmentIDs(self, segment_ids) -> None:
        self._table.clearSelection()
        self._table.setSelectionMode(qt.QAbstractItemView.MultiSelection)
        for row, (segment_id, _) in enumerate(_segments(self.segmentationNode())):
            if segment_id in segment_ids:
                self._table.selectRow(row)


@custom_widget
class qMRMLSegmentEditorWidget(SceneWidget, qt.QWidget):
    """Keeps the nodes that it is given. Painting is Slicer's own and is not imitated."""

    segmentationNodeChanged = Signal(object)
    sourceVolumeNodeChanged = Signal(object)
    segmentationNodeSelectorVisible = plain_property(bool, "segmentationNodeSelectorVisible", True)
    sourceVolumeNodeSelectorVisible = plain_property(bool, "sourceVolumeNodeSelectorVisible", True)
    switchToSegmentationsButtonVisible = plain_property(bool, "switchToSegmentationsButtonVisible", True)
    readOnly = plain_property(bool, "readOnly", False)
    maximumNumberOfUndoStates = plain_property(int, "maximumNumberOfUndoStates", 10)

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._editor_node = None
        self._segmentation_node = None
        self._source_volume_node = None
        self._current_segment_id = ""
        self._effect = None

    def setMRMLSegmentEditorNode(self, node) -> None:
        self._editor_node = node

    def mrmlSegmentEditorNode(self):
        return self._editor_node

    def setSegmentationNode(self, node) -> None:
        self._segmentation_node = node
        if self._editor_node is not None:
            self._editor_node.SetAndObserveSegmentationNode(node)
        self.segmentationNodeChanged.emit(node)

    def segmentationNode(self):
        return self._segmentation_node

    def setSourceVolumeNode(self, node) -> None:
        self._source_volume_node = node
        if self._editor_node is not None:
            self._editor_node.SetAndObserveSourceVolumeNode(node)
        self.sourceVolumeNodeChanged.emit(node)

    def sourceVolumeNode(self):
        return self._source_volume_node

    def setCurrentSegmentID(self, segment_id: str) -> None:
        self._current_segment_id = segment_id

    def currentSegmentID(self) -> str:
        return self._current_segment_id

    def activeEffect(self):
        return self._effect

    def setActiveEffectByName(self, name: str) -> None:
        """No effects: the editor stays without an active one."""

    def setEffectNameOrder(self, names) -> None:
        """No effects to order."""

    unorderedEffectsVisible = plain_property(bool, "unorderedEffectsVisible", True)

    def setupViewObservations(self) -> None:
        """No views to observe."""

    def removeViewObservations(self) -> None:
        """No views to observe."""

    def installKeyboardShortcuts(self, *ignored) -> None:
        """No keyboard."""

    def uninstallKeyboardShortcuts(self) -> None:
        """No keyboard."""


@custom_widget
class qMRMLSegmentationShow3DButton(ctk.ctkMenuButton):
    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._node = None

    def setSegmentationNode(self, node) -> None:
        self._node = node

    def segmentationNode(self):
        return self._node


@custom_widget
class qMRMLSegmentationConversionWidget(SceneWidget, qt.QWidget):
    pass
