"""The self test's case: the phantom patient without blur and noise, so that only our own steps can be wrong."""

import tempfile

from RNTDosimetryLib.demo.patient import STUDY_FILE, make_demo_patient, region_deviations

_LIMIT = 0.05
_ORGANS = ("kidney_left", "kidney_right", "liver", "spleen")


def phantom_deviations(logic, temporary_folder: str) -> list[tuple[str, float, float]]:
    """(name, relative deviation from the truth, limit) of the organs' doses, through the logic and the scene."""
    with tempfile.TemporaryDirectory(dir=temporary_folder) as folder:
        patient = make_demo_patient(f"{folder}/phantom", "small", blur=False, noise=False, motion=False)
        result = logic.run(logic.loadStudyFile(patient.folder / STUDY_FILE))
    found = {item.region: item for item in region_deviations(result, patient.truth)}
    return [(name, found[name].dose, _LIMIT) for name in _ORGANS]
