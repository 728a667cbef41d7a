"""The scans of a study bent onto the reference before it is computed: optional, for organs that slide or breathe differently."""

from dataclasses import dataclass, replace

import numpy as np

from RNTDosimetryLib.base.progress import Progress, part, silent
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images import occupancy_on_grid
from RNTDosimetryLib.registration import DeformableRegistration, deform_activity, register_deformable
from RNTDosimetryLib.roads.therapy.alignment import align
from RNTDosimetryLib.roads.therapy.images import Scan, StudyImages
from RNTDosimetryLib.roads.therapy.request import Study, StudySettings
from RNTDosimetryLib.roads.therapy.result import Alignment

_WHOLLY_SEEN = 0.999


@dataclass(frozen=True, eq=False)
class DeformedScans(Record):
    """A study whose scans all lie on the activity grid of the reference.

    alignments: the rigid ones that came first. deformations: by scan, None for the reference.
    """

    images: StudyImages
    alignments: tuple[Alignment, ...]
    deformations: tuple[DeformableRegistration | None, ...]

    def study(self, study: Study) -> Study:
        """The study to compute with these images: nothing is left to register."""
        identity = tuple(map(tuple, np.eye(4).tolist()))
        return replace(study, settings=replace(study.settings, registrations=(identity,) * len(self.images.scans)))


def deform_scans(
    images: StudyImages, settings: StudySettings | None = None, control_spacing_mm: float = 75.0, progress: Progress = silent
) -> DeformedScans:
    """Every scan aligned as the settings say and then bent onto the reference, by the CTs or by the activity.

    The concentration of the tissue is kept (see ``deform_activity``): an organ slides and bends between scans, its mass stays, so
    concentration times the volume of the reference is its activity. Warnings of the deformations travel with the images, and so does that they were deformed: running the
    results again from the files does not repeat it. Raises DosimetryError as ``align`` and ``register_deformable`` do.
    """
    settings = settings or StudySettings()
    alignments = align(images.scans, images.reference_index, settings, part(progress, 0.0, 0.3))
    reference = images.scans[images.reference_index]
    scans, found, warnings = [], [], []
    for index, (scan, alignment) in enumerate(zip(images.scans, alignments)):
        part(progress, 0.3, 1.0)(index / len(images.scans), f"Deforming {scan.name}")
        if scan is reference:
            scans.append(scan)
            found.append(None)
            continue
        by_ct = settings.register_by == "ct" and scan.ct is not None and reference.ct is not None
        pair = (reference.ct, scan.ct) if by_ct else (reference.activity, scan.activity)
        deformation = register_deformable(*pair, alignment.matrix, control_spacing_mm)
        moved = deform_activity(scan.activity, reference.activity.geometry, deformation)
        scans.append(Scan(moved.image))
        found.append(deformation)
        warnings += [
            warned(
                "scan_was_deformed",
                scan=scan.name,
                reference=reference.name,
                means="the CTs" if by_ct else "the activity",
                most=deformation.displacement_max_mm,
            ),
            *alignment.warnings,
            *deformation.warnings,
            *_unseen(images, scan, moved),
        ]
    return DeformedScans(replace(images, scans=tuple(scans), warnings=(*images.warnings, *warnings)), alignments, tuple(found))


def _unseen(images: StudyImages, scan: Scan, moved) -> list[str]:
    """Voxels without data are 0 from now on: a region that holds some is measured too low."""
    texts = []
    for region in images.regions:
        occupancy = occupancy_on_grid(region, moved.image.geometry)
        share = float((occupancy * moved.inside).sum(dtype=float) / max(occupancy.sum(dtype=float), 1e-30))
        if share < _WHOLLY_SEEN:
            texts.append(warned("region_unseen_after_deformation", region=region.name, share=100 * (1 - share), scan=scan.name))
    return texts
