"""qMRML widgets that show tables and plots, and the small widgets that panels put beside a volume."""

import qt
from PySide6.QtCore import Signal

from host.qt_standins.qmrml_scene import NodeObserver, SceneWidget
from host.qt_standins.registry import custom_widget, plain_property


@custom_widget
class qMRMLTableView(SceneWidget, qt.QTableView):
    """Shows a table node and follows its changes."""

    selectionChanged = Signal()

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._observer = NodeObserver(self, "refresh")

    def setMRMLTableNode(self, node) -> None:
        self._observer.observe(node, "ModifiedEvent")
        self.refresh()

    def mrmlTableNode(self):
        return self._observer.node

    def refresh(self) -> None:
        node = self.mrmlTableNode()
        model = qt.QStandardItemModel(self)
        if node is not None:
            columns = range(node.GetNumberOfColumns())
            model.setHorizontalHeaderLabels([node.GetColumnName(column) for column in columns])
            for row in range(node.GetNumberOfRows()):
                model.appendRow([qt.QStandardItem(node.GetCellText(row, column)) for column in columns])
        self.setModel(model)

    def setFirstRowLocked(self, locked: bool) -> None:
        """Appearance only."""


@custom_widget
class qMRMLPlotView(SceneWidget, qt.QWidget):
    """Keeps the node of its view; pictures of plots are made by ``host.views.plot_to_png``."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._node = None

    def setMRMLPlotViewNode(self, node) -> None:
        self._node = node

    def mrmlPlotViewNode(self):
        return self._node

    def fitToContent(self) -> None:
        """Nothing is drawn."""


@custom_widget
class qMRMLPlotWidget(qMRMLPlotView):
    def plotView(self):
        return self


@custom_widget
class qMRMLVolumeThresholdWidget(SceneWidget, qt.QWidget):
    thresholdValuesChanged = Signal(float, float)
    lowerThreshold = plain_property(float, "lowerThreshold", 0.0)
    upperThreshold = plain_property(float, "upperThreshold", 0.0)

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._node = None

    def setMRMLVolumeNode(self, node) -> None:
        self._node = node

    def mrmlVolumeNode(self):
        return self._node
