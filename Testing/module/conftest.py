"""The module in the host, on a small phantom patient that is made once."""

from pathlib import Path

import host
import pytest

from RNTDosimetryLib.demo import STUDY_FILE, make_demo_patient
from RNTDosimetryLib.workflow import run_study_file

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
    container.enter()
    yield container, container.self()
    container.exit()
