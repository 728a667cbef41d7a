"""Volume nodes to images of the library, and back."""

from datetime import datetime

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images import ActivityImage, CtImage, ImageGeometry
from RNTDosimetryScene.nodes.geometry import geometry_of_volume, ijk_to_ras, vtk_matrix

ATTRIBUTE = "RNTDosimetry."
"""Prefix of the node attributes in which the scene keeps what Slicer has no place for."""

ACTIVITY_UNIT, TIA_UNIT, DOSE_UNIT = "Bq/mL", "MBq*h/mL", "Gy"
_UCUM = {
    ACTIVITY_UNIT: ("Bq/ml", "Becquerels/milliliter"),
    TIA_UNIT: ("MBq.h/ml", "Megabecquerel hours/milliliter"),
    DOSE_UNIT: ("Gy", "Gray"),
    "HU": ("[hnsf'U]", "Hounsfield unit"),
}


def add_volume(name: str, array: np.ndarray, geometry: ImageGeometry, unit: str):
    """New scalar volume node with a copy of the voxels, its place in RAS, and its unit."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    update_volume(node, array, geometry, unit)
    return node


def update_volume(node, array: np.ndarray, geometry: ImageGeometry, unit: str) -> None:
    """Replace voxels, place and unit of an existing volume node."""
    image = vtk.vtkImageData()
    image.SetDimensions(*reversed(geometry.size))
    scalars = numpy_to_vtk(np.ascontiguousarray(array, dtype=np.float32).ravel(), deep=True)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    node.SetAndObserveImageData(image)
    node.SetIJKToRASMatrix(vtk_matrix(ijk_to_ras(geometry)))
    code, meaning = _UCUM[unit]
    entry = slicer.vtkCodedEntry()
    entry.SetValueSchemeMeaning(code, "UCUM", meaning)
    node.SetVoxelValueUnits(entry)
    node.SetAttribute(ATTRIBUTE + "Unit", unit)
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()


def voxels(node) -> np.ndarray:
    """Voxels of a scalar volume node, (z, y, x). Raises DosimetryError when there are none or more than one component."""
    if node is None or node.GetImageData() is None or node.GetImageData().GetNumberOfPoints() == 0:
        raise DosimetryError("Expected a volume with voxels, received an empty one; load the image first.")
    if node.GetImageData().GetNumberOfScalarComponents() != 1:
        raise DosimetryError(
            f"Expected one value per voxel in volume '{node.GetName()}', received a color image; choose another."
        )
    return slicer.util.arrayFromVolume(node)


def add_ct(image: CtImage):
    """CT of the library as a volume node in HU."""
    node = add_volume(image.name, image.hounsfield, image.geometry, "HU")
    node.SetAttribute(ATTRIBUTE + "FrameOfReferenceUID", image.frame_of_reference_uid)
    display = node.GetDisplayNode()
    if display is not None:
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(400, 40)
    return node


def ct_image(node) -> CtImage:
    """CT node as the library's image."""
    return CtImage(
        name=node.GetName(),
        geometry=geometry_of_volume(node),
        hounsfield=np.array(voxels(node), dtype=np.float32),
        frame_of_reference_uid=node.GetAttribute(ATTRIBUTE + "FrameOfReferenceUID") or "",
    )


def add_activity(image: ActivityImage):
    """Activity image of the library as a volume node in Bq/mL that knows its time."""
    node = add_volume(image.name, image.concentration_bq_ml, image.geometry, ACTIVITY_UNIT)
    describe_activity(
        node,
        start_h=image.start_h,
        duration_s=image.duration_s,
        nuclide=image.nuclide,
        acquisition_start=image.acquisition_start,
        frame_of_reference_uid=image.frame_of_reference_uid,
        warnings=image.warnings,
    )
    display = node.GetDisplayNode()
    if display is not None:
        display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeInvertedGrey")
    return node


def describe_activity(
    node, start_h, duration_s=None, nuclide="", acquisition_start=None, frame_of_reference_uid="", warnings=(), calibration=1.0
):
    """Write on a volume node what the dosimetry needs to know of it: typed values for files that do not say it.

    The voxels times calibration must be the true concentration in Bq/mL at the start of acquisition.
    """
    node.SetAttribute(ATTRIBUTE + "Calibration", repr(float(calibration)))
    node.SetAttribute(ATTRIBUTE + "Unit", ACTIVITY_UNIT)
    node.SetAttribute(ATTRIBUTE + "StartHours", repr(float(start_h)))
    node.SetAttribute(ATTRIBUTE + "DurationSeconds", "" if duration_s is None else repr(float(duration_s)))
    node.SetAttribute(ATTRIBUTE + "Nuclide", nuclide)
    node.SetAttribute(ATTRIBUTE + "AcquisitionStart", "" if acquisition_start is None else acquisition_start.isoformat())
    node.SetAttribute(ATTRIBUTE + "FrameOfReferenceUID", frame_of_reference_uid)
    node.SetAttribute(ATTRIBUTE + "Warnings", "\n".join(warnings))


def calibration_of(node) -> float:
    """Bq/mL for a stored value of 1."""
    return float(node.GetAttribute(ATTRIBUTE + "Calibration") or 1.0)


def world_matrix(transform) -> np.ndarray:
    """4 x 4 RAS matrix of a linear transform node to the world; of any other one the identity."""
    matrix = vtk.vtkMatrix4x4()
    if transform.IsLinear():
        transform.GetMatrixTransformToWorld(matrix)
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def activity_problem(node) -> str:
    """What is missing on an activity volume node, in a few words; empty when nothing is."""
    if node.GetAttribute(ATTRIBUTE + "Unit") != ACTIVITY_UNIT:
        return f"volume '{node.GetName()}' has no known unit; state that it is {ACTIVITY_UNIT}"
    if not node.GetAttribute(ATTRIBUTE + "StartHours"):
        return f"volume '{node.GetName()}' has no time; type the hours after administration"
    return ""


def activity_image(node, calibration_uncertainty: float = 0.0) -> ActivityImage:
    """Activity volume node as the library's image. Raises DosimetryError when unit or time are unknown."""
    problem = activity_problem(node)
    if problem:
        raise DosimetryError(f"Expected a quantitative image: {problem}.")

    def text(name):
        return node.GetAttribute(ATTRIBUTE + name) or ""

    return ActivityImage(
        name=node.GetName(),
        geometry=geometry_of_volume(node),
        concentration_bq_ml=np.asarray(voxels(node) * np.float32(calibration_of(node)), dtype=np.float32),
        nuclide=text("Nuclide"),
        start_h=float(text("StartHours")),
        acquisition_start=datetime.fromisoformat(text("AcquisitionStart")) if text("AcquisitionStart") else None,
        duration_s=float(text("DurationSeconds")) if text("DurationSeconds") else None,
        frame_of_reference_uid=text("FrameOfReferenceUID"),
        calibration_uncertainty=calibration_uncertainty,
        warnings=tuple(line for line in text("Warnings").split("\n") if line),
    )
