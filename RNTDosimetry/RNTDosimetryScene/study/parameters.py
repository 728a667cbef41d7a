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
from slicer.i18n import tr as _translated
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from RNTDosimetryLib.base.settings import Setting, settings_of
from RNTDosimetryLib.roads.therapy.settings import StudySettings


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
            RegistrationMethod.AUTOMATIC: _("CT to CT: SimpleITK, the measured one"),
            RegistrationMethod.BRAINSFIT: _("CT to CT: BRAINSFit"),
            RegistrationMethod.SIMPLEITK: _("CT to CT: SimpleITK"),
            RegistrationMethod.ACTIVITY: _("Activity to activity"),
            RegistrationMethod.SCENE: _("My transforms in the scene"),
            RegistrationMethod.NONE: _("None: the scans are aligned"),
        }
        return names[self]


class PlanScenario(enum.Enum):
    """What a radioembolization treats; limits of the normal liver depend on it."""

    NOT_GIVEN = ""
    SEGMENTECTOMY = "segmentectomy"
    LOBECTOMY = "lobectomy"
    UNILOBAR = "unilobar"
    BILOBAR = "bilobar"

    def label(self):
        return {
            PlanScenario.NOT_GIVEN: _("not given"),
            PlanScenario.SEGMENTECTOMY: _("Segmentectomy"),
            PlanScenario.LOBECTOMY: _("Lobectomy"),
            PlanScenario.UNILOBAR: _("Unilobar"),
            PlanScenario.BILOBAR: _("Bilobar"),
        }[self]


class PlanLiver(enum.Enum):
    """Whether the liver is pre-treated or of impaired function."""

    NOT_GIVEN = ""
    UNIMPAIRED = "unimpaired"
    IMPAIRED = "impaired"

    def label(self):
        return {
            PlanLiver.NOT_GIVEN: _("not given"),
            PlanLiver.UNIMPAIRED: _("Not pre-treated or impaired"),
            PlanLiver.IMPAIRED: _("Pre-treated or impaired"),
        }[self]


class PlanDisease(enum.Enum):
    """What is treated; goals of the tumors depend on it."""

    NOT_GIVEN = ""
    HCC = "HCC"
    ICC = "ICC"
    MCRC = "mCRC"

    def label(self):
        return {
            PlanDisease.NOT_GIVEN: _("not given"),
            PlanDisease.HCC: _("Hepatocellular carcinoma"),
            PlanDisease.ICC: _("Intrahepatic cholangiocarcinoma"),
            PlanDisease.MCRC: _("Colorectal metastases"),
        }[self]


def _choice(item: Setting) -> type[enum.Enum]:
    """Enumeration of the words of a setting, with their labels for the panel."""
    kind = enum.Enum(
        item.parameter[0].upper() + item.parameter[1:], {word.upper(): word for word in item.choices}, module=__name__
    )
    kind.label = lambda self: _translated(item.choices[self.value])
    return kind


def _annotation(item: Setting):
    if item.choices:
        return _choice(item)
    if item.kind is float:
        least = 0.0 if item.optional else item.least * item.shown_times
        return Annotated[float, WithinRange(least, item.most * item.shown_times)]
    return item.kind


def with_settings(kind: type) -> type:
    """The class with a parameter for every declared setting that the panel holds."""
    for item in settings_of(StudySettings):
        if item.parameter:
            annotation = kind.__annotations__[item.parameter] = _annotation(item)
            default = item.to_parameter(item.default)
            setattr(kind, item.parameter, annotation(default) if item.choices else default)
    return kind


@parameterNodeWrapper
@with_settings
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
    registrationMethod: RegistrationMethod = RegistrationMethod.SIMPLEITK
    calibrationPath: str
    calibrationJson: str
    calibrationSetupJson: str
    recoveryPath: str
    recoveryJson: str
    earlierResultsPath: str
    earlierResultsJson: str
    isodosePercents: str = "20, 40, 60, 80"
    # Of a plan nothing is known before it is entered or measured: the lowest value says that (RNTDosimetryScene.plan.entered).
    planProduct: str
    planActivityGBq: Annotated[float, WithinRange(0, 100)] = 0.0
    planTumorMassG: Annotated[float, WithinRange(-1, 10000)] = -1.0
    planTumorToNormal: Annotated[float, WithinRange(-1, 100)] = -1.0
    planNormalLiverMassG: Annotated[float, WithinRange(-1, 10000)] = -1.0
    planWholeNormalLiverMassG: Annotated[float, WithinRange(0, 10000)] = 0.0
    planLungShuntPercent: Annotated[float, WithinRange(-1, 99)] = -1.0
    planLungMassG: Annotated[float, WithinRange(0, 5000)] = 0.0
    planScenario: PlanScenario = PlanScenario.NOT_GIVEN
    planBilirubinMgDl: Annotated[float, WithinRange(0, 50)] = 0.0
    planLiver: PlanLiver = PlanLiver.NOT_GIVEN
    planDisease: PlanDisease = PlanDisease.NOT_GIVEN
    planLiverLimitGy: Annotated[float, WithinRange(0, 1000)] = 0.0
    planLungLimitGy: Annotated[float, WithinRange(0, 1000)] = 0.0
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


def reference_volume(parameter_node):
    """The volume whose grid the regions lie on: the CT of the reference, or its activity image. None without time points."""
    index = parameter_node.referenceIndex
    nodes = parameter_node.ctVolumes or parameter_node.activityVolumes or []
    return nodes[index] if index < len(nodes) else None
