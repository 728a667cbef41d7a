"""The registration step: where every scan lies relative to the reference."""

from collections import OrderedDict

import numpy as np

from RNTDosimetryLib.base.documents import sha256_of_array
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images import ActivityImage, CtImage
from RNTDosimetryLib.images.transforms import rotation_angle_degrees
from RNTDosimetryLib.registration import RigidRegistration, register_rigid, register_rigid_activity
from RNTDosimetryLib.registration.quality import registration_quality
from RNTDosimetryLib.roads.therapy.images import Scan
from RNTDosimetryLib.roads.therapy.result import Alignment
from RNTDosimetryLib.roads.therapy.settings import StudySettings

_IDENTITY = tuple(map(tuple, np.eye(4).tolist()))
_KEPT_REGISTRATIONS = 32
_STILL = 1e-3


def align(
    scans: tuple[Scan, ...], reference_index: int, settings: StudySettings, progress: Progress = silent
) -> tuple[Alignment, ...]:
    """Where every scan lies relative to the reference: by the given matrices, by the CTs, by the activity, or as they are.

    Whoever asks for CTs does not get another method in silence: a scan without a CT is then taken as aligned, with a warning
    that names the remedy. By activity, every scan is aligned by its activity image; its CT, of the same session, goes with it.
    Raises DosimetryError when the registration of a scan fails or is not believable.
    """
    if settings.registrations is not None:
        if len(settings.registrations) != len(scans):
            raise DosimetryError(
                f"Expected one registration for each of the {len(scans)} scans, received {len(settings.registrations)}."
            )
        return tuple(
            _given(scan, matrix, scans[reference_index])
            for index, (scan, matrix) in enumerate(zip(scans, settings.registrations))
        )
    reference = scans[reference_index]
    alignments = []
    for index, scan in enumerate(scans):
        progress(index / len(scans), f"Aligning {scan.name}")
        if scan is reference:
            alignments.append(Alignment(scan.name, _IDENTITY, "reference"))
        elif not settings.register:
            alignments.append(
                Alignment(scan.name, _IDENTITY, "taken as aligned", warnings=(warned("not_registered", name=scan.name),))
            )
        elif settings.register_by == "ct" and (scan.ct is None or reference.ct is None):
            alignments.append(Alignment(scan.name, _IDENTITY, "taken as aligned", warnings=(_without_ct(scan, reference),)))
        else:
            found = (
                _registered(reference.ct, scan.ct)
                if settings.register_by == "ct"
                else _registered(reference.activity, scan.activity)
            )
            alignments.append(
                Alignment(
                    scan.name, found.matrix, found.method, found.shift_mm, found.rotation_degrees, found.quality, found.warnings
                )
            )
    return tuple(alignments)


_found_registrations: OrderedDict[tuple, RigidRegistration] = OrderedDict()


def _without_ct(scan: Scan, reference: Scan) -> str:
    without = " and ".join(item.name for item in (reference, scan) if item.ct is None)
    return warned("taken_as_aligned", without=without, name=scan.name, reference=reference.name)


def _registered(fixed: CtImage | ActivityImage, moving: CtImage | ActivityImage) -> RigidRegistration:
    """Registration of two CTs or two activity images, found once: who changes a model or a region need not wait for it again."""
    key = tuple(part for image in (fixed, moving) for part in _what_registration_reads(image))
    if key not in _found_registrations:
        _found_registrations[key] = (
            register_rigid(fixed, moving) if isinstance(fixed, CtImage) else register_rigid_activity(fixed, moving)
        )
    _found_registrations.move_to_end(key)
    while len(_found_registrations) > _KEPT_REGISTRATIONS:
        _found_registrations.popitem(last=False)
    return _found_registrations[key]


def _what_registration_reads(image: CtImage | ActivityImage) -> tuple:
    voxels = image.hounsfield if isinstance(image, CtImage) else image.concentration_bq_ml
    return type(image).__name__, sha256_of_array(voxels), image.geometry, image.frame_of_reference_uid, image.name


def _given(scan: Scan, matrix, reference: Scan) -> Alignment:
    """As it was given, with what the CTs say of it, where there are any."""
    array, name, quality = np.asarray(matrix, dtype=float), scan.name, None
    if array.shape != (4, 4):
        raise DosimetryError(
            f"Expected a 4 x 4 registration matrix for {name}, received shape {array.shape}; check the study file."
        )
    warnings: tuple[str, ...] = ()
    if scan is reference:
        if not np.allclose(array, np.eye(4), atol=_STILL):
            warnings = (warned("reference_moved", name=name),)
    elif scan.ct is not None and reference.ct is not None:
        quality, _center = registration_quality(reference.ct, scan.ct, array)
        warnings = quality.warnings(name)
    return Alignment(
        name,
        tuple(map(tuple, array.tolist())),
        "given",
        float(np.linalg.norm(array[:3, 3])),
        rotation_angle_degrees(array),
        quality,
        warnings,
    )
