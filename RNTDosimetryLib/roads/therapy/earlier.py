"""What an earlier cycle of the patient gives a later one: the curves of its regions, for scans that are too few for a curve of their own."""

from dataclasses import replace
from pathlib import Path

from RNTDosimetryLib.base.documents import sha256_of_file
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.roads.therapy.images import EarlierCurves, StudyImages
from RNTDosimetryLib.roads.therapy.request import Study
from RNTDosimetryLib.roads.therapy.result import StudyResult

EARLIER_KEY = "earlier_results"


def read_earlier(path: str | Path) -> EarlierCurves:
    """The fits of a results.json, by region, also of one of the first version. Raises DosimetryError for another file."""
    result = StudyResult.read(path)
    patient = "" if result.patient is None else result.patient.id_hash
    return EarlierCurves({item.name: item.fit for item in result.regions}, result.nuclide, patient)


def check_earlier(earlier: EarlierCurves, nuclide: str, patient_hash: str) -> None:
    """Raises DosimetryError for results of another nuclide, or of another patient where both are known."""
    if nuclide and earlier.nuclide != nuclide:
        raise DosimetryError(
            f"Expected earlier_results of {nuclide}, received results of {earlier.nuclide}; name a cycle of the same nuclide."
        )
    if patient_hash and earlier.patient_hash and patient_hash != earlier.patient_hash:
        raise DosimetryError(
            "Expected earlier_results of this patient, received those of another; name the results.json of an earlier cycle."
        )


def with_earlier(images: StudyImages, study: Study) -> StudyImages:
    """The images with the curves that the study's earlier_results hold; without such a file the images themselves."""
    if study.earlier_results is None or images.earlier is not None:
        return images
    earlier = read_earlier(study.earlier_results)
    check_earlier(earlier, images.nuclide, "" if images.patient is None else images.patient.id_hash)
    return replace(
        images, earlier=earlier, file_hashes=images.file_hashes | {EARLIER_KEY: sha256_of_file(Path(study.earlier_results))}
    )
