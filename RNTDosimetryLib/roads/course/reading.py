"""The cycles of a course, read: doses of results files and entered ones in one form, in order of their dates."""

import itertools
import math
import os
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from RNTDosimetryLib.base.documents import sha256_of_file
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import checked_path
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.course import rules
from RNTDosimetryLib.course.doses import CYCLES
from RNTDosimetryLib.dose import alpha_share
from RNTDosimetryLib.intake.region_kinds import region_kind
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads.course.request import CourseRequest, Cycle, EnteredDose, checked_day
from RNTDosimetryLib.roads.therapy.result import RegionResult, StudyResult

RESULTS_FILE = "results.json"
_SAMPLES = "samples"
"""Part of the uncertainty without which nobody knows what is random."""
Curve = tuple[tuple[float, float], ...]
"""(amplitude, rate per h) of a dose rate whose integral is 1; () where it is not known."""


@dataclass(frozen=True)
class Measured:
    """Dose of a region in one cycle as it was measured or entered. alpha_beta_gy, repair_half_time_h: that the study's BED used."""

    dose_gy: float
    random: dict[str, float] | None
    common: dict[str, float] | None
    curve: Curve = ()
    mass_g: float | None = None
    kind: str = "organ"
    one_scan: bool = False
    alpha_beta_gy: float | None = None
    repair_half_time_h: float | None = None


@dataclass(frozen=True)
class ReadCycle:
    """One cycle. number: from 1 in order of time. patient: hash, "" where not known. rbe_factor: of the dose in the BED."""

    day: date
    activity_mbq: float | None
    source: str
    number: int = 0
    regions: dict[str, Measured] = field(default_factory=dict)
    nuclide: str = ""
    patient: str = ""
    rbe_factor: float = 1.0
    result: StudyResult | None = None
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"cycle {self.number}"


def read_cycles(request: CourseRequest) -> tuple[tuple[ReadCycle, ...], list[str]]:
    """The cycles in order of time, and what was doubtful. Raises DosimetryError for cycles twice, other patients, and what cannot be read."""
    _refuse_twice(request)
    entered = [_read(cycle, place, request) for place, cycle in enumerate(request.cycles, start=1)]
    in_order = sorted(entered, key=lambda item: item.day)
    warnings = []
    if [item.day for item in in_order] != [item.day for item in entered]:
        warnings.append(warned("course_cycles_sorted", dates=", ".join(str(item.day) for item in in_order)))
    cycles = tuple(_numbered(item, number) for number, item in enumerate(in_order, start=1))
    for earlier, later in itertools.pairwise(cycles):
        apart = (later.day - earlier.day).days
        if apart == 0:
            raise DosimetryError(
                f"Expected cycles on different days, received two on {later.day}; take the one out that is there twice, or correct its date."
            )
        if apart < rules()["shortest_interval_d"]:
            warnings.append(warned("course_cycles_close", days=apart, first=earlier.number, second=later.number))
    _refuse_other_patients(cycles)
    nuclides = sorted({item.nuclide for item in cycles if item.nuclide})
    if len(nuclides) > 1:
        warnings.append(warned("course_nuclides_differ", names=", ".join(nuclides)))
    return cycles, [*warnings, *(text for item in cycles for text in item.warnings)]


def results_path(path) -> Path:
    """The results.json that was named, also by its folder."""
    found = checked_path(path, "the results of a cycle")
    return found / RESULTS_FILE if os.path.isdir(found) else found


def _refuse_twice(request: CourseRequest) -> None:
    seen: dict[str, str] = {}
    for cycle in request.cycles:
        if cycle.results is None or not os.path.isfile(results_path(cycle.results)):
            continue
        digest = sha256_of_file(results_path(cycle.results))
        if digest in seen:
            raise DosimetryError(
                f"Expected each cycle once, received the same results in {seen[digest]} and {cycle.results}; take one out or correct its path."
            )
        seen[digest] = cycle.results


def _refuse_other_patients(cycles: tuple[ReadCycle, ...]) -> None:
    known = [item for item in cycles if item.patient]
    for item in known[1:]:
        if item.patient != known[0].patient:
            raise DosimetryError(
                f"Expected cycles of one patient, received another in cycle {item.number} ({item.source}) than in cycle {known[0].number} "
                f"({known[0].source}); check the paths."
            )


def _read(cycle: Cycle, place: int, request: CourseRequest) -> ReadCycle:
    if cycle.results is not None:
        return _of_results(cycle, place, request)
    day = checked_day(cycle.date, f"cycle {place}")
    nuclide = get_nuclide(cycle.nuclide).name if cycle.nuclide else ""
    regions = {name: _of_entered(name, item, request) for name, item in _named(cycle.regions, request, f"cycle {place}").items()}
    factor, warnings = _rbe_factor(cycle, nuclide, place)
    return ReadCycle(
        day, cycle.administered_activity_mbq, "entered" if regions else "", regions=regions, nuclide=nuclide, rbe_factor=factor, warnings=warnings
    )  # fmt: skip


def _named(found: dict, request: CourseRequest, where: str) -> dict:
    """Regions by their names in the course."""
    named: dict = {}
    for name, item in found.items():
        present = request.region_names.get(name, name)
        if present in named:
            raise DosimetryError(
                f"Expected each region once in {where}, received '{present}' twice after region_names; correct the names."
            )
        named[present] = item
    return named


def _of_entered(name: str, item: EnteredDose, request: CourseRequest) -> Measured:
    half_life = item.effective_half_life_h or _entry(name, request, "effective_half_life_h")
    return Measured(
        dose_gy=item.dose_gy,
        random=None if item.random_uncertainty is None else {"random": item.random_uncertainty},
        common=None if item.common_uncertainty is None else {CYCLES: item.common_uncertainty},
        curve=exponential(half_life),
        mass_g=item.mass_g,
        kind=_entry(name, request, "kind") or item.kind or region_kind(name),
    )


def exponential(half_life_h: float | None) -> Curve:
    """A dose rate that falls with one half-life; () where that is not known."""
    return () if half_life_h is None else ((math.log(2) / half_life_h,) * 2,)


def _entry(name: str, request: CourseRequest, key: str):
    return getattr(request.regions[name], key) if name in request.regions else None


def _of_results(cycle: Cycle, place: int, request: CourseRequest) -> ReadCycle:
    path = results_path(cycle.results)
    result = StudyResult.read(path)
    started = None if result.administration_time is None else result.administration_time.date()
    day = started if cycle.date is None else checked_day(cycle.date, f"cycle {place}")
    if day is None:
        raise DosimetryError(f"Expected a date of cycle {place}, whose results {path} name none; enter date.")
    if started is not None and day != started:
        raise DosimetryError(
            f"Expected the date of cycle {place} as in {path} ({started}), received {day}; correct the date or the path."
        )
    stored, activity, warnings = result.administered_activity_mbq, cycle.administered_activity_mbq, []
    if activity is not None and stored and abs(activity / stored - 1) > rules()["same_activity_within"]:
        warnings.append(warned("course_activity_differs", cycle=place, entered=activity, stored=stored))
    if result.patient is None:
        warnings.append(warned("course_other_study", cycle=place))
    found = {item.name: _of_region(item, request.region_names.get(item.name, item.name), request) for item in result.regions}
    factor, more = _rbe_factor(cycle, result.nuclide, place)
    return ReadCycle(
        day=day,
        activity_mbq=stored if activity is None else activity,
        source=path.as_posix(),
        regions=_named(found, request, str(path)),
        nuclide=result.nuclide,
        patient="" if result.patient is None else result.patient.id_hash,
        rbe_factor=factor,
        result=result,
        warnings=(*warnings, *more),
    )


def _of_region(item: RegionResult, name: str, request: CourseRequest) -> Measured:
    dose, fit, biological = item.dose.dose_gy, item.fit, item.biological
    random, common = _split(item)
    integral = sum(a / rate for a, rate in zip(fit.amplitudes_mbq, fit.rates_per_h))
    curve = tuple((a / integral, rate) for a, rate in zip(fit.amplitudes_mbq, fit.rates_per_h)) if integral > 0 else ()
    return Measured(
        dose_gy=dose,
        random=random,
        common=common,
        curve=curve or exponential(_entry(name, request, "effective_half_life_h")),
        mass_g=item.mass_g,
        kind=_entry(name, request, "kind") or item.kind,
        one_scan=len(item.curve.times_h) == 1,
        alpha_beta_gy=None if biological is None else biological.alpha_beta_gy,
        repair_half_time_h=None if biological is None else biological.repair_half_time_h,
    )


def _split(item: RegionResult) -> tuple[dict[str, float] | None, dict[str, float] | None]:
    """Parts of the dose's uncertainty by name, where the results hold them. Of older ones the random part is that of the fit, the common one all that is left:
    calibration, recovery, outline, mass, S value. None where it is not known.
    """
    parts = getattr(item, "uncertainty_parts", ())
    if parts:
        found = {kind: {part.name: part.relative for part in parts if part.kind == kind} for kind in ("random", "common")}
        return found["random"] if _SAMPLES in found["random"] else None, found["common"]
    spread, dose = item.dose.dose_uncertainty_gy, item.dose.dose_gy
    if spread is None or dose <= 0:
        return None, None
    total, own = spread / dose, item.fit.tia_relative_uncertainty
    own = min(own or 0.0, total)
    return {"random": own}, {CYCLES: math.sqrt(max(total**2 - own**2, 0.0))}


def _rbe_factor(cycle: Cycle, nuclide: str, place: int) -> tuple[float, tuple[str, ...]]:
    """Factor of the dose in the BED for alphas with the named RBE; a warning where alphas have none."""
    share = alpha_share(nuclide) if nuclide else 0.0
    if cycle.alpha_rbe is None:
        return 1.0, (warned("course_alphas_unweighted", cycle=place, nuclide=nuclide),) if share > 0.01 else ()
    return 1 + (cycle.alpha_rbe - 1) * share, ()


def _numbered(item: ReadCycle, number: int) -> ReadCycle:
    """The cycle with its number, and its random errors under its own name: they are not those of another cycle."""
    regions = {
        name: replace(
            one,
            random=None if one.random is None else {f"{source}, cycle {number}": value for source, value in one.random.items()},
        )
        for name, one in item.regions.items()
    }
    return replace(item, number=number, regions=regions)
