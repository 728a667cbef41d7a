"""The registration step: where every scan lies relative to the reference."""

from collections import OrderedDict

import numpy as np

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images import CtImage, RigidRegistration, register_rigid
from RNTDosimetryLib.images.registration import rotation_angle_degrees
from RNTDosimetryLib.progress import Progress, silent
from RNTDosimetryLib.report import sha256_of_array
from RNTDosimetryLib.study import StudySettings
from RNTDosimetryLib.study_images import StudyImages
from RNTDosimetryLib.study_result import Alignment

_IDENTITY = tuple(map(tuple, np.eye(4).tolist()))
_KEPT_REGISTRATIONS = 32


def align(images: StudyImages, settings: StudySettings, progress: Progress = silent) -> tuple[Alignment, ...]:
    """Where every scan lies relative to the reference: by the given matrices, by the CTs, or as they are.

    Raises DosimetryError when the registration of a scan fails or is not believable.
    """
    if settings.registrations is not None:
        if len(settings.registrations) != len(images.scans):
            raise DosimetryError(
                f"Expected one registration for each of the {len(images.scans)} scans, received {len(settings.registrations)}."
            )
        return tuple(_given(scan.name, matrix) for scan, matrix in zip(images.scans, settings.registrations))
    reference = images.scans[images.reference_index]
    alignments = []
    for index, scan in enumerate(images.scans):
        progress(index / len(images.scans), f"Aligning {scan.name}")
        if scan is reference:
            alignments.append(Alignment(scan.name, _IDENTITY, "reference"))
        elif not settings.register:
            alignments.append(Alignment(scan.name, _IDENTITY, "taken as aligned", warnings=(f"{scan.name} was not registered, as the study says.",)))
        elif scan.ct is None or reference.ct is None:
            warning = f"{scan.name} has no CT to register by: it was taken as aligned with {reference.name}."
            alignments.append(Alignment(scan.name, _IDENTITY, "taken as aligned", warnings=(warning,)))
        else:
            found = _registered(reference.ct, scan.ct)
            alignments.append(Alignment(
                scan.name, found.matrix, found.method, found.shift_mm, found.rotation_degrees, found.quality, found.warnings
            ))
    return tuple(alignments)


_found_registrations: OrderedDict[tuple, RigidRegistration] = OrderedDict()


def _registered(fixed: CtImage, moving: CtImage) -> RigidRegistration:
    """Registration of two CTs, found once: who changes a model or a region need not wait for it again."""
    key = tuple(part for ct in (fixed, moving) for part in (sha256_of_array(ct.hounsfield), ct.geometry, ct.frame_of_reference_uid, ct.name))
    if key not in _found_registrations:
        _found_registrations[key] = register_rigid(fixed, moving)
    _found_registrations.move_to_end(key)
    while len(_found_registrations) > _KEPT_REGISTRATIONS:
        _found_registrations.popitem(last=False)
    return _found_registrations[key]


def _given(name: str, matrix) -> Alignment:
    array = np.asarray(matrix, dtype=float)
    if array.shape != (4, 4):
        raise DosimetryError(f"Expected a 4 x 4 registration matrix for {name}, received shape {array.shape}; check the study file.")
    return Alignment(
        name, tuple(map(tuple, array.tolist())), "given", float(np.linalg.norm(array[:3, 3])), rotation_angle_degrees(array)
    )
