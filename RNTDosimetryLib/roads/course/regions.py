"""One region over the course: what each cycle gave, measured or estimated, and its radiobiology."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.course import Contribution, Trend, own_variation, radiobiology_of, rules, tissue_of, trend_of
from RNTDosimetryLib.course.limits import LESION, pairs
from RNTDosimetryLib.dose import lea_catcheside_factor
from RNTDosimetryLib.roads.course.reading import Curve, Measured, ReadCycle
from RNTDosimetryLib.roads.course.request import CourseRequest


@dataclass(frozen=True)
class Given:
    """Dose of a region from one source. cycle: its number, 0 for another therapy. fractions: of external beam; curve: of the dose rate otherwise."""

    name: str
    cycle: int
    dose_gy: float
    random: dict[str, float] | None
    common: dict[str, float] | None
    curve: Curve = ()
    fractions: int | None = None
    mass_g: float | None = None
    rbe_factor: float = 1.0
    gy_per_gbq: float | None = None
    nuclide: str = ""
    kind: str = "systemic"
    estimated: str = ""

    def contribution(self, repair_half_time_h: float | None) -> Contribution:
        """With its protraction factor where the repair half-time and the curve are known."""
        factor = None
        if self.fractions:
            factor = 1 / self.fractions
        elif self.curve and repair_half_time_h:
            factor = min(1.0, lea_catcheside_factor(*zip(*self.curve), repair_half_time_h))
        return Contribution(self.name, self.dose_gy, self.random, self.common, factor, self.rbe_factor, self.estimated)


@dataclass(frozen=True)
class RegionGiven:
    """A region with everything that it was given, in order of time. blank: numbers of cycles that say nothing of it."""

    name: str
    kind: str
    tissue: str
    given: tuple[Given, ...]
    blank: tuple[int, ...] = ()
    alpha_beta_gy: float | None = None
    repair_half_time_h: float | None = None
    trend: Trend | None = None
    variation: float | None = None
    variation_assumed: bool = True
    warnings: tuple[str, ...] = field(default=())

    def contributions(self, repair_half_time_h: float | None = None) -> list[Contribution]:
        """Everything given, with protraction factors of a repair half-time, by default the region's own."""
        return [item.contribution(repair_half_time_h or self.repair_half_time_h) for item in self.given]

    @property
    def measured(self) -> list[Given]:
        """Cycles with a measured or entered dose and a known activity."""
        return [
            item for item in self.given if item.cycle and item.gy_per_gbq is not None and not item.estimated.startswith("no ")
        ]


def gather(request: CourseRequest, cycles: Sequence[ReadCycle], others: Sequence[tuple[str, Given]]) -> dict[str, RegionGiven]:
    """Every region of the course by name: those of cycles and of other therapies, and kidneys both together."""
    names = list(dict.fromkeys([name for cycle in cycles for name in cycle.regions] + [name for name, _given in others]))
    found = {name: _region(name, request, cycles, [given for where, given in others if where == name]) for name in names}
    for both, members in pairs().items():
        if both not in found and all(name in found for name in members):
            joined = _joined(both, request, [found[name] for name in members])
            if joined is not None:
                found[both] = joined
    return found


def _region(name: str, request: CourseRequest, cycles: Sequence[ReadCycle], others: Sequence[Given]) -> RegionGiven:
    seen = [cycle for cycle in cycles if name in cycle.regions]
    entry = request.regions.get(name)
    kind = seen[0].regions[name].kind if seen else (entry.kind if entry and entry.kind else _kind_of(name))
    warnings: list[str] = []
    trend, variation, assumed = _between(name, request, seen)
    given, blank = [], []
    for cycle in cycles:
        if name in cycle.regions:
            given.append(_measured(name, cycle, warnings))
            continue
        source = _nearest(name, kind, cycle, cycles, seen)
        if source is None:
            blank.append(cycle.number)
            continue
        given.append(_estimated(name, cycle, source, variation))
        words = {"region": name, "cycle": cycle.number, "source": source.number}
        warnings.append(warned("course_region_missing", **words) if cycle.regions else warned("course_cycle_estimated", **words))
    if blank and seen:
        warnings.append(warned("course_region_in_some", region=name, cycles=", ".join(str(cycle.number) for cycle in seen)))
    biology = _radiobiology(name, kind, request, [cycle.regions[name] for cycle in seen], warnings)
    given = _with_curves(name, [*given, *others], warnings)
    if others and (seen or len({item.kind for item in others}) > 1):
        warnings.append(warned("course_modalities_added", region=name))
    return RegionGiven(
        name, kind, tissue_of(name, kind), tuple(given), tuple(blank), *biology, trend, variation, assumed, tuple(warnings)
    )


def _kind_of(name: str) -> str:
    from RNTDosimetryLib.intake.region_kinds import region_kind

    return region_kind(name)


def _measured(name: str, cycle: ReadCycle, warnings: list[str]) -> Given:
    one = cycle.regions[name]
    if one.one_scan:
        warnings.append(warned("course_one_scan", region=name, cycle=cycle.number))
    return Given(
        name=cycle.name,
        cycle=cycle.number,
        dose_gy=one.dose_gy,
        random=one.random,
        common=one.common,
        curve=one.curve,
        mass_g=one.mass_g,
        rbe_factor=cycle.rbe_factor,
        gy_per_gbq=None if not cycle.activity_mbq else 1000 * one.dose_gy / cycle.activity_mbq,
        nuclide=cycle.nuclide,
        estimated="one scan" if one.one_scan else "",
    )


def _between(name: str, request: CourseRequest, seen: Sequence[ReadCycle]) -> tuple[Trend | None, float, bool]:
    """Trend of Gy/GBq of the last nuclide, and the variation between cycles: entered, the patient's own, or assumed."""
    last = seen[-1].nuclide if seen else ""
    known = [cycle for cycle in seen if cycle.activity_mbq and cycle.nuclide == last]
    k = [1000 * cycle.regions[name].dose_gy / cycle.activity_mbq for cycle in known]
    relative = [_size(cycle.regions[name]) for cycle in known]
    trend = trend_of([cycle.number for cycle in known], k, relative) if known else None
    entered = None if request.next_cycle is None else request.next_cycle.between_cycle_variation
    if entered is not None:
        return trend, entered, False
    noise = max((value or 0.0 for value in relative), default=0.0)
    spread = None if trend is None else trend.spread
    return trend, *own_variation(
        spread, len(k), noise, rules()["between_cycle_variation"], rules()["fewest_cycles_for_own_variation"]
    )


def _size(one: Measured) -> float | None:
    return None if one.random is None else Contribution("", one.dose_gy, one.random, {}).random_uncertainty


def _nearest(name: str, kind: str, cycle: ReadCycle, cycles: Sequence[ReadCycle], seen: Sequence[ReadCycle]) -> ReadCycle | None:
    """The cycle whose Gy/GBq stands for one without: the nearest with dosimetry; of a lesion that one is not in, none, and of what is neither."""
    if not seen or (cycle.regions and kind != "organ"):
        return None
    among = seen if kind == "organ" else [other for other in cycles if other.regions]
    nearest = min(among, key=lambda other: (abs((other.day - cycle.day).days), other.day))
    return nearest if name in nearest.regions else None


def _estimated(name: str, cycle: ReadCycle, source: ReadCycle, variation: float) -> Given:
    for item in (cycle, source):
        if not item.activity_mbq:
            raise DosimetryError(
                f"Expected administered_activity_mbq of cycle {item.number} ({item.day}), to estimate {name} in cycle {cycle.number} from cycle "
                f"{source.number}, received none; enter it."
            )
    one = source.regions[name]
    k = 1000 * one.dose_gy / source.activity_mbq
    return Given(
        name=cycle.name,
        cycle=cycle.number,
        dose_gy=k * cycle.activity_mbq / 1000,
        # The error of the cycle that it is taken from comes again, whole; that of the uptake between the two is its own.
        random=None if one.random is None else {**one.random, f"uptake, cycle {cycle.number}": variation},
        common=one.common,
        curve=one.curve,
        mass_g=one.mass_g,
        rbe_factor=source.rbe_factor,
        gy_per_gbq=k,
        nuclide=source.nuclide,
        estimated=f"no dosimetry: Gy/GBq of cycle {source.number}",
    )


def _radiobiology(name: str, kind: str, request: CourseRequest, seen: Sequence[Measured], warnings: list[str]):
    """alpha/beta and repair half-time: entered, of the results, or shipped."""
    entry, shipped = request.regions.get(name), radiobiology_of(tissue_of(name, kind))
    found = []
    for key in ("alpha_beta_gy", "repair_half_time_h"):
        entered = None if entry is None else getattr(entry, key)
        stored = next((getattr(one, key) for one in reversed(seen) if getattr(one, key) is not None), None)
        found.append(entered or stored or (None if shipped is None else shipped[key]))
    taken = (
        shipped is not None
        and shipped["status"] == "unchecked"
        and found == [shipped["alpha_beta_gy"], shipped["repair_half_time_h"]]
    )
    if taken and (entry is None or entry.alpha_beta_gy is None):
        warnings.append(warned("course_radiobiology_unchecked", region=name, ratio=found[0], repair=found[1]))
    return found


def _with_curves(name: str, given: list[Given], warnings: list[str]) -> list[Given]:
    """A cycle without a half-life takes the curve of the nearest that has one."""
    from dataclasses import replace

    known = [item for item in given if item.cycle and item.curve]
    result = []
    for item in given:
        if item.cycle and not item.curve and not item.fractions and known:
            source = min(known, key=lambda other: abs(other.cycle - item.cycle))
            warnings.append(warned("course_half_life_taken", region=name, name=item.name, source=source.name))
            item = replace(item, curve=source.curve)
        result.append(item)
    return result


def _joined(both: str, request: CourseRequest, members: Sequence[RegionGiven]) -> RegionGiven | None:
    """The mean of both, weighted with their masses: random errors are those of each, common ones are common to both. None where one has less than the other."""
    if len({tuple((item.name, item.fractions) for item in member.given) for member in members}) != 1:
        return None
    first, given, warnings = members[0], [], []
    for parts in zip(*(member.given for member in members)):
        masses = [item.mass_g for item in parts]
        if None in masses:
            masses = [1.0] * len(parts)
            warnings.append(warned("course_kidney_masses"))
        shares = [mass / sum(masses) for mass in masses]
        given.append(_mean_of(parts, shares, [member.name for member in members]))
    known = [item for item in given if item.cycle and item.gy_per_gbq is not None and not item.estimated.startswith("no ")]
    trend = None
    if known:
        relative = [item.contribution(None).random_uncertainty for item in known]
        trend = trend_of([item.cycle for item in known], [item.gy_per_gbq for item in known], relative)
    entry = request.regions.get(both)
    return RegionGiven(
        both, first.kind, first.tissue, tuple(given), first.blank,
        (entry and entry.alpha_beta_gy) or first.alpha_beta_gy, (entry and entry.repair_half_time_h) or first.repair_half_time_h,
        trend, max(member.variation for member in members), any(member.variation_assumed for member in members), tuple(dict.fromkeys(warnings)),
    )  # fmt: skip


def _mean_of(parts: Sequence[Given], shares: Sequence[float], names: Sequence[str]) -> Given:
    dose = sum(share * item.dose_gy for share, item in zip(shares, parts))
    weights = [share * item.dose_gy / dose if dose > 0 else share for share, item in zip(shares, parts)]
    random: dict[str, float] | None = {}
    common: dict[str, float] | None = {}
    for item, weight, name in zip(parts, weights, names):
        random = (
            None
            if random is None or item.random is None
            else random | {f"{key}, {name}": weight * u for key, u in item.random.items()}
        )
        common = None if common is None or item.common is None else {
            key: common.get(key, 0.0) + weight * item.common.get(key, 0.0) for key in common | item.common
        }  # fmt: skip
    whole = all(item.curve for item in parts)
    curve = tuple((weight * a, rate) for item, weight in zip(parts, weights) for a, rate in item.curve) if whole else ()
    per_activity = [item.gy_per_gbq for item in parts]
    first = parts[0]
    return Given(
        first.name, first.cycle, dose, random, common, curve, first.fractions, None, first.rbe_factor,
        None if None in per_activity else sum(share * k for share, k in zip(shares, per_activity)), first.nuclide, first.kind,
        next((item.estimated for item in parts if item.estimated), ""),
    )  # fmt: skip


def is_lesion(region: RegionGiven) -> bool:
    """Lesions have no limits; they are shown beside them."""
    return region.kind == LESION
