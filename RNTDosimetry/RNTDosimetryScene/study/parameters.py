"""The parameter node: everything the panel holds of one study, saved with the scene."""

import enum
from typing import Annotated

from slicer import (
    vtkMRMLPlotChartNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTableNode,
    vtkMRMLTextNode,
)
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper


class RegistrationMethod(enum.Enum):
    """How the scans are brought onto the reference."""

    AUTOMATIC = "automatic"
    BRAINSFIT = "brainsfit"
    SIMPLEITK = "simpleitk"
    ACTIVITY = "activity"
    SCENE = "scene"
    NONE = "none"

    def label(self):
        names = {
            RegistrationMethod.AUTOMATIC: _("CT to CT: BRAINSFit where it is, else SimpleITK"),
            RegistrationMethod.BRAINSFIT: _("CT to CT: BRAINSFit"),
            RegistrationMethod.SIMPLEITK: _("CT to CT: SimpleITK"),
            RegistrationMethod.ACTIVITY: _("Activity to activity"),
            RegistrationMethod.SCENE: _("My transforms in the scene"),
            RegistrationMethod.NONE: _("None: the scans are aligned"),
        }
        return names[self]


class DoseMethod(enum.Enum):
    KERNEL = "kernel"
    LOCAL = "local"

    def label(self):
        return _("Kernel (electrons and photons)") if self is DoseMethod.KERNEL else _("Local deposition (electrons)")


class VoxelModel(enum.Enum):
    SHARED = "shared"
    MONO = "mono"
    AUTO = "auto"

    def label(self):
        names = {
            VoxelModel.SHARED: _("Rates of the region"),
            VoxelModel.MONO: _("Own mono-exponential"),
            VoxelModel.AUTO: _("Own best model"),
        }
        return names[self]


@parameterNodeWrapper
class RNTDosimetryParameterNode:
    """One study: inputs, settings, results. Several of them can be in a scene."""

    dicomFolder: str
    overridesJson: str
    intakeJson: str
    nuclide: str
    radiopharmaceutical: str
    administeredActivityMBq: Annotated[float, WithinRange(0, 1000000)] = 0.0
    administrationTime: str
    referenceIndex: int = 0
    activityVolumes: list[vtkMRMLScalarVolumeNode]
    ctVolumes: list[vtkMRMLScalarVolumeNode]
    segmentation: vtkMRMLSegmentationNode
    registrationMethod: RegistrationMethod = RegistrationMethod.AUTOMATIC
    model: str = "auto"
    doseMethod: DoseMethod = DoseMethod.KERNEL
    voxelModel: VoxelModel = VoxelModel.SHARED
    calibrationPath: str
    calibrationJson: str
    calibrationSetupJson: str
    recoveryPath: str
    recoveryJson: str
    densityGPerMl: Annotated[float, WithinRange(0.05, 3)] = 1.04
    calibrationUncertaintyPercent: Annotated[float, WithinRange(0, 99)] = 0.0
    spectResolutionMm: Annotated[float, WithinRange(0, 99)] = 0.0
    scanUncertaintyPercent: Annotated[float, WithinRange(0, 99)] = 3.0
    densityFromCt: bool = False
    lesionsOutOfOrgans: bool = True
    mapFollowsRegions: bool = False
    isodosePercents: str = "20, 40, 60, 80"
    planProduct: str = "Y-90"
    planActivityGBq: Annotated[float, WithinRange(0, 100)] = 2.0
    planTumorMassG: Annotated[float, WithinRange(0, 10000)] = 200.0
    planTumorToNormal: Annotated[float, WithinRange(0, 100)] = 4.0
    planNormalLiverMassG: Annotated[float, WithinRange(0, 10000)] = 1300.0
    planLungShuntPercent: Annotated[float, WithinRange(0, 99)] = 5.0
    planLungMassG: Annotated[float, WithinRange(100, 5000)] = 1000.0
    planLiverLimitGy: Annotated[float, WithinRange(1, 1000)] = 40.0
    planLungLimitGy: Annotated[float, WithinRange(1, 1000)] = 30.0
    planScoutVolume: vtkMRMLScalarVolumeNode
    planCtVolume: vtkMRMLScalarVolumeNode
    planSegmentation: vtkMRMLSegmentationNode
    planScoutResolutionMm: Annotated[float, WithinRange(0, 50)] = 0.0
    planMeasuredJson: str
    planInjectionsJson: str
    tiaVolume: vtkMRMLScalarVolumeNode
    doseVolume: vtkMRMLScalarVolumeNode
    resultTable: vtkMRMLTableNode
    intakeTable: vtkMRMLTableNode
    timeActivityChart: vtkMRMLPlotChartNode
    regionChart: vtkMRMLPlotChartNode
    histogramChart: vtkMRMLPlotChartNode
    resultText: vtkMRMLTextNode
    resultFingerprint: str


def content_of_node(node) -> tuple[dict, dict]:
    """Every value of a study, and how many nodes it names by role. node: the vtkMRMLScriptedModuleNode."""
    roles: list[str] = []
    node.GetNodeReferenceRoles(roles)
    counts = {role: node.GetNumberOfNodeReferences(role) for role in roles if node.GetNumberOfNodeReferences(role)}
    return {name: node.GetParameter(name) for name in node.GetParameterNames()}, counts
