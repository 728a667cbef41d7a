"""From the table of a cohort to its statistics."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.roads.cohort.follow_up import FollowUp
from RNTDosimetryLib.roads.cohort.populations import tissue_populations
from RNTDosimetryLib.roads.cohort.request import CohortRequest, Marker
from RNTDosimetryLib.roads.cohort.result import CohortStatistics, GroupSpread, PatientOutcome
from RNTDosimetryLib.roads.tidy import RegionRow
from RNTDosimetryLib.statistics import (
    bland_altman,
    cox_regression,
    distribution,
    dose_response,
    kaplan_meier,
    log_rank,
    mixed_trend,
    paired_change,
    roc_cut_off,
    spearman,
)

LESIONS = "lesions"
_COMPARED = ("dose_gy", "tia_mbq_h")
_KIDNEY = ("kidney", "kidneys")


def analyze(
    request: CohortRequest,
    rows: Sequence[RegionRow],
    follow_up: Mapping[str, FollowUp] | None,
    other: Sequence[dict[str, str]] | None = None,
) -> CohortStatistics:
    """Statistics of the rows; what cannot be computed is named with its reason. other: rows of another cohort.csv to compare with."""
    reasons: dict[str, str] = {}

    def tried(name: str, function: Callable[[], Any], otherwise: Any = None) -> Any:
        try:
            return function()
        except DosimetryError as error:
            reasons[name] = str(error)
            return otherwise

    groups = _by_group(rows)
    patients, warnings = _patients(request.marker, rows, follow_up)
    followed = [item for item in patients if item.months is not None]
    found: dict[str, Any] = {
        "spreads": _spreads(groups),
        "trends": _some(
            tried(f"trend of {site}", lambda site=site: _trend(site, groups[site])) for site in groups if _cycles(groups[site])
        ),
        "changes": _some(
            tried(f"change of {site}", lambda site=site: _change(site, groups[site])) for site in groups if _cycles(groups[site])
        ),
        "kidney_tumour": tried("kidney against tumour", lambda: _kidney_tumour(groups)),
        "patients": patients if follow_up is not None else (),
    }
    if followed:
        warnings += _immortal(request, rows, followed)
        found |= tried("survival", lambda: _survival(request, followed), {})
        found["cox"] = tried("Cox regression", lambda: _cox(request, followed))
    if follow_up is not None:
        found |= _outcome(request.marker, patients, tried)
    if other is not None:
        found["agreement"] = _some(
            tried(f"agreement of {name}", lambda name=name: _agreement(rows, other, name)) for name in _COMPARED
        )
    if request.populations:
        found["populations"], lost = tissue_populations(rows)
        reasons |= lost
    return CohortStatistics(**found, not_computed=reasons, warnings=warnings)


def _some(items) -> tuple:
    return tuple(item for item in items if item is not None)


# --- the table


def _by_group(rows: Sequence[RegionRow]) -> dict[str, list[RegionRow]]:
    """Rows with a dose per activity by site; lesions together, and by their site where there is one."""
    groups: dict[str, list[RegionRow]] = defaultdict(list)
    for row in rows:
        if row.dose_per_activity_gy_per_gbq is None:
            continue
        if row.kind == "lesion":
            groups[LESIONS].append(row)
        if row.site or row.kind != "lesion":
            groups[f"{LESIONS}, {row.site}" if row.kind == "lesion" else row.site or row.region].append(row)
    # Lesions that are all of one site are one group.
    return {
        site: groups[site]
        for site in sorted(groups)
        if site == LESIONS or len(groups[site]) < len(groups.get(LESIONS, ())) or not site.startswith(LESIONS)
    }


def _spreads(groups: dict[str, list[RegionRow]]) -> tuple[GroupSpread, ...]:
    found = []
    for site, rows in groups.items():
        for cycle in sorted({row.cycle for row in rows}, key=lambda cycle: cycle or 0):
            here = [row for row in rows if row.cycle == cycle]
            label = site if cycle is None else f"{site}, cycle {cycle}"
            values = [row.dose_per_activity_gy_per_gbq for row in here]
            found.append(GroupSpread(site, cycle, len({row.patient for row in here}), distribution(values, label)))
    return tuple(found)


def _cycles(rows: Sequence[RegionRow]) -> bool:
    return len({row.cycle for row in rows if row.cycle is not None}) > 1


def _means(rows: Sequence[RegionRow]) -> dict[str, dict[int, float]]:
    """Mean dose per activity of a patient's regions of a site, by patient and cycle."""
    values: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        values[row.patient][row.cycle or 0].append(row.dose_per_activity_gy_per_gbq)
    return {patient: {cycle: float(np.mean(items)) for cycle, items in by.items()} for patient, by in values.items()}


def _trend(site: str, rows: Sequence[RegionRow]):
    table = [
        (patient, cycle, value)
        for patient, by in _means([row for row in rows if row.cycle]).items()
        for cycle, value in by.items()
    ]
    return mixed_trend(*zip(*table), label=site)


def _change(site: str, rows: Sequence[RegionRow]):
    """Of the same regions, in the first and the last cycle in which each patient has them."""
    by: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for row in rows:
        if row.cycle:
            by[row.patient, row.region][row.cycle] = row.dose_per_activity_gy_per_gbq
    pairs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for (patient, _region), values in by.items():
        if len(values) > 1:
            pairs[patient].append((values[min(values)], values[max(values)]))
    # Regions of one patient are not independent: their mean counts once.
    means = np.array([np.mean(items, axis=0) for items in pairs.values()]).reshape(-1, 2)
    return paired_change(means[:, 0], means[:, 1], site)


def _kidney_tumour(groups: dict[str, list[RegionRow]]):
    kidneys = _means([row for site in _KIDNEY for row in groups.get(site, ())])
    lesions = _means(groups.get(LESIONS, ()))
    both = sorted(kidneys.keys() & lesions.keys())
    return spearman(*([float(np.mean(list(of[patient].values()))) for patient in both] for of in (kidneys, lesions)))


# --- outcome


def _patients(
    marker: Marker, rows: Sequence[RegionRow], follow_up: Mapping[str, FollowUp] | None
) -> tuple[tuple[PatientOutcome, ...], tuple[str, ...]]:
    if follow_up is None:
        return (), ()
    by: dict[str, list[RegionRow]] = defaultdict(list)
    for row in rows:
        by[row.patient].append(row)
    studies = {row.study: row.patient for row in rows}
    entered = {studies.get(name, name) if name not in by else name: item for name, item in follow_up.items()}
    found, unknown = [], []
    for patient, its in by.items():
        value, uncertainty, incomplete = marker_of(marker, its)
        if incomplete:
            unknown.append(patient)
        item = entered.get(patient, FollowUp())
        found.append(
            PatientOutcome(patient, value, uncertainty, item.months, item.event, item.response, item.covariates, item.groups)
        )
    warnings = []
    if missing := [name for name in by if name not in entered]:
        warnings.append(warned("cohort_not_followed", **_named(missing)))
    if others := [name for name in entered if name not in by]:
        warnings.append(warned("cohort_follow_up_unknown", **_named(others)))
    if unknown:
        warnings.append(warned("cohort_marker_incomplete", **_named(unknown)))
    return tuple(found), tuple(warnings)


def _named(names: Sequence[str]) -> dict:
    return {"names": ", ".join(names[:10]) + (" and others" if len(names) > 10 else ""), "number": len(names)}


def marker_of(marker: Marker, rows: Sequence[RegionRow]) -> tuple[float | None, float | None, bool]:
    """Value and uncertainty of a patient's marker, None where not known; whether a cycle of a region lacks its value.

    Doses of a region are summed over cycles. Their uncertainties, and those of regions, are taken as common (they share camera, calibration and method): they add linearly.
    """
    chosen = [row for row in rows if _is_of(marker, row)]
    cycles = {row.cycle for row in rows if row.note == "" or row.dose_gy is not None}
    by: dict[str, list[RegionRow]] = defaultdict(list)
    for row in chosen:
        by[row.region].append(row)
    values, spreads, incomplete = [], [], False
    for its in by.values():
        numbers = [getattr(row, marker.quantity) for row in its]
        if None in numbers or (marker.quantity != "dose_per_activity_gy_per_gbq" and {row.cycle for row in its} != cycles):
            incomplete = True
            continue
        total = sum(numbers)
        shares = [
            None if not row.dose_gy or row.dose_uncertainty_gy is None else row.dose_uncertainty_gy / row.dose_gy for row in its
        ]
        spread = None if None in shares else sum(share * number for share, number in zip(shares, numbers))
        count = len(its) if marker.quantity == "dose_per_activity_gy_per_gbq" else 1
        values.append(total / count)
        spreads.append(None if spread is None else spread / count)
    if not values or incomplete:
        return None, None, incomplete
    if marker.over == "mean":
        return float(np.mean(values)), None if None in spreads else float(np.mean(spreads)), False
    index = int(np.argmin(values) if marker.over == "smallest" else np.argmax(values))
    return values[index], spreads[index], False


def _is_of(marker: Marker, row: RegionRow) -> bool:
    if marker.region is not None:
        return fnmatch(row.region.lower(), marker.region.lower())
    return row.kind == marker.kind if marker.site is None else row.site == marker.site


def _immortal(request: CohortRequest, rows: Sequence[RegionRow], followed: Sequence[PatientOutcome]) -> tuple[str, ...]:
    """Who lives longer is given more cycles: a sum over cycles then follows from survival, not the other way round."""
    if request.marker.quantity == "dose_per_activity_gy_per_gbq":
        return ()
    names = {item.patient for item in followed if item.marker is not None}
    cycles = [len({row.cycle for row in rows if row.patient == name}) for name in names]
    return (warned("cohort_cycles_differ", least=min(cycles), most=max(cycles)),) if cycles and min(cycles) < max(cycles) else ()


def _survival(request: CohortRequest, followed: Sequence[PatientOutcome]) -> dict[str, Any]:
    everybody = kaplan_meier([item.months for item in followed], [item.event for item in followed])
    groups, words = _survival_groups(request, followed)
    if len(groups) < 2:
        return {"survival": (everybody,), "groups": words}
    arrays = {name: ([item.months for item in items], [item.event for item in items]) for name, items in groups.items()}
    curves = tuple(kaplan_meier(*values, group=name) for name, values in arrays.items())
    test = log_rank(*arrays.values()) if len(arrays) == 2 else None
    return {"survival": (everybody, *curves), "groups": words, "log_rank": test}


def _survival_groups(request: CohortRequest, followed: Sequence[PatientOutcome]) -> tuple[dict[str, list[PatientOutcome]], str]:
    """Patients by group, and what the groups are."""
    if request.group_by is not None:
        named = [
            (item.groups.get(request.group_by) or _number_word(item.covariates.get(request.group_by)), item) for item in followed
        ]
        groups = {name: [item for its, item in named if its == name] for name in sorted({name for name, _item in named if name})}
        if not groups:
            raise DosimetryError(
                f"Expected a column {request.group_by} in the table of follow-up, received none or an empty one; correct group_by."
            )
        return groups, request.group_by
    known = [item for item in followed if item.marker is not None]
    if not known:
        return {}, ""
    middle = float(np.median([item.marker for item in known]))
    words = f"{request.marker.words}, below and above its median of {middle:.3g} {request.marker.unit}"
    sides = {
        "below the median": [item for item in known if item.marker < middle],
        "at or above the median": [item for item in known if item.marker >= middle],
    }
    return {name: items for name, items in sides.items() if items}, words


def _number_word(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _cox(request: CohortRequest, followed: Sequence[PatientOutcome]):
    """Of ln(marker) per doubling, and of the named columns. Patients without a value are left out."""
    rows, names = [], [f"marker, per doubling ({request.marker.words})", *request.covariates]
    for item in followed:
        values = [item.covariates.get(name) for name in request.covariates]
        if item.marker and item.marker > 0 and None not in values:
            rows.append((item.months, item.event, math.log2(item.marker), *values))
    if not rows:
        raise DosimetryError(
            f"Expected patients with a marker above 0 and numbers in the columns {', '.join(request.covariates) or 'of follow-up'}, received none; check marker and covariates."
        )
    table = np.array(rows, dtype=float)
    return cox_regression(table[:, 0], table[:, 1], table[:, 2:], names)


def _outcome(marker: Marker, patients: Sequence[PatientOutcome], tried) -> dict[str, Any]:
    """Cut-off and dose-response for the response; without one, a cut-off for the event."""
    what = "response" if any(item.response is not None for item in patients) else "event"
    known = [item for item in patients if item.marker is not None and getattr(item, what) is not None]
    markers, outcome = [item.marker for item in known], [getattr(item, what) for item in known]
    found: dict[str, Any] = {"cut_off_outcome": what, "cut_off": tried("cut-off", lambda: roc_cut_off(markers, outcome))}
    if what == "response":
        spread = [item.marker_uncertainty for item in known]
        found["response"] = tried(
            "dose and response",
            lambda: dose_response(markers, outcome, None if None in spread else spread, f"{marker.words}, {marker.unit}"),
        )
    return found


def _agreement(rows: Sequence[RegionRow], other: Sequence[dict[str, str]], name: str):
    """This table against another: same study, cycle and region."""
    if not {"study", "region", name} <= set(other[0]):
        raise DosimetryError(
            f"Expected the columns study, region and {name} in the table to compare with, received {', '.join(other[0])}; name them so."
        )
    theirs = {(row["study"], row.get("cycle") or "", row["region"]): row[name] for row in other if row[name]}
    pairs = []
    for row in rows:
        place = (row.study, "" if row.cycle is None else str(row.cycle), row.region)
        if place in theirs and getattr(row, name) is not None:
            try:
                pairs.append((float(theirs[place]), getattr(row, name)))
            except ValueError as error:
                raise DosimetryError(
                    f"Expected a number in {name} for {row.study}, {row.region}, received '{theirs[place]}'; correct it."
                ) from error
    both = np.array(pairs, dtype=float).reshape(-1, 2)
    return bland_altman(both[:, 0], both[:, 1], name)
