"""External beam and earlier radioembolisations, as doses of regions that count beside the cycles."""

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import checked_path
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads.course.reading import exponential
from RNTDosimetryLib.roads.course.regions import Given
from RNTDosimetryLib.roads.course.request import CourseRequest, Other
from RNTDosimetryLib.roads.verify.result import VerifyResult

_NAMES = {"lung_session": "lungs"}
"""Compartments of a verification by the names of organs."""


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
        return _delivered(other, name)
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


def _delivered(other: Other, name: str) -> list[tuple[str, Given]]:
    """Delivered doses of a verification: spheres stay in place, so the dose rate falls with the nuclide."""
    result = VerifyResult.read(checked_path(other.results, "the results of a radioembolisation"))
    curve = exponential(get_nuclide(result.delivered.map.constant.nuclide).half_life_h)
    return [
        (
            _NAMES.get(item.name, item.name),
            _given(other, name, item.delivered_gy, other.random_uncertainty, other.common_uncertainty, curve, item.mass_g),
        )
        for item in result.compartments
    ]
