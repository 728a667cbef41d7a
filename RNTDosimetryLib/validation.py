"""Check of an installation against published and analytic numbers, which lie in Resources/validation with their sources."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.dose import (
    bed,
    dose_map,
    marrow_dose_from_vertebrae,
    sphere_dose,
    sphere_s_value,
    thyroid_activity_mbq,
    voxel_kernel,
    whole_body_dose,
)
from RNTDosimetryLib.kinetics import fit_time_activity
from RNTDosimetryLib.nuclides import get_nuclide, with_progeny
from RNTDosimetryLib.planning import Tumour, partition_model
from RNTDosimetryLib.report import Column, Table

_SECONDS_PER_HOUR = 3600.0
_RBE_OF_OLINDA = 5.0


@dataclass(frozen=True)
class ValidationCase(Record):
    """One number: what the source says, what this installation finds, and the largest relative deviation that passes."""

    name: str
    expected: float
    found: float
    unit: str
    limit: float
    source: str

    @property
    def deviation(self) -> float:
        return self.found / self.expected - 1.0

    @property
    def passed(self) -> bool:
        return abs(self.deviation) <= self.limit


def run_validation(progress: Progress = silent) -> tuple[ValidationCase, ...]:
    """Compute every case. Raises DosimetryError when the data file names a quantity that is not known here."""
    cases, results = read_json("validation", "cases.json")["cases"], []
    for index, case in enumerate(cases):
        progress(index / len(cases), case["name"])
        if case["quantity"] not in _QUANTITIES:
            raise DosimetryError(
                f"Expected one of the quantities {', '.join(sorted(_QUANTITIES))}, received '{case['quantity']}'."
            )
        found = float(_QUANTITIES[case["quantity"]](**case["input"]))
        results.append(ValidationCase(case["name"], case["expected"], found, case["unit"], case["limit"], case["source"]))
    progress(1.0, "Validated")
    return tuple(results)


def validation_table(results: tuple[ValidationCase, ...]) -> Table:
    """Expected and found, side by side."""
    columns = (
        Column("Case", align="left"),
        Column("Expected", digits=5),
        Column("Found", digits=5),
        Column("Unit", align="left"),
        Column("Deviation", "%"),
        Column("Limit", "%"),
        Column("Verdict", align="left"),
        Column("Source", align="left"),
    )
    rows = tuple(
        (
            item.name,
            item.expected,
            item.found,
            item.unit,
            f"{100 * item.deviation:+.2f}",
            f"{100 * item.limit:g}",
            "passed" if item.passed else "FAILED",
            item.source,
        )
        for item in results
    )
    return Table("Validation", columns, rows)


def _sphere_s_per_hour(nuclide: str, mass_g: float) -> float:
    return sphere_s_value(nuclide, mass_g) * _SECONDS_PER_HOUR


def _organ_s_olinda(nuclide: str, mass_g: float) -> float:
    """S of the nuclide alone for a sphere of the organ's mass, with alphas and their recoil times the RBE that OLINDA's rows contain."""
    alone = get_nuclide(nuclide, progeny=False)
    sphere = sphere_dose(alone, mass_g)
    local_mev = alone.alpha_energy_mev * (_RBE_OF_OLINDA - 1) + alone.recoil_energy_mev * _RBE_OF_OLINDA
    absorbed_mev = sphere.electron_absorbed_mev + sphere.photon_absorbed_mev
    return sphere.s_value_mgy_per_mbq_s * (1 + local_mev / absorbed_mev)


def _marrow_s(nuclide: str) -> float:
    vertebrae = marrow_dose_from_vertebrae(1.0, nuclide)
    return 1000 * vertebrae.dose_gy / vertebrae.tia_mbq_h / _SECONDS_PER_HOUR


def _beside_lung(nuclide: str, voxel: int) -> float:
    """Dose in a voxel of lung over that in the first one beside active tissue: layers of 4 mm, lung 0.26 and tissue 1.04 g/mL."""
    density = np.full((10, 25, 25), 1.04)
    density[5:] = 0.26
    tia = np.where(np.arange(10) < 5, 1.0, 0.0)[:, None, None] * np.ones(density.shape)
    dose = dose_map(tia, (4.0, 4.0, 4.0), nuclide, "kernel", density)
    return float(dose[5 + voxel, 12, 12] / dose[5, 12, 12])


def _whole_body(activity_mbq: float, mass_kg: float, effective_half_life_h: float) -> float:
    return whole_body_dose(activity_mbq * effective_half_life_h / np.log(2), mass_kg).dose_gy


def _voxel_s_source(nuclide: str, spacing_mm, density_g_ml: float = 1.0) -> float:
    return voxel_kernel(nuclide, spacing_mm, density_g_ml, shape=(2, 2, 2)).octant()[0, 0, 0]


def _tia_mono(nuclide: str, amplitude_mbq: float, effective_half_life_h: float, times_h) -> float:
    activities = amplitude_mbq * 0.5 ** (np.asarray(times_h) / effective_half_life_h)
    return fit_time_activity(times_h, activities, nuclide, model="mono").tia_mbq_h


def _partition(compartment: str) -> float:
    plan = partition_model(
        "Y-90",
        2.0,
        tumours=[Tumour("T1", mass_g=200, tnr=5.0)],
        normal_liver_mass_g=1300,
        lung_shunt_fraction=0.05,
        lung_mass_g=1000,
        residual_fraction=0.0,
    )
    doses = {"normal_liver": plan.normal_liver_dose_gy, "lung": plan.lung_dose_gy, **plan.tumour_dose_gy}
    return doses[compartment]


_QUANTITIES: dict[str, Callable[..., float]] = {
    "half_life": lambda nuclide: get_nuclide(nuclide).half_life_h,
    "local_dose_constant": lambda nuclide: get_nuclide(nuclide).local_dose_constant_j_per_gbq,
    "chain_alpha_energy": lambda nuclide: with_progeny(nuclide).alpha_energy_mev,
    "voxel_s_source": _voxel_s_source,
    "sphere_s": sphere_s_value,
    "sphere_s_per_hour": _sphere_s_per_hour,
    "organ_s_olinda": _organ_s_olinda,
    "marrow_s": _marrow_s,
    "beside_lung": _beside_lung,
    "whole_body": _whole_body,
    "thyroid_activity": thyroid_activity_mbq,
    "bed": bed,
    "tia_mono": _tia_mono,
    "partition": _partition,
}
