"""Stand-in of Slicer's parameter node wrapper: typed, validated values kept in a vtkMRMLScriptedModuleNode.

Names and texts written into the node are those of Slicer, so a scene saved here opens there and the other way round.
Not covered: ``typing.Any``, ``qt.QColor``, panels created from the wrapper and custom serializers or connectors.
"""

from .annotations import (
    Choice,
    Decimals,
    Default,
    Exclude,
    IsInstance,
    Maximum,
    Minimum,
    NotNone,
    RangeBounds,
    SingleStep,
    Validator,
    WithinRange,
)
from .annotations import find_annotation as findFirstAnnotation
from .annotations import split_annotations as splitAnnotations
from .annotations import unannotated as unannotatedType
from .connectors import PACK_PROPERTY as SlicerPackParameterNamePropertyName
from .packs import FloatRange, isParameterPack, nestedParameterNames, parameterPack
from .wrapper import PARAMETER_PROPERTY as SlicerParameterNamePropertyName
from .wrapper import findChildWidgetForParameter, isParameterNodeWrapper, parameterNodeWrapper

__all__ = [
    "Choice",
    "Decimals",
    "Default",
    "Exclude",
    "FloatRange",
    "IsInstance",
    "Maximum",
    "Minimum",
    "NotNone",
    "RangeBounds",
    "SingleStep",
    "SlicerPackParameterNamePropertyName",
    "SlicerParameterNamePropertyName",
    "Validator",
    "WithinRange",
    "findChildWidgetForParameter",
    "findFirstAnnotation",
    "isParameterNodeWrapper",
    "isParameterPack",
    "nestedParameterNames",
    "parameterNodeWrapper",
    "parameterPack",
    "splitAnnotations",
    "unannotatedType",
]
