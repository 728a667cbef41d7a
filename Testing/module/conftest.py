"""The module in the host, on a small phantom patient that is made once."""

from pathlib import Path

import host
import pytest

from RNTDosimetryLib.demo.patient import STUDY_FILE, make_demo_patient
from RNTDosimetryLib.roads.therapy import run_study_file

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def patient(tmp_path_factory):
    return make_demo_patient(tmp_path_factory.mktemp("patient") / "phantom", "small")


@pytest.fixture(scope="session")
def study_path(patient):
    return patient.folder / STUDY_FILE


@pytest.fixture(scope="session")
def library_run(study_path):
    """(StudyImages, StudyResult) without any scene."""
    return run_study_file(study_path)


@pytest.fixture(scope="session")
def module():
    host.start_application()
    return host.load_module(ROOT / "RNTDosimetry", "RNTDosimetry")


@pytest.fixture
def scene(module):
    import slicer

    slicer.mrmlScene.Clear()
    yield slicer.mrmlScene
    slicer.mrmlScene.Clear()


@pytest.fixture
def logic(scene):
    from RNTDosimetry import RNTDosimetryLogic

    return RNTDosimetryLogic()


@pytest.fixture
def panel(scene, module):
    """The panel, entered; what a user sees. (container, widget)"""
    container = module.widgetRepresentation()
    container.self().ui.outputFolderPathLineEdit.currentPath = ""
    container.enter()
    yield container, container.self()
    container.exit()


@pytest.fixture(scope="module")
def computed_scene(module, study_path):
    """(logic, parameter node, result) of the phantom, computed once for the tests of one file, which leave it as it is."""
    import slicer

    from RNTDosimetry import RNTDosimetryLogic

    slicer.mrmlScene.Clear()
    logic = RNTDosimetryLogic()
    parameter_node = logic.loadStudyFile(study_path)
    yield logic, parameter_node, logic.run(parameter_node)
    slicer.mrmlScene.Clear()


@pytest.fixture(scope="module")
def computed_panel(computed_scene, module):
    """(container, widget) of the entered panel on the computed scene."""
    container = module.widgetRepresentation()
    widget = container.self()
    widget.logic = computed_scene[0]
    widget.panel.logic = computed_scene[0]
    for section in widget.panel.sections:
        section.logic = computed_scene[0]
    container.enter()
    yield container, widget
    container.exit()
