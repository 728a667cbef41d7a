"""The phantom patient: generated on the spot, since nothing needs to be downloaded for it."""

import os

import slicer

from RNTDosimetryLib.demo.patient import STUDY_FILE, make_demo_patient

_FOLDER = "RNTDosimetryPhantom"


def study_for_sample(logic, parameter_node):
    """The study itself when it holds no images yet; otherwise a further one: a sample overwrites nothing."""
    used = parameter_node.activityVolumes or parameter_node.segmentation is not None or parameter_node.planScoutVolume is not None
    return logic.addStudy("Phantom") if used else parameter_node


def make_phantom(size: str = "small", progress=None) -> str:
    """Write the phantom patient into the application's temporary folder. Returns the path of its study file."""
    folder = os.path.join(slicer.app.temporaryPath, _FOLDER)
    patient = make_demo_patient(folder, size, **({"progress": progress} if progress is not None else {}))
    return str(patient.folder / STUDY_FILE)
