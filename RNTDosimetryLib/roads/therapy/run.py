"""The road: load, calibrate, register, delineate, measure, fit, dose, assess, report."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from RNTDosimetryLib.base.progress import Progress, part, silent, stopping
from RNTDosimetryLib.base.provenance import versions
from RNTDosimetryLib.base.records import read_json_file
from RNTDosimetryLib.dose import DoseMap
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads.therapy import steps
from RNTDosimetryLib.roads.therapy.alignment import align
from RNTDosimetryLib.roads.therapy.images import StudyImages, load_study
from RNTDosimetryLib.roads.therapy.judgment import decay_warnings, region_warnings, scan_balances, with_biological_dose
from RNTDosimetryLib.roads.therapy.request import Study, read_study
from RNTDosimetryLib.roads.therapy.result import Alignment, RegionResult, StudyResult, TiaMap


def run_study(
    images: StudyImages, study: Study, progress: Progress = silent, cancel: Callable[[], bool] | None = None
) -> StudyResult:
    """Absorbed dose of every region and voxel of a study whose images are loaded.

    progress: called with the fraction done and words. cancel: asked between and within the steps; True raises Cancelled.
    Raises DosimetryError for input that cannot be used. Nothing is written.
    """
    progress = stopping(progress, cancel)
    settings = study.settings
    alignments = align(images, settings, part(progress, 0.0, 0.5))
    progress(0.5, "Measuring the regions")
    curves = steps.measure(images, alignments, settings)
    progress(0.6, "Fitting the curves")
    fits = steps.fit(curves, images.nuclide, study)
    tia = steps.integrate_voxels(images, alignments, fits, settings, part(progress, 0.65, 0.85))
    progress(0.85, "Computing the dose map")
    dose = steps.deposit(tia, images.nuclide, settings, images.scans[images.reference_index].ct)
    progress(0.95, "Assessing the regions")
    regions = steps.assess(images, curves, fits, tia, dose, settings)
    progress(1.0, "Computed")
    return assemble(images, study, alignments, tia, dose, regions)


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
        warnings=(
            *images.warnings,
            *(warning for scan in images.scans for warning in scan.activity.warnings),
            *_unstated(images),
            *decay_warnings(regions, images.nuclide, images.administered_activity_mbq),
            *region_warnings(regions, study),
        ),
        created=datetime.now().replace(microsecond=0),
    )


def run_study_file(path: str | Path, progress: Progress = silent, cancel: Callable[[], bool] | None = None):
    """Load and run a study file or a results.json. Returns (StudyImages, StudyResult).

    A results.json holds the fingerprints of its inputs: what is another by now is named in a warning.
    """
    path = Path(path)
    study = read_study(path)
    progress = stopping(progress, cancel)
    images = load_study(study, path.parent, part(progress, 0.0, 0.3))
    images = replace(images, warnings=(*images.warnings, *_changed_inputs(read_json_file(path, "a study file"), images)))
    return images, run_study(images, study, part(progress, 0.3, 1.0), cancel)


def _changed_inputs(content: dict, images: StudyImages) -> tuple[str, ...]:
    stored, present = content.get("input_hashes"), images.input_hashes()
    if not isinstance(stored, dict) or stored == present:
        return ()
    changed = sorted(name for name in stored.keys() | present.keys() if stored.get(name) != present.get(name))
    return (
        f"{', '.join(changed)} changed since these results were computed: the numbers below are of the present files, not of those then.",
    )


def _unstated(images: StudyImages) -> tuple[str, ...]:
    missing = [scan.name for scan in images.scans if scan.activity.calibration_uncertainty == 0]
    if not missing:
        return ()
    where = "" if len(missing) == len(images.scans) else f" for {', '.join(missing)}; the largest of the others was taken"
    included = "" if where else " and is not included"
    return (f"The uncertainty of the camera's calibration was not stated{where}{included}; it is common to all doses.",)


def constants_of(nuclide_name: str) -> dict:
    """The decay data used, for the report."""
    nuclide = get_nuclide(nuclide_name)
    return {
        "half_life_h": nuclide.half_life_h,
        "electron_energy_mev": nuclide.electron_energy_mev,
        "photon_energy_mev": nuclide.photon_energy_mev,
        "alpha_energy_mev": nuclide.alpha_energy_mev,
        "local_dose_constant_j_per_gbq": nuclide.local_dose_constant_j_per_gbq,
        "sources": list(nuclide.sources),
    }
