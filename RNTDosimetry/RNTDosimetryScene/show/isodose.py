"""Isodose surfaces as models: seen in 3D, and as contours in the slices."""

import slicer
import vtk

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryScene.nodes import hierarchy

ATTRIBUTE = "RNTDosimetry.IsodoseOf"
_LEVEL_ATTRIBUTE = "RNTDosimetry.IsodoseGy"
_COLORS = ((0.72, 0.82, 1.00), (0.55, 0.95, 0.95), (0.70, 1.00, 0.60), (1.00, 0.97, 0.55), (1.00, 0.80, 0.55), (1.00, 0.65, 0.65))
"""Tints in the order of the dose colors: lighter than the dose wash and than a CT, so that the contours are seen on both."""


def levels_of(text: str) -> list[float]:
    """Percent levels from text such as "20, 40, 60". Raises DosimetryError for anything else."""
    try:
        levels = sorted({float(part) for part in text.replace(";", ",").split(",") if part.strip()})
    except ValueError as error:
        raise DosimetryError(
            f"Expected percents of the highest dose such as 20, 40, 60, received '{text}'; type them again."
        ) from error
    if not levels or levels[0] <= 0 or levels[-1] >= 100:
        raise DosimetryError(f"Expected percents above 0 and below 100, received '{text}'; type them again.")
    return levels


def color_of_level(index: int, count: int) -> tuple[float, float, float]:
    """Color of a level of so many, the first for the lowest."""
    return _COLORS[round(index * (len(_COLORS) - 1) / max(1, count - 1))]


def show_isodoses(dose_volume, percents: list[float], reference_gy: float) -> list:
    """Models of the isodose surfaces of a dose volume; those of an earlier call are replaced. Levels that no voxel reaches are left out."""
    remove_isodoses(dose_volume)
    models = []
    for index, percent in enumerate(percents):
        surface = _surface(dose_volume, percent / 100.0 * reference_gy)
        if surface.GetNumberOfPoints() == 0:
            continue
        model = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode")
        model.SetName(f"Isodose {percent / 100.0 * reference_gy:.3g} Gy ({percent:g} %)")
        model.SetAndObservePolyData(surface)
        model.SetAttribute(ATTRIBUTE, dose_volume.GetID())
        model.SetAndObserveTransformNodeID(dose_volume.GetTransformNodeID())
        model.SetAttribute(_LEVEL_ATTRIBUTE, repr(percent / 100.0 * reference_gy))
        model.CreateDefaultDisplayNodes()
        display = model.GetDisplayNode()
        display.SetColor(*color_of_level(index, len(percents)))
        display.SetVisibility2D(True)
        display.SetSliceIntersectionThickness(2)
        display.SetOpacity(0.25)
        models.append(model)
    if models:
        tree = slicer.mrmlScene.GetSubjectHierarchyNode()
        folder = hierarchy.add_folder(tree.GetItemParent(hierarchy.item_of(dose_volume)), "Isodoses")
        for model in models:
            hierarchy.move(model, folder)
    return models


def remove_isodoses(dose_volume) -> None:
    for model in isodoses_of(dose_volume):
        hierarchy.remove(model)


def isodoses_of(dose_volume) -> list:
    found = slicer.util.getNodesByClass("vtkMRMLModelNode")
    return [model for model in found if model.GetAttribute(ATTRIBUTE) == dose_volume.GetID()]


def _surface(volume, level_gy: float):
    """Surface of equal dose in RAS mm."""
    # Made in voxel coordinates and carried over, because the grid may be oblique.
    image = vtk.vtkImageData()
    image.ShallowCopy(volume.GetImageData())
    image.SetOrigin(0, 0, 0)
    image.SetSpacing(1, 1, 1)
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, level_gy)
    contour.ComputeNormalsOff()
    contour.ComputeScalarsOff()
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    transform = vtk.vtkTransform()
    transform.SetMatrix(matrix)
    carry = vtk.vtkTransformPolyDataFilter()
    carry.SetInputConnection(contour.GetOutputPort())
    carry.SetTransform(transform)
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(carry.GetOutputPort())
    normals.SplittingOff()
    normals.ConsistencyOn()
    normals.Update()
    return normals.GetOutput()
