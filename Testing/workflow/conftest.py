import pytest

from RNTDosimetryLib.demo import STUDY_FILE, make_demo_patient
from RNTDosimetryLib.workflow import run_study_file


@pytest.fixture(scope="session")
def small_patient(tmp_path_factory):
    """Blur, noise and motion on coarse grids, with its study file."""
    return make_demo_patient(tmp_path_factory.mktemp("small") / "phantom", "small")


@pytest.fixture(scope="session")
def small_run(small_patient):
    """(StudyImages, StudyResult) of the small patient."""
    return run_study_file(small_patient.folder / STUDY_FILE)
