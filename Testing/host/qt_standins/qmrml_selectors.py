"""qMRML widgets that choose a node or a number, and the plain widgets that carry a scene."""

import weakref

import ctk
import qt
import shiboken6
import slicer
import vtk
from PySide6.QtCore import Property, Signal

from host.qt_standins.qmrml_scene import SceneWidget
from host.qt_standins.registry import custom_widget, plain_property

CREATE_ITEM = "create new node"


@custom_widget
class qMRMLWidget(SceneWidget, qt.QWidget):
    mrmlSceneChanged = Signal(object)


@custom_widget
class qSlicerWidget(SceneWidget, qt.QWidget):
    mrmlSceneChanged = Signal(object)


def _refreshing_property(property_type, name: str, default):
    """A property of a selector whose change alters the list of nodes."""
    attribute = "_refreshing_" + name

    def read(self):
        return getattr(self, attribute, default)

    def write(self, value) -> None:
        setattr(self, attribute, value)
        self.refresh()

    return Property(property_type, read, write)


@custom_widget
class qMRMLNodeComboBox(SceneWidget, qt.QWidget):
    """Lists the nodes of some classes; without noneEnabled the first node is chosen by itself, as in Slicer."""

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)
    nodeActivated = Signal(object)
    nodeAddedByUser = Signal(object)
    nodeAdded = Signal(object)
    currentNodeRenamed = Signal(str)

    noneEnabled = _refreshing_property(bool, "noneEnabled", False)
    addEnabled = _refreshing_property(bool, "addEnabled", True)
    showHidden = _refreshing_property(bool, "showHidden", False)
    showChildNodeTypes = _refreshing_property(bool, "showChildNodeTypes", True)
    hideChildNodeTypes = _refreshing_property("QStringList", "hideChildNodeTypes", [])
    noneDisplay = _refreshing_property(str, "noneDisplay", "None")
    removeEnabled = plain_property(bool, "removeEnabled", True)
    editEnabled = plain_property(bool, "editEnabled", False)
    renameEnabled = plain_property(bool, "renameEnabled", False)
    selectNodeUponCreation = plain_property(bool, "selectNodeUponCreation", True)
    baseName = plain_property(str, "baseName", "")
    interactionNodeSingletonTag = plain_property(str, "interactionNodeSingletonTag", "")

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._node_types = []
        self._attributes = []
        self._current_id = ""
        self._chosen_none = False
        self._leaving = None
        self._type_labels = {}
        self._filling = False
        self._combo_box = qt.QComboBox()
        self._combo_box.currentIndexChanged.connect(self._index_changed)
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo_box)
        self.setEnabled(False)

    def setNodeTypes(self, node_types) -> None:
        self._node_types = list(node_types)
        self.refresh()

    nodeTypes = Property("QStringList", lambda self: tuple(self._node_types), setNodeTypes)

    def addAttribute(self, node_type: str, name: str, value=None) -> None:
        """List only nodes of this type that have the attribute, with this value when one is given."""
        self._attributes.append((node_type, name, None if value is None else str(value)))
        self.refresh()

    def removeAttribute(self, node_type: str, name: str) -> None:
        self._attributes = [attribute for attribute in self._attributes if attribute[:2] != (node_type, name)]
        self.refresh()

    def setNodeTypeLabel(self, label: str, node_type: str) -> None:
        """Names the class in the entry that makes a new node."""
        self._type_labels[node_type] = label
        self.refresh()

    def nodeTypeLabel(self, node_type: str) -> str:
        scene = self.mrmlScene()
        known = scene.GetTypeDisplayNameByClassName(node_type) if scene is not None else ""
        return self._type_labels.get(node_type) or known or "node"

    def scene_was_set(self, scene) -> None:
        self.setEnabled(scene is not None)
        if scene is not None:
            events = (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent)
            self.observe_scene(events, "refresh")
            self._observe_leaving(scene)
        self.refresh()

    def _observe_leaving(self, scene) -> None:
        """As in Slicer the choice changes, and is told, while the node that leaves is still in the scene."""
        reference = weakref.ref(self)

        @vtk.calldata_type(vtk.VTK_OBJECT)
        def leaves(caller, event, node) -> None:
            selector = reference()
            if selector is None or not shiboken6.isValid(selector) or scene.IsClosing():
                return
            selector._leaving = node
            try:
                selector.refresh()
            finally:
                selector._leaving = None

        self.__dict__["_scene_observers"].append((scene, scene.AddObserver(scene.NodeAboutToBeRemovedEvent, leaves)))

    def _lists(self, node) -> bool:
        if node.GetHideFromEditors() and not self.showHidden:
            return False
        if any(node.IsA(hidden) for hidden in self.hideChildNodeTypes):
            return False
        if self.showChildNodeTypes:
            fits = any(node.IsA(node_type) for node_type in self._node_types)
        else:
            fits = node.GetClassName() in self._node_types
        return fits and all(self._has_attribute(node, *attribute) for attribute in self._attributes)

    @staticmethod
    def _has_attribute(node, node_type: str, name: str, value) -> bool:
        if not node.IsA(node_type):
            return True
        found = node.GetAttribute(name)
        return found is not None and value in (None, found)

    def nodes(self) -> list:
        """The nodes that can be chosen, in the order of the scene."""
        scene = self.mrmlScene()
        if scene is None:
            return []
        if len(self._node_types) == 1:
            candidates = slicer.util.getNodesByClass(self._node_types[0], scene)
        else:
            candidates = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
        return [node for node in candidates if node is not self._leaving and self._lists(node)]

    def nodeCount(self) -> int:
        return len(self.nodes())

    def nodeFromIndex(self, index: int):
        return self.nodes()[index]

    def refresh(self) -> None:
        """List the nodes again and keep the choice where it is still there."""
        nodes = self.nodes()
        self._filling = True
        self._combo_box.clear()
        if self.noneEnabled:
            self._combo_box.addItem(self.noneDisplay, "")
        for node in nodes:
            self._combo_box.addItem(node.GetName(), node.GetID())
        if self.addEnabled:
            for node_type in self._node_types:
                self._combo_box.addItem(f"Create new {self.nodeTypeLabel(node_type)}", CREATE_ITEM)
        index = self._combo_box.findData(self._current_id) if self._current_id else -1
        if index < 0:
            first_is_none = self.noneEnabled
            index = 0 if first_is_none or (nodes and not self._chosen_none) else -1
        self._combo_box.setCurrentIndex(index)
        self._filling = False
        self._choose(self._combo_box.itemData(index) if index >= 0 else "")

    def _index_changed(self, index: int) -> None:
        if self._filling or index < 0:
            return
        data = self._combo_box.itemData(index)
        if data == CREATE_ITEM:
            self.addNode()
        else:
            self._choose(data)
            self.nodeActivated.emit(self.currentNode())

    def _choose(self, node_id) -> None:
        node_id = "" if node_id in (None, CREATE_ITEM) else node_id
        if node_id != self._current_id:
            self._current_id = node_id
            self.currentNodeChanged.emit(self.currentNode())
            self.currentNodeIDChanged.emit(node_id)

    def currentNode(self):
        scene = self.mrmlScene()
        return scene.GetNodeByID(self._current_id) if scene is not None and self._current_id else None

    def setCurrentNode(self, node) -> None:
        self.setCurrentNodeID(node.GetID() if isinstance(node, vtk.vtkObject) else (node or ""))

    def setCurrentNodeID(self, node_id) -> None:
        index = self._combo_box.findData(node_id or "")
        self._chosen_none = not node_id
        self._filling = True
        self._combo_box.setCurrentIndex(index)
        self._filling = False
        self._choose(node_id if index >= 0 else "")

    currentNodeID = Property(str, lambda self: self._current_id, setCurrentNodeID)

    def setCurrentNodeIndex(self, index: int) -> None:
        nodes = self.nodes()
        self.setCurrentNode(nodes[index] if 0 <= index < len(nodes) else None)

    def addNode(self, node_type: str | None = None):
        """What "Create new..." does."""
        name = self.mrmlScene().GenerateUniqueName(self.baseName) if self.baseName else ""
        node = self.mrmlScene().AddNewNodeByClass(node_type or self._node_types[0], name)
        for attribute_type, attribute, value in self._attributes:
            if node.IsA(attribute_type):
                node.SetAttribute(attribute, value or "")
        self.refresh()
        self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node


@custom_widget
class qMRMLCheckableNodeComboBox(qMRMLNodeComboBox):
    checkedNodesChanged = Signal()

    def __init__(self, *arguments) -> None:
        self._checked_ids = set()
        super().__init__(*arguments)

    def checkedNodes(self) -> list:
        return [node for node in self.nodes() if node.GetID() in self._checked_ids]

    def uncheckedNodes(self) -> list:
        return [node for node in self.nodes() if node.GetID() not in self._checked_ids]

    def checkState(self, node):
        return qt.Qt.Checked if node.GetID() in self._checked_ids else qt.Qt.Unchecked

    def setCheckState(self, node, state) -> None:
        before = set(self._checked_ids)
        if state == qt.Qt.Checked:
            self._checked_ids.add(node.GetID())
        else:
            self._checked_ids.discard(node.GetID())
        if self._checked_ids != before:
            self.checkedNodesChanged.emit()


@custom_widget
class qMRMLSubjectHierarchyComboBox(SceneWidget, qt.QWidget):
    currentItemChanged = Signal(int)

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._item = 0

    def currentItem(self) -> int:
        return self._item

    def setCurrentItem(self, item: int) -> None:
        if item != self._item:
            self._item = item
            self.currentItemChanged.emit(item)


@custom_widget
class qMRMLSliderWidget(SceneWidget, ctk.ctkSliderWidget):
    quantity = plain_property(str, "quantity", "")
    unitAwareProperties = plain_property(str, "unitAwareProperties", "")


@custom_widget
class qMRMLSpinBox(SceneWidget, ctk.ctkDoubleSpinBox):
    quantity = plain_property(str, "quantity", "")
    unitAwareProperties = plain_property(str, "unitAwareProperties", "")


@custom_widget
class qMRMLRangeWidget(SceneWidget, ctk.ctkRangeWidget):
    quantity = plain_property(str, "quantity", "")


@custom_widget
class qMRMLColorTableComboBox(qMRMLNodeComboBox):
    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.setNodeTypes(["vtkMRMLColorNode"])
