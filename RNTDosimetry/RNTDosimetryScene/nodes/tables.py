"""Tables of the scene."""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk


def fill_table(node, columns: dict[str, list | np.ndarray]) -> None:
    """Replace the columns of a table node: numbers become double columns, text string columns; None is an empty cell."""
    node.RemoveAllColumns()
    for name, values in columns.items():
        if isinstance(values, np.ndarray):
            array = numpy_to_vtk(np.ascontiguousarray(values, dtype=float), deep=True)
        else:
            array = vtk.vtkStringArray()
            for value in values:
                array.InsertNextValue("" if value is None else str(value))
        array.SetName(name)
        node.AddColumn(array)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.Modified()


def add_table(name: str):
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
