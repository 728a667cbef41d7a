"""Population kinetics of a cohort's tissues, from the measured curves of its rows."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.provenance import now
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads.cohort.result import TissuePopulation
from RNTDosimetryLib.roads.tidy import RegionRow
from RNTDosimetryLib.statistics import PatientCurve, fit_population, one_scan_instead

LESION = "lesion"


def tissue_populations(rows: Sequence[RegionRow]) -> tuple[tuple[TissuePopulation, ...], dict[str, str]]:
    """Of every radiopharmaceutical and tissue with enough patients; and why not, by name, of the others.

    One curve a patient: the first cycle, regions of a tissue added up at each time.
    """
    found, reasons = [], {}
    for (pharmaceutical, nuclide, tissue), curves in sorted(_curves(rows).items()):
        label = f"population kinetics of {tissue}"
        try:
            source = f"own cohort of {len(curves)} patients, {now():%Y-%m-%d}"
            kinetics = fit_population(
                curves, get_nuclide(nuclide), pharmaceutical or nuclide, tissue, f"{now():%Y-%m-%d}", source
            )
            found.append(TissuePopulation(kinetics, one_scan_instead(curves, get_nuclide(nuclide), kinetics)))
        except DosimetryError as error:
            reasons[label] = str(error)
    return tuple(found), reasons


def _curves(rows: Sequence[RegionRow]) -> dict[tuple[str, str, str], list[PatientCurve]]:
    earliest = read_json("cohort", "rules.json")["population"]["earliest_h"]["value"]
    by: dict[tuple[str, str, str], dict[str, list[RegionRow]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        tissue = LESION if row.kind == LESION else row.site
        if row.samples and tissue and row.nuclide:
            by[row.radiopharmaceutical, row.nuclide, tissue][row.patient].append(row)
    found: dict[tuple[str, str, str], list[PatientCurve]] = {}
    for key, patients in by.items():
        curves = [curve for patient, its in patients.items() if (curve := _added(patient, its, earliest)) is not None]
        if curves:
            found[key] = curves
    return found


def _added(patient: str, rows: Sequence[RegionRow], earliest_h: float) -> PatientCurve | None:
    """Sum of a patient's regions in the first cycle; None where their times differ or activity is missing."""
    first = min(row.cycle or 0 for row in rows)
    its = [row for row in rows if (row.cycle or 0) == first]
    times = {tuple(time for time, _activity, _spread in row.samples) for row in its}
    if len(times) != 1:
        return None
    total = np.sum([[activity for _time, activity, _spread in row.samples] for row in its], axis=0)
    kept = [(time, float(value)) for time, value in zip(next(iter(times)), total) if time >= earliest_h]
    return PatientCurve(patient, *zip(*kept)) if kept and min(value for _time, value in kept) > 0 else None
