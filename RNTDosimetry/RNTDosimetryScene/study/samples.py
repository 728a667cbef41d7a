"""The phantom patient as sample data: generated on the spot, since nothing needs to be downloaded for it."""

import os

import slicer

from RNTDosimetryLib.demo.patient import STUDY_FILE, make_demo_patient

CATEGORY = "RNTDosimetry"
SAMPLE_NAME = "RNTDosimetryPhantom"


def register(icon_path: str, load) -> bool:
    """Offer the phantom in the module Sample Data, where that module is. load: called with the path of the study file."""
    try:
        import SampleData
    except ImportError:
        return False
    sources = getattr(slicer.modules, "sampleDataSources", {}).get(CATEGORY, [])
    if any(source.sampleName == SAMPLE_NAME for source in sources):
        return True
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=SAMPLE_NAME,
        # Sample Data wants an address of every source; this one is never opened.
        uris="generated:" + SAMPLE_NAME,
        thumbnailFileName=icon_path,
        customDownloader=lambda source=None: load(make_phantom()),
    )
    return True


def make_phantom(size: str = "small", progress=None) -> str:
    """Write the phantom patient into the application's temporary folder. Returns the path of its study file."""
    folder = os.path.join(slicer.app.temporaryPath, SAMPLE_NAME)
    patient = make_demo_patient(folder, size, **({"progress": progress} if progress is not None else {}))
    return str(patient.folder / STUDY_FILE)
