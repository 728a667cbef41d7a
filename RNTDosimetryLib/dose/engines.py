"""Several dose engines side by side on one activity map."""

from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.checks import density_number, one_of
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.dose.gamma import GammaResult, gamma_index
from RNTDosimetryLib.dose.histograms import dose_volume_histogram
from RNTDosimetryLib.dose.maps import DoseMap, dose_map
from RNTDosimetryLib.dose.regions import named_occupancies, region_doses

ENGINES = ("local", "kernel", "kernel with density")


@dataclass(frozen=True, eq=False)
class EngineComparison(Record):
    """Dose maps of several engines, each compared with the reference engine.

    maps: by engine. difference_gy: (z, y, x) float32 by engine, that engine minus the reference. gamma: by engine. region_table: rows with
    region, mass_g, engine, mean_gy, d98_gy, d2_gy, maximum_gy and difference_percent of the mean against the reference (None where that has no dose).
    """

    reference: str
    maps: dict[str, DoseMap]
    difference_gy: dict[str, np.ndarray] = field(metadata=NOT_WRITTEN, repr=False)
    gamma: dict[str, GammaResult]
    region_table: tuple[dict, ...] = ()
    warnings: tuple[str, ...] = ()


def compare_engines(
    tia_mbq_h_ml,
    spacing_mm,
    nuclide,
    density_g_ml=1.0,
    regions=None,
    *,
    reference: str = "kernel",
    uniform_density_g_ml: float = 1.0,
    dose_difference_percent: float = 3.0,
    distance_mm: float = 3.0,
    threshold_percent: float = 10.0,
) -> EngineComparison:
    """Local deposition, kernel, and kernel with density on one map of time-integrated activity, in one call.

    tia_mbq_h_ml: (z, y, x). density_g_ml: number or (z, y, x), for "kernel with density"; the other two use ``uniform_density_g_ml``.
    regions: dictionary of name to occupancy on the same grid, or Region objects; None gives no table. The gamma index compares
    each other engine with ``reference``. Raises DosimetryError as ``dose_map`` and ``gamma_index``.
    """
    one_of(reference, ENGINES, "a reference engine")
    uniform = density_number(uniform_density_g_ml)
    occupancies = None if regions is None else named_occupancies(regions)
    maps = {
        "local": dose_map(tia_mbq_h_ml, spacing_mm, nuclide, "local", uniform),
        "kernel": dose_map(tia_mbq_h_ml, spacing_mm, nuclide, "kernel", uniform),
        "kernel with density": dose_map(tia_mbq_h_ml, spacing_mm, nuclide, "kernel", density_g_ml),
    }
    base = maps[reference]
    others = [name for name in ENGINES if name != reference]
    gamma = {}
    if base.maximum_gy > 0:
        gamma = {
            name: gamma_index(
                base, maps[name], base.spacing_mm, dose_difference_percent, distance_mm, threshold_percent=threshold_percent
            )
            for name in others
        }
    return EngineComparison(
        reference=reference,
        maps=maps,
        difference_gy={name: maps[name].dose_gy - base.dose_gy for name in others},
        gamma=gamma,
        region_table=() if occupancies is None else tuple(_table(maps, reference, occupancies, density_g_ml)),
        warnings=tuple(dict.fromkeys(warning for one in maps.values() for warning in one.warnings)),
    )


def _table(maps: dict[str, DoseMap], reference: str, occupancies: dict[str, np.ndarray], density_g_ml) -> list[dict]:
    means = {engine: region_doses(one, occupancies, density_g_ml=density_g_ml) for engine, one in maps.items()}
    rows = []
    for name in occupancies:
        base = means[reference][name].dose_gy
        for engine, one in maps.items():
            dose = means[engine][name]
            histogram = dose_volume_histogram(one, occupancies[name], name=name)
            rows.append(
                {
                    "region": name,
                    "mass_g": dose.mass_g,
                    "engine": engine,
                    "mean_gy": dose.dose_gy,
                    "d98_gy": histogram.dose_at_percent_gy["D98"],
                    "d2_gy": histogram.dose_at_percent_gy["D2"],
                    "maximum_gy": histogram.maximum_gy,
                    "difference_percent": 100 * (dose.dose_gy - base) / base if base > 0 else None,
                }
            )
    return rows
