"""The road: load, calibrate, register, delineate, measure, fit, dose, assess, report; step by step, each only when what it reads has changed."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from RNTDosimetryLib.base.checks import checked_kind, one_of
from RNTDosimetryLib.base.progress import Progress, part, silent, stopping
from RNTDosimetryLib.base.provenance import now, versions
from RNTDosimetryLib.base.records import to_plain
from RNTDosimetryLib.base.settings import settings_of
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.dose import DoseMap
from RNTDosimetryLib.nuclides import source_nuclide
from RNTDosimetryLib.roads.therapy import steps
from RNTDosimetryLib.roads.therapy.alignment import align
from RNTDosimetryLib.roads.therapy.earlier import EARLIER_KEY, with_earlier
from RNTDosimetryLib.roads.therapy.images import Scan, StudyImages, load_study
from RNTDosimetryLib.roads.therapy.judgment import (
    decay_warnings,
    recovery_warnings,
    region_warnings,
    scan_balances,
    with_biological_dose,
)
from RNTDosimetryLib.roads.therapy.request import REGION_STEPS, Study, read_study
from RNTDosimetryLib.roads.therapy.result import Alignment, RegionResult, StudyResult, TiaMap
from RNTDosimetryLib.roads.therapy.settings import STEPS, StudySettings

WORDS = {
    "register": "Aligning the scans", "measure": "Measuring the regions", "fit": "Fitting the curves", "dose": "Integrating the voxels",
}  # fmt: skip
_ENDS = {"register": 0.5, "measure": 0.6, "fit": 0.65, "dose": 1.0}


@dataclass(frozen=True)
class Source:
    """What the steps read, wherever it comes from: files or a Slicer scene.

    keys: text by step that changes whenever something changes that the step reads (``step_keys``). scans, images: read when they are needed.
    register: how the scans are aligned; a host may have registrations of its own. settled: the study that gives the same numbers again, with the
    registrations that only the host could find.
    """

    study: Study
    keys: Mapping[str, str]
    scans: Callable[[], tuple[tuple[Scan, ...], int]]
    images: Callable[[], StudyImages]
    register: Callable[[tuple[Scan, ...], int, Progress], tuple[Alignment, ...]]
    settled: Callable[[tuple[Alignment, ...]], Study]


def source_of(images: StudyImages, study: Study) -> Source:
    """The source of a script: images that are loaded, known by their voxels."""
    images = with_earlier(images, study)
    stamps = Stamps.of(images)
    return Source(
        study=study,
        keys=step_keys(study, stamps),
        scans=lambda: (images.scans, images.reference_index),
        images=lambda: images,
        register=lambda scans, index, progress: align(scans, index, study.settings, progress),
        settled=lambda alignments: study,
    )


@dataclass(frozen=True)
class Stamps:
    """What the inputs of a study hold, as plain data that changes when they do. places: where transforms put the scans."""

    reference_index: int
    activities: tuple
    cts: tuple
    regions: tuple
    nuclide: str
    therapy: tuple = ()
    recovery: str = ""
    earlier: str = ""
    places: tuple = ()

    @classmethod
    def of(cls, images: StudyImages) -> "Stamps":
        hashes = images.input_hashes()
        return cls(
            reference_index=images.reference_index,
            activities=tuple((scan.start_h, hashes[scan.activity.name]) for scan in images.scans),
            cts=tuple(None if scan.ct is None else hashes[scan.ct.name] for scan in images.scans),
            regions=tuple((region.name, hashes[region.name], region.recovery_coefficient) for region in images.regions),
            nuclide=images.nuclide,
            therapy=(images.administered_activity_mbq, str(images.administration_time), images.radiopharmaceutical),
            earlier=images.file_hashes.get(EARLIER_KEY, ""),
        )


def step_keys(study: Study, stamps: Stamps) -> dict[str, str]:
    """Key of every step, each holding those of the steps before it. Which setting a step reads first stands in its declaration."""
    by_activity = study.settings.register and study.settings.register_by == "activity"
    read = {
        "register": [
            stamps.reference_index,
            len(stamps.activities),
            stamps.activities if by_activity else stamps.cts,
            stamps.places,
        ],
        "measure": [stamps.nuclide, stamps.activities, stamps.regions, stamps.recovery],
        "fit": [stamps.earlier],
        "dose": [stamps.cts, stamps.therapy],
    }
    keys, before = {}, ""
    for step in STEPS:
        settings = {item.name: getattr(study.settings, item.name) for item in settings_of(StudySettings) if item.step == step}
        regions = {
            name: {key: value for key, value in region.to_dict().items() if REGION_STEPS.get(key, "measure") == step}
            for name, region in sorted(study.regions.items())
        }
        before = keys[step] = hashlib.sha256(json.dumps(to_plain([before, read[step], settings, regions])).encode()).hexdigest()
    return keys


class Therapy:
    """One study computed step by step: a step is done again only when something has changed that it reads."""

    def __init__(self):
        self._done: dict[str, tuple[str, object]] = {}

    def result(self, step: str):
        """Last result of a step, current or not; None when there is none."""
        return self._done[step][1] if step in self._done else None

    def is_current(self, step: str, keys: Mapping[str, str]) -> bool:
        return step in self._done and self._done[step][0] == keys[step]

    def keep(self, results: Mapping[str, object], keys: Mapping[str, str]) -> None:
        """Keep what was computed; whoever must undo a failure keeps only after all has been shown."""
        self._done.update({step: (keys[step], result) for step, result in results.items()})

    def compute_to(self, last: str, source: Source, progress: Progress = silent) -> dict[str, object]:
        """Results of every step up to ``last``: that one is computed anew, those before it only where they are not current. Nothing is kept yet."""
        one_of(last, STEPS, "a step")
        results, wanted, start = {}, STEPS[: STEPS.index(last) + 1], 0.0
        for step in wanted:
            own = part(progress, start / _ENDS[last], _ENDS[step] / _ENDS[last])
            start = _ENDS[step]
            if step != last and self.is_current(step, source.keys):
                results[step] = self.result(step)
                continue
            own(0.0, WORDS[step])
            results[step] = _DO[step](source, results, own)
        return results

    def run_to(self, last: str, source: Source, progress: Progress = silent):
        """As ``compute_to``, kept. Returns the result of ``last``: alignments, curves, fits, or the StudyResult."""
        results = self.compute_to(last, source, progress)
        self.keep(results, source.keys)
        return results[last]


def _register(source: Source, results, progress: Progress) -> tuple[Alignment, ...]:
    return source.register(*source.scans(), progress)


def _measure(source: Source, results, progress: Progress):
    return steps.measure(source.images(), results["register"], source.study.settings)


def _fit(source: Source, results, progress: Progress):
    images = source.images()
    return steps.fit(results["measure"], images.nuclide, source.study, images.earlier)


def _dose(source: Source, results, progress: Progress) -> StudyResult:
    images, alignments = source.images(), results["register"]
    study = source.settled(alignments)
    tia = steps.integrate_voxels(images, alignments, results["fit"], study.settings, part(progress, 0.0, 0.6))
    progress(0.6, "Computing the dose map")
    dose = steps.deposit(tia, images.nuclide, study.settings, images.scans[images.reference_index].ct)
    progress(0.85, "Assessing the regions")
    regions = steps.assess(images, results["measure"], results["fit"], tia, dose, study.settings)
    progress(1.0, "Computed")
    return assemble(images, study, alignments, tia, dose, regions)


_DO = {"register": _register, "measure": _measure, "fit": _fit, "dose": _dose}


def run_study(
    images: StudyImages | Study | str | Path,
    study: Study | None = None,
    progress: Progress = silent,
    cancel: Callable[[], bool] | None = None,
) -> StudyResult:
    """Absorbed dose of every region and voxel of a study: of a study file, of a Study, or of images that are loaded and their Study.

    progress: called with the fraction done and words. cancel: asked between and within the steps; True raises Cancelled.
    Raises DosimetryError for input that cannot be used. Nothing is written.
    """
    progress = stopping(progress, cancel)
    if isinstance(images, StudyImages):
        return Therapy().run_to("dose", source_of(images, checked_kind(study, Study, "the study of these images")), progress)
    return compute(images if isinstance(images, Study) else read_study(images), progress)


def assemble(
    images: StudyImages,
    study: Study,
    alignments: tuple[Alignment, ...],
    tia: TiaMap,
    dose: DoseMap,
    regions: tuple[RegionResult, ...],
) -> StudyResult:
    """The results of the steps as one result, with the constants, versions and input hashes that belong to it."""
    return StudyResult(
        study=study,
        nuclide=images.nuclide,
        radiopharmaceutical=images.radiopharmaceutical,
        administered_activity_mbq=images.administered_activity_mbq,
        administration_time=images.administration_time,
        patient=images.patient,
        alignments=alignments,
        tia_map=tia,
        dose_map=dose,
        regions=with_biological_dose(regions, study),
        constants=constants_of(images.nuclide),
        input_hashes=images.input_hashes(),
        versions=versions(),
        intake_table=images.intake_table,
        calibration=images.calibration,
        recovery=images.recovery,
        balances=scan_balances(images),
        unmeasured=images.unmeasured,
        warnings=(
            *recovery_warnings(regions),
            *images.warnings,
            *(warning for scan in images.scans for warning in scan.activity.warnings),
            *_unstated(images),
            *decay_warnings(regions, images.nuclide, images.administered_activity_mbq),
            *region_warnings(regions, study),
        ),
        created=now(),
        images=images,
    )


def compute(study: Study, progress: Progress = silent) -> StudyResult:
    """Load and compute a study whose paths are seen from the working folder. Raises DosimetryError for what cannot be used."""
    return run_study(load_study(study, progress=part(progress, 0.0, 0.3)), study, part(progress, 0.3, 1.0))


def _unstated(images: StudyImages) -> tuple[str, ...]:
    missing = [scan.name for scan in images.scans if scan.activity.calibration_uncertainty == 0]
    if not missing:
        return ()
    if len(missing) == len(images.scans):
        return (warned("calibration_not_stated"),)
    return (warned("calibration_not_stated_for_some", scans=", ".join(missing)),)


def constants_of(nuclide_name: str) -> dict:
    """The decay data used, for the report: of the nuclide with its progeny, as the doses are."""
    nuclide = source_nuclide(nuclide_name)
    return {
        "half_life_h": nuclide.half_life_h,
        "electron_energy_mev": nuclide.electron_energy_mev,
        "photon_energy_mev": nuclide.photon_energy_mev,
        "alpha_energy_mev": nuclide.alpha_energy_mev,
        "local_dose_constant_j_per_gbq": nuclide.local_dose_constant_j_per_gbq,
        "sources": list(nuclide.sources),
    }
