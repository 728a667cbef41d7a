"""The phantom's four cycles from images to cumulative dose and the next activity, with how far every number is from the truth."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from RNTDosimetryLib.base.documents import make_output_folder, write_json
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.intake import Patient
from RNTDosimetryLib.phantom.course import phantom_nuclide, radiopharmaceutical_name
from RNTDosimetryLib.phantom.cycles import PhantomCycle, cycle_count, simulate_cycle
from RNTDosimetryLib.phantom.settings import load_protocol
from RNTDosimetryLib.report import Column, Table, measured
from RNTDosimetryLib.roads import course, therapy
from RNTDosimetryLib.roads.course import CourseResult
from RNTDosimetryLib.roads.therapy import RegionSettings, Study, StudyImages, StudyResult, StudySettings
from RNTDosimetryLib.roads.therapy.images import Scan

COURSE_FILE = "COURSE.json"
LIMIT_GY, PROBABILITY = 23.0, 0.16
_CALIBRATION_UNCERTAINTY, _RECOVERY_UNCERTAINTY = 0.05, 0.03
_SINGLE_SCAN_MODEL = "hanscheid"
_PATIENT = Patient(hashlib.sha256(b"RNT-PHANTOM-COURSE").hexdigest()[:16])


@dataclass(frozen=True)
class CourseDemo(Record):
    """What the demo found beside the truth. true_dose_gy: cumulative, by region. hand_activity_mbq: of the truth's Gy/GBq, by hand, without any spread."""

    folder: Path
    result: CourseResult
    true_dose_gy: dict[str, float]
    hand_activity_mbq: float

    def table(self) -> Table:
        rows = [
            (
                name,
                truth,
                measured(region.cumulative_dose_gy, region.cumulative_dose_uncertainty_gy),
                f"{100 * (region.cumulative_dose_gy / truth - 1):+.1f}",
            )
            for name, truth in self.true_dose_gy.items()
            if (region := self.result.regions[name])
        ]
        columns = (Column("Region", align="left"), Column("Truth", "Gy"), Column("Found", "Gy"), Column("Difference", "%"))
        ahead = self.result.next_cycle
        (first, *_rest) = [row for row in ahead.limits if f"{row.region} {row.limit}" == ahead.binding_limit] or ahead.limits
        note = (
            f"Next activity: {ahead.activity_mbq:.0f} MBq for a probability of {100 * PROBABILITY:g} % ({ahead.binding_limit}); the expectation reaches the limit at "
            f"{first.expected_activity_mbq:.0f} MBq, by hand from the truth at {self.hand_activity_mbq:.0f} MBq."
        )
        return Table("Phantom course of four cycles: truth and what was found", columns, tuple(rows), note=note)


def run_course_demo(folder: str | Path, progress: Progress = silent, seed: int = 1) -> CourseDemo:
    """Simulate the cycles, evaluate each, add them up, and write everything below ``folder``: cycle1 to cycle4, COURSE.json and its results."""
    folder, cycles, first = make_output_folder(folder), [], None
    for number in range(1, cycle_count() + 1):
        progress(0.2 * (number - 1), f"Phantom course: cycle {number}")
        cycle = simulate_cycle(number, seed)
        therapy.write(evaluate(cycle, first), folder / f"cycle{number}")
        cycles.append(cycle)
        first = first or folder / f"cycle{number}" / "results.json"
    progress(0.8, "Phantom course: adding up")
    path = folder / COURSE_FILE
    write_json(path, course_file())
    result = course.run(course.read_request(path))
    course.write(result, folder)
    found = CourseDemo(folder, result, true_sums(cycles), hand_activity_mbq(cycles))
    write_json(folder / "deviations.json", {"true_dose_gy": found.true_dose_gy, "hand_activity_mbq": found.hand_activity_mbq})
    progress(1.0, "Done")
    return found


def course_file() -> dict:
    """What a physicist would enter for the course of the phantom."""
    return {
        "title": "Phantom course, four cycles of 177Lu-DOTATATE",
        "cycles": [{"results": f"cycle{number}/results.json"} for number in range(1, cycle_count() + 1)],
        "limits": [{"region": "kidneys", "dose_gy": LIMIT_GY}, {"region": "kidneys", "bed_gy": 27}],
        "next_cycle": {"probability": PROBABILITY, "follow_trend": True},
        "discharge": {"whole_body_h": [2, 24, 72, 168], "whole_body_mbq": [6200, 2900, 1500, 620], "release_h": 24},
    }


def evaluate(cycle: PhantomCycle, first: Path | None) -> StudyResult:
    """The cycle through the road run: a single scan takes the curves of the first cycle's results.json, and Hanscheid's rule where there is none."""
    known = {} if first is None else therapy.read_earlier(first).fits
    corrected = tuple(
        replace(
            region,
            recovery_coefficient=round(cycle.recovery[region.name], 3),
            recovery_coefficient_uncertainty=_RECOVERY_UNCERTAINTY,
        )
        for region in cycle.regions
    )
    images = StudyImages(
        nuclide=phantom_nuclide().name,
        scans=tuple(Scan(replace(image, calibration_uncertainty=_CALIBRATION_UNCERTAINTY)) for image in cycle.images),
        regions=corrected,
        radiopharmaceutical=radiopharmaceutical_name(),
        administered_activity_mbq=cycle.activity_mbq,
        administration_time=cycle.start,
        patient=_PATIENT,
    )
    single = len(cycle.images) == 1
    entered = {
        region.name: RegionSettings(
            recovery_coefficient=region.recovery_coefficient,
            recovery_coefficient_uncertainty=region.recovery_coefficient_uncertainty,
            model=_SINGLE_SCAN_MODEL if single and region.name not in known else None,
        )
        for region in corrected
    }
    settings = StudySettings(
        register=False, calibration_uncertainty=_CALIBRATION_UNCERTAINTY, spect_resolution_fwhm_mm=load_protocol().psf_fwhm_mm
    )
    study = Study(
        title=f"Phantom course, cycle {cycle.number}",
        earlier_results=str(first) if single and first else None,
        regions=entered,
        settings=settings,
    )
    return therapy.run_study(images, study)


def true_sums(cycles: list[PhantomCycle]) -> dict[str, float]:
    """True cumulative dose of every region over the cycles that it is there in."""
    names = dict.fromkeys(name for cycle in cycles for name in cycle.dose_gy)
    return {name: sum(cycle.dose_gy.get(name, 0.0) for cycle in cycles) for name in names}


def hand_activity_mbq(cycles: list[PhantomCycle]) -> float:
    """(23 Gy - sum of the true doses of both kidneys) over the true Gy/GBq, carried on by a straight line through the cycles."""
    import numpy as np

    masses = {
        region.name: region.volume_ml * region.density_g_ml for region in cycles[0].regions if region.name.startswith("kidney")
    }
    means = [np.average([cycle.dose_gy[name] for name in masses], weights=list(masses.values())) for cycle in cycles]
    per_activity = [1000 * dose / cycle.activity_mbq for dose, cycle in zip(means, cycles)]
    slope, start = np.polyfit(np.arange(1, len(cycles) + 1), per_activity, 1)
    return float(1000 * (LIMIT_GY - sum(means)) / (start + slope * (len(cycles) + 1)))
