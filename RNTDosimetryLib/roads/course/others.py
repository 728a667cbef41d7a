"""External beam and earlier radioembolisations, as doses of regions that count beside the cycles."""

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import checked_path, read_json_file
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.planning import Compartment
from RNTDosimetryLib.planning.compartments import LUNGS_SESSION, NORMAL_LIVER, OTHER, TUMOR
from RNTDosimetryLib.roads.course.reading import exponential
from RNTDosimetryLib.roads.course.regions import Given
from RNTDosimetryLib.roads.course.request import CourseRequest, Other
from RNTDosimetryLib.roads.plan.result import PlanResult
from RNTDosimetryLib.roads.verify.result import VerifyResult

LUNGS = "lungs"
_COUNTED = (TUMOR, NORMAL_LIVER, LUNGS_SESSION, OTHER)


def read_others(request: CourseRequest) -> list[tuple[str, Given]]:
    """(region, dose) of every other therapy, in the order given. Raises DosimetryError for what cannot be read and names given twice."""
    found, names = [], set()
    for number, other in enumerate(request.others, start=1):
        name = other.name or f"{other.kind.replace('_', ' ')} {number}"
        if name in names:
            raise DosimetryError(f"Expected different names of other therapies, received '{name}' twice; name them apart.")
        names.add(name)
        found += [(request.region_names.get(region, region), given) for region, given in _doses(other, name)]
    return found


def _doses(other: Other, name: str) -> list[tuple[str, Given]]:
    if other.results is not None:
        return _of_results(other, name)
    curve = () if other.kind == "external_beam" else exponential(get_nuclide(other.nuclide).half_life_h)
    rows = []
    for region, item in other.regions.items():
        random = item.random_uncertainty if item.random_uncertainty is not None else other.random_uncertainty
        common = item.common_uncertainty if item.common_uncertainty is not None else other.common_uncertainty
        rows.append((region, _given(other, name, item.dose_gy, random, common, curve, item.mass_g)))
    return rows


def _given(other: Other, name: str, dose_gy: float, random, common, curve, mass_g) -> Given:
    return Given(
        name=name,
        cycle=0,
        dose_gy=dose_gy,
        random=None if random is None else {f"random, {name}": random},
        common=None if common is None else {f"shared, {name}": common},
        curve=curve,
        fractions=other.fractions,
        mass_g=mass_g,
        kind=other.kind,
    )


def _of_results(other: Other, name: str) -> list[tuple[str, Given]]:
    """Delivered doses of a verification, or planned ones of a plan: spheres stay in place, so the dose rate falls with the nuclide.

    Of a plan the sums over compartments (all that is perfused, lungs with earlier sessions, whole liver) are left out: they would count twice.
    """
    path = checked_path(other.results, "the results of a radioembolisation")
    data = read_json_file(path, "the results of a radioembolisation")
    if isinstance(data, dict) and data.get("format") == PlanResult.NAME:
        plan = PlanResult.read(path).plan
        nuclide, rows = (
            plan.nuclide,
            [(item.compartment, item.dose_gy, None) for item in plan.doses if item.compartment.kind in _COUNTED],
        )
    else:
        result = VerifyResult.read(path)
        nuclide = result.delivered.map.constant.nuclide
        rows = [(item.compartment, item.delivered_gy, item.mass_g) for item in result.compartments]
    curve = exponential(get_nuclide(nuclide).half_life_h)
    return [
        (_region_name(where), _given(other, name, dose, other.random_uncertainty, other.common_uncertainty, curve, mass_g))
        for where, dose, mass_g in rows
    ]


def _region_name(where: Compartment) -> str:
    """A compartment by the name of a region: lungs for those of the session, another region by its own name."""
    return LUNGS if where.kind == LUNGS_SESSION else where.name if where.kind == OTHER else where.key
