"""Fixtures: a fresh scene, the application, and a small module made for the test."""

import numpy as np
import pytest

import host
from host.mini_module import FILE_NAME, NAME, PANEL, SOURCE


@pytest.fixture
def scene():
    """The scene of this process, empty before and after."""
    started = host.start_scene()
    started.scene.Clear()
    yield started.scene
    started.scene.Clear()


@pytest.fixture
def application(scene):
    """The Qt application on the empty scene."""
    return host.start_application().application


@pytest.fixture
def module_folder(tmp_path):
    """Folder with the module file and its panel, as in an extension."""
    folder = tmp_path / NAME
    (folder / "Resources" / "UI").mkdir(parents=True)
    (folder / FILE_NAME).write_text(SOURCE, encoding="utf-8")
    (folder / "Resources" / "UI" / f"{NAME}.ui").write_text(PANEL, encoding="utf-8")
    return folder


@pytest.fixture
def module(application, module_folder):
    """The module, loaded; unloaded afterwards."""
    yield host.load_module(module_folder, NAME)
    host.unload_module(NAME)


@pytest.fixture
def make_volume(scene):
    """Makes a scalar volume node of an array (z, y, x), oblique and anisotropic unless told otherwise."""
    import slicer

    angle = np.deg2rad(20)
    oblique = np.eye(4)
    oblique[:3, :3] = [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    oblique = oblique @ np.diag([2.0, 3.0, 4.0, 1.0])
    oblique[:3, 3] = (-30.0, 12.0, 100.0)

    def make(array, name="SPECT", ijk_to_ras=oblique):
        node = slicer.util.addVolumeFromArray(np.asarray(array), ijkToRAS=np.asarray(ijk_to_ras), name=name)
        node.CreateDefaultDisplayNodes()
        return node

    return make


@pytest.fixture
def make_segmentation(scene):
    """Makes a segmentation node of a label array on the grid of a volume, with segments of the given names."""
    import slicer

    def make(labels, volume, names):
        label_node = slicer.util.addVolumeFromArray(
            labels.astype(np.uint8), name="labels", nodeClassName="vtkMRMLLabelMapVolumeNode"
        )
        label_node.CopyOrientation(volume)
        node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Organs")
        node.CreateDefaultDisplayNodes()
        assert slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(label_node, node)
        scene.RemoveNode(label_node)
        for index, name in enumerate(names):
            node.GetSegmentation().GetNthSegment(index).SetName(name)
        return node

    return make
