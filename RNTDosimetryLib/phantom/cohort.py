"""A cohort of simulated patients with known truth: small volume files, a study file a cycle, a list of studies and a table of follow-up."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from RNTDosimetryLib.base.checks import whole_number
from RNTDosimetryLib.base.documents import make_output_folder, write_json, write_text
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.dose import sphere_s_value
from RNTDosimetryLib.nuclides import get_nuclide

_VOXEL_MM, _EDGE = 8.0, 20
_DENSITY_G_ML = 1.04
_PLACES = {"kidney_left": (6, 7, 6), "lesion_1": (14, 14, 14)}
_MOST_PATIENTS, _MOST_CYCLES = 5000, 12


@dataclass(frozen=True)
class PatientTruth(Record):
    """What is true of one patient. By region: mass in g, Gy/GBq of every cycle (self-dose), biological rate per hour. event: 1 seen by ``months``."""

    patient: str
    mass_g: dict[str, float]
    gy_per_gbq: dict[str, tuple[float, ...]]
    biological_rate_per_h: dict[str, float]
    months: float
    event: int
    response: int


@dataclass(frozen=True)
class CohortTruth(Record):
    """What is true of a cohort. median_lesion_gy: sum over the cycles, at which the hazard and the response were set."""

    patients: tuple[PatientTruth, ...]
    median_lesion_gy: float
    log_hazard_per_doubling: float
    response_d50_gy: float
    response_slope: float


def make_cohort(folder: str | Path, patients: int = 24, cycles: int = 1, seed: int = 1) -> CohortTruth:
    """Write a cohort: cohort.json, patients.csv, follow_up.csv, truth.json and a folder a patient and cycle.

    Regions are cubes of uniform concentration in a small grid of 8 mm, without blur; what varies is what Resources/phantom/cohort.json says. Raises DosimetryError for
    numbers of patients or cycles that cannot be made, and a folder that cannot be written.
    """
    patients = whole_number(patients, "patients of the cohort", 2, _MOST_PATIENTS, "24 make a small cohort")
    cycles = whole_number(cycles, "cycles of the cohort", 1, _MOST_CYCLES, "four are usual")
    folder, data = make_output_folder(folder), read_json("phantom", "cohort.json")
    drawn = [_kinetics(data, cycles, np.random.default_rng([seed, number])) for number in range(patients)]
    truth = _with_outcome(data, drawn, cycles, np.random.default_rng([seed, _MOST_PATIENTS]))
    rows = ["study,name,patient,cycle"]
    for number, patient in enumerate(truth.patients):
        for cycle in range(1, cycles + 1):
            name = patient.patient if cycles == 1 else f"{patient.patient}_c{cycle}"
            _write_cycle(folder / name, data, patient, cycle, np.random.default_rng([seed, number, cycle]))
            rows.append(f"{name}/study.json,{name},{patient.patient},{cycle}")
    write_text(folder / "patients.csv", "\n".join(rows) + "\n")
    lines = [f"{item.patient},{item.months:.2f},{item.event},{item.response}" for item in truth.patients]
    write_text(folder / "follow_up.csv", "\n".join(["patient,months,event,response", *lines]) + "\n")
    write_json(
        folder / "cohort.json",
        {
            "format": "RNTDosimetry cohort",
            "version": 1,
            "title": "Simulated cohort",
            "studies": "patients.csv",
            "follow_up": "follow_up.csv",
        },
    )
    write_json(folder / "truth.json", truth)
    return truth


def _kinetics(data: dict, cycles: int, random: np.random.Generator) -> dict:
    """Masses, doses per activity and rates of one patient, by region."""
    decay = get_nuclide(data["nuclide"]).decay_constant_per_h
    found: dict[str, dict] = {"mass_g": {}, "gy_per_gbq": {}, "biological_rate_per_h": {}}
    for name, item in data["regions"].items():
        mass = item["mass_g"]["mean"] * math.exp(item["mass_g"]["log_sd"] * random.standard_normal())
        found["mass_g"][name] = _voxels(mass) * _VOXEL_MM**3 / 1000 * _DENSITY_G_ML
        dose, change = item["gy_per_gbq"], item["change_per_cycle"]["value"]
        # Log-normal of the given mean and standard deviation.
        log_sd = math.sqrt(math.log(1 + (dose["sd"] / dose["mean"]) ** 2))
        level = math.exp(math.log(dose["mean"]) - log_sd**2 / 2 + log_sd * random.standard_normal())
        spread = data["noise"]["cycle_relative"]["value"]
        # The change is that of the mean patient: in proportion to the level, so that no dose falls below zero.
        found["gy_per_gbq"][name] = tuple(
            level * max(1 + change / dose["mean"] * cycle, 0.05) * math.exp(spread * random.standard_normal())
            for cycle in range(cycles)
        )
        half_life = item["effective_half_life_h"]
        median = math.log(2) / half_life["median"] - decay
        found["biological_rate_per_h"][name] = median * math.exp(half_life["rate_log_sd"] * random.standard_normal())
    return found


def _with_outcome(data: dict, drawn: list[dict], cycles: int, random: np.random.Generator) -> CohortTruth:
    """Months, event and response of every patient from the sum of the lesion's dose."""
    rules, activity = data["follow_up"], data["administered_activity_mbq"]["value"] / 1000
    doses = np.array([sum(item["gy_per_gbq"]["lesion_1"]) * activity for item in drawn])
    middle = float(np.median(doses))
    effect, longest = rules["log_hazard_per_doubling"]["value"], rules["longest_months"]["value"]
    hazard = rules["hazard_per_month"]["value"] * np.exp(effect * np.log2(doses / middle))
    months = random.exponential(1 / hazard)
    end = random.uniform(longest / 2, longest, len(drawn))
    d50, slope = middle * rules["response_d50_over_median"]["value"], rules["response_slope"]["value"]
    responds = random.random(len(drawn)) < 1 / (1 + (d50 / doses) ** slope)
    digits = len(str(len(drawn)))
    found = tuple(
        PatientTruth(
            f"p{number + 1:0{digits}d}", **item, months=float(min(months[number], end[number])), event=int(months[number] <= end[number]),
            response=int(responds[number]),
        )
        for number, item in enumerate(drawn)
    )  # fmt: skip
    return CohortTruth(found, middle, effect, d50, slope)


def _voxels(mass_g: float) -> int:
    """Number of voxels of a region of about a mass: those of a cube."""
    side = max(2, min(round((mass_g / _DENSITY_G_ML * 1000) ** (1 / 3) / _VOXEL_MM), 10))
    return side**3


def _write_cycle(folder: Path, data: dict, patient: PatientTruth, cycle: int, random: np.random.Generator) -> None:
    nuclide = get_nuclide(data["nuclide"])
    make_output_folder(folder)
    labels = np.zeros((_EDGE,) * 3, dtype=np.uint8)
    for number, (name, place) in enumerate(_PLACES.items(), 1):
        side = round((patient.mass_g[name] / _DENSITY_G_ML * 1000 / _VOXEL_MM**3) ** (1 / 3))
        start = [max(0, middle - side // 2) for middle in place]
        labels[tuple(slice(first, first + side) for first in start)] = number
    _write(folder / "labels.nrrd", labels)
    activity = data["administered_activity_mbq"]["value"]
    times = [
        time * (1 + data["scan_times_h"]["relative_spread"] * random.uniform(-1, 1)) for time in data["scan_times_h"]["value"]
    ]
    scans = []
    for index, time in enumerate(times):
        image = np.zeros(labels.shape, dtype=np.float32)
        for number, name in enumerate(_PLACES, 1):
            mass, rate = patient.mass_g[name], patient.biological_rate_per_h[name] + nuclide.decay_constant_per_h
            # D = S TIA, TIA = A(0) / rate.
            start_mbq = (
                patient.gy_per_gbq[name][cycle - 1] * activity / (sphere_s_value(nuclide, mass, _DENSITY_G_ML) * 3600) * rate
            )
            seen = (
                start_mbq * math.exp(-rate * time) * math.exp(data["noise"]["scan_relative"]["value"] * random.standard_normal())
            )
            image[labels == number] = seen * 1e6 / (mass / _DENSITY_G_ML)
        _write(folder / f"spect{index}.nrrd", image)
        scans.append({"activity": f"spect{index}.nrrd", "start_h": time, "unit": "Bq/mL", "decay_correction": "START"})
    volumes = {
        "nuclide": nuclide.name, "scans": scans, "administered_activity_mbq": activity, "radiopharmaceutical": data["radiopharmaceutical"],
        "regions": {name: {"file": "labels.nrrd", "label": number} for number, name in enumerate(_PLACES, 1)},
    }  # fmt: skip
    regions = {name: {"kind": item["kind"]} for name, item in data["regions"].items()}
    settings = {"dose_method": "local", "register": False}
    study = {
        "format": "RNTDosimetry study",
        "version": 1,
        "title": f"{patient.patient}, cycle {cycle}",
        "volumes": volumes,
        "regions": regions,
        "settings": settings,
    }
    write_text(folder / "study.json", json.dumps(study, indent=1) + "\n")


def _write(path: Path, array: np.ndarray) -> None:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((_VOXEL_MM,) * 3)
    sitk.WriteImage(image, str(path), True)
