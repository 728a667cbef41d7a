"""Typed parameters in a parameter node: what is written, what is refused, what comes back from a scene file.

With SLICER_SRC the same tests run on Slicer's own wrapper: names and texts in the node are those of Slicer.
"""

import enum
import pathlib
from typing import Annotated

import pytest
import slicer

import host

host.start_scene()

from slicer import vtkMRMLModelNode, vtkMRMLScalarVolumeNode, vtkMRMLTableNode  # noqa: E402
from slicer.parameterNodeWrapper import (  # noqa: E402
    Choice,
    Default,
    Exclude,
    FloatRange,
    Maximum,
    Minimum,
    RangeBounds,
    WithinRange,
    isParameterNodeWrapper,
    isParameterPack,
    nestedParameterNames,
    parameterNodeWrapper,
    parameterPack,
)


class Method(enum.Enum):
    LOCAL = "Local deposition"
    KERNEL = "Dose kernel"


@parameterPack
class Limits:
    kidney_gy: Annotated[float, WithinRange(0, 100)] = 23.0
    marrow_gy: float = 2.0


@parameterPack
class Plan:
    limits: Limits
    name: str = "first"


@parameterNodeWrapper
class Parameters:
    volume: vtkMRMLScalarVolumeNode
    either: vtkMRMLTableNode | vtkMRMLModelNode | None
    method: Method = Method.KERNEL
    half_life_h: Annotated[float, WithinRange(0.1, 1000)] = 159.5
    count: Annotated[int, Minimum(1), Maximum(9)] = 4
    unit: Annotated[str, Choice(["Bq/mL", "kBq/mL"])] = "Bq/mL"
    not_zero: Annotated[int, Exclude([0])] = 1
    use_density: bool = True
    note: str
    factor: Annotated[float, Default(1.25)]
    made: Annotated[list[int], Default(generator=lambda: [1, 2])]
    start: float | None
    folder: pathlib.Path
    times_h: list[float] = [4.0, 24.0]
    names: dict[str, float]
    pair: tuple[int, str] = (3, "three")
    plan: Plan
    window: Annotated[FloatRange, RangeBounds(0, 10)] = FloatRange(1, 5)


@pytest.fixture
def node(scene):
    return scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "Parameters")


@pytest.fixture
def parameters(node):
    return Parameters(node)


def test_defaults(parameters):
    assert parameters.volume is None
    assert parameters.either is None
    assert parameters.method is Method.KERNEL
    assert parameters.half_life_h == 159.5
    assert parameters.note == ""
    assert parameters.factor == 1.25
    assert parameters.made == [1, 2]
    assert parameters.start is None
    assert parameters.times_h == [4.0, 24.0]
    assert parameters.names == {}
    assert parameters.pair == (3, "three")
    assert parameters.plan.limits.kidney_gy == 23.0
    assert (parameters.window.minimum, parameters.window.maximum) == (1, 5)


def test_texts_in_the_node_are_those_of_slicer(parameters, node):
    """Names and texts as Slicer's own wrapper writes them (this test holds with SLICER_SRC as well)."""
    parameters.method = Method.LOCAL
    parameters.use_density = False
    parameters.start = 2.5
    parameters.names = {"kidney": 1.5}
    written = {name: node.GetParameter(name) for name in node.GetParameterNames()}
    expected = {
        "volume": "",
        "either.2": "True",
        "method": "LOCAL",
        "half_life_h": "159.5",
        "count": "4",
        "unit": "Bq/mL",
        "not_zero": "1",
        "use_density": "False",
        "note": "",
        "factor": "1.25",
        "made.0": "1",
        "made.1": "2",
        "made.len": "2",
        "start.0": "2.5",
        "folder": ".",
        "times_h.0": "4.0",
        "times_h.1": "24.0",
        "times_h.len": "2",
        "names.0.0": "kidney",
        "names.0.1": "1.5",
        "names.len": "1",
        "pair.0": "3",
        "pair.1": "three",
        "plan.limits.kidney_gy": "23.0",
        "plan.limits.marrow_gy": "2.0",
        "plan.name": "first",
        "window._minimum": "1",
        "window._maximum": "5",
    }
    assert written == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("half_life_h", 0.0),
        ("half_life_h", "159"),
        ("half_life_h", None),
        ("count", 0),
        ("count", 10),
        ("count", 1.5),
        ("unit", "Ci"),
        ("not_zero", 0),
        ("use_density", "yes"),
        ("method", "LOCAL"),
        ("note", 3),
        ("times_h", [1.0, "two"]),
        ("start", "soon"),
    ],
)
def test_wrong_values_are_refused_and_change_nothing(parameters, name, value):
    before = getattr(parameters, name)
    with pytest.raises((TypeError, ValueError)):
        setattr(parameters, name, value)
    assert getattr(parameters, name) == before


def test_node_of_another_class_is_refused(parameters, scene):
    with pytest.raises(TypeError):
        parameters.volume = scene.AddNewNodeByClass("vtkMRMLTableNode")


def test_node_references(parameters, scene, make_volume):
    import numpy as np

    volume = make_volume(np.zeros((2, 2, 2), np.float32))
    table = scene.AddNewNodeByClass("vtkMRMLTableNode")
    parameters.volume = volume
    parameters.either = table
    assert parameters.volume is volume
    assert parameters.either is table
    parameters.either = scene.AddNewNodeByClass("vtkMRMLModelNode")
    assert parameters.either.IsA("vtkMRMLModelNode")
    parameters.volume = None
    assert parameters.volume is None


def test_second_wrapper_sees_the_same_values(parameters, node):
    parameters.half_life_h = 64.0
    parameters.plan.name = "second"
    again = Parameters(node)
    assert again.half_life_h == 64.0
    assert again.plan.name == "second"


def test_list_is_written_when_it_changes(parameters, node):
    parameters.times_h.append(72.0)
    parameters.times_h[0] = 5.0
    assert parameters.times_h == [5.0, 24.0, 72.0]
    assert node.GetParameter("times_h.2") == "72.0"
    del parameters.times_h[1:]
    assert parameters.times_h == [5.0]
    assert not node.HasParameter("times_h.1")


def test_dictionary_is_written_when_it_changes(parameters):
    parameters.names = {"kidney": 1.0}
    parameters.names["liver"] = 2.0
    assert parameters.names == {"kidney": 1.0, "liver": 2.0}
    del parameters.names["kidney"]
    assert list(parameters.names) == ["liver"]


def test_pack_is_written_when_a_field_changes(parameters, node):
    parameters.plan.limits.kidney_gy = 28.0
    assert node.GetParameter("plan.limits.kidney_gy") == "28.0"
    with pytest.raises(ValueError):  # noqa: PT011
        parameters.plan.limits.kidney_gy = 200.0
    assert parameters.plan.limits.kidney_gy == 28.0
    parameters.setValue("plan.limits.marrow_gy", 1.5)
    assert parameters.getValue("plan.limits.marrow_gy") == 1.5
    parameters.plan = Plan(limits=Limits(20.0, 1.0), name="third")
    assert (parameters.plan.name, parameters.plan.limits.kidney_gy) == ("third", 20.0)


def test_packs_compare_by_value():
    assert Limits() == Limits(23.0, 2.0)
    assert Limits(kidney_gy=20.0) != Limits()
    assert isParameterPack(Limits)
    assert nestedParameterNames(Plan) == ["limits.kidney_gy", "limits.marrow_gy", "name"]
    with pytest.raises(TypeError):
        Limits(heart_gy=1.0)
    with pytest.raises(ValueError):  # noqa: PT011
        Limits(kidney_gy=-1.0)


def test_range_is_ordered():
    with pytest.raises(ValueError):  # noqa: PT011
        FloatRange(5, 1)


def test_change_is_announced_once(parameters, node):
    calls = []
    tag = parameters.AddObserver("ModifiedEvent", lambda caller, event: calls.append(event))
    parameters.half_life_h = 100.0
    assert len(calls) == 1
    with slicer.util.NodeModify(parameters):
        parameters.half_life_h = 101.0
        parameters.note = "a"
        parameters.times_h = [1.0, 2.0, 3.0]
        assert len(calls) == 1
    assert len(calls) == 2
    parameters.RemoveObserver(tag)


def test_wrapper_knows_its_parameters(parameters):
    assert isParameterNodeWrapper(Parameters)
    assert isParameterNodeWrapper(parameters)
    assert list(Parameters.allParameters)[:2] == ["volume", "either"]
    assert parameters.dataType("use_density") is bool
    assert parameters.default("half_life_h").value == 159.5
    with pytest.raises(ValueError):  # noqa: PT011
        parameters.setValue("no_such_parameter", 1)


def test_names_of_the_wrapper_are_refused():
    with pytest.raises(ValueError):  # noqa: PT011

        @parameterNodeWrapper
        class Wrong:
            connectGui: int


def test_scene_bundle_brings_the_parameters_back(parameters, make_volume, tmp_path):
    import numpy as np

    parameters.volume = make_volume(np.ones((2, 2, 2), np.float32), "SPECT 24 h")
    parameters.parameterNode.SetSingletonTag("Study")
    parameters.method = Method.LOCAL
    parameters.half_life_h = 64.0
    parameters.times_h = [1.0, 2.0, 3.0]
    parameters.plan.limits.kidney_gy = 28.0
    parameters.names = {'Kidney, left; "L" <ä>': 1.5}
    path = tmp_path / "study.mrb"
    assert slicer.util.saveScene(str(path), {})
    slicer.mrmlScene.Clear()
    slicer.util.loadScene(str(path), {})
    again = Parameters(slicer.mrmlScene.GetSingletonNode("Study", "vtkMRMLScriptedModuleNode"))
    assert again.volume.GetName() == "SPECT 24 h"
    assert again.method is Method.LOCAL
    assert again.half_life_h == 64.0
    assert again.times_h == [1.0, 2.0, 3.0]
    assert again.plan.limits.kidney_gy == 28.0
    assert again.names == {'Kidney, left; "L" <ä>': 1.5}
