"""Absorbed dose of organs and lesions: by sphere S values, by the user's S table, and from a dose map."""

import math
from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.checks import any_number, checked_density, finite_array, non_negative_number, positive_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.dose.decay import GY_G_PER_MBQ_H_MEV, decay_warnings, local_energy_mev
from RNTDosimetryLib.dose.histograms import dose_volume_histogram
from RNTDosimetryLib.dose.maps import DoseMap, dose_map, reference_density
from RNTDosimetryLib.dose.s_values import LARGEST_MASS_G, SMALLEST_MASS_G, STable, scaled_s_gy_per_mbq_h, sphere_dose
from RNTDosimetryLib.nuclides import source_nuclide


def relative_dose_uncertainty(
    tia_relative: float,
    volume_relative: float = 0.0,
    mass_exponent: float = 1.0,
    tia_volume_sensitivity: float = 0.0,
    s_value_relative: float = 0.0,
) -> float:
    """u(D)/D of D = TIA S(m), with S falling as m^-c2 (c2 = ``mass_exponent``), all relative standard uncertainties.

    The delineated volume enters twice: a larger outline lowers S, u(S)/S = c2 u(v)/v, and changes the measured TIA,
    dTIA/TIA = k dv/v with k = ``tia_volume_sensitivity`` (phi/(2R) for an outline that follows a blurred edge). Both come from the
    same volume, so they are not independent:
    u2(D)/D2 = u2(TIA)/TIA2 + c2^2 u2(v)/v2 - 2 c2 k u2(v)/v2 + u2(S0)/S02. ``tia_relative`` is the whole uncertainty of the TIA,
    the volume's part included. ``s_value_relative``: of the S value itself at a given mass.
    Formula: EANM uncertainty guidance (Gear et al. 2018), re-derived in docs/dose_maps.md. Raises DosimetryError when the TIA's
    uncertainty is smaller than the part its volume brings.
    """
    tia = non_negative_number(tia_relative, "relative uncertainty of the time-integrated activity")
    volume = non_negative_number(volume_relative, "relative uncertainty of the volume")
    exponent = non_negative_number(mass_exponent, "mass exponent of the S value")
    table = non_negative_number(s_value_relative, "relative uncertainty of the S value")
    sensitivity = any_number(tia_volume_sensitivity, "volume sensitivity", "0 leaves it out")
    from_volume = abs(sensitivity) * volume
    if from_volume > tia * (1 + 1e-9):
        raise DosimetryError(
            f"Expected a relative TIA uncertainty that includes its volume part of {from_volume:.3g}, received {tia:.3g}; "
            "give the whole uncertainty of the TIA."
        )
    independent = max(0.0, tia**2 - from_volume**2)
    return math.sqrt(independent + ((sensitivity - exponent) * volume) ** 2 + table**2)


def mass_exponent_of(s_of_mass, mass_g: float) -> float:
    """c2 = -d ln S / d ln m at ``mass_g`` of a function mass in g -> S, by a central difference of 2 % to each side."""
    mass = positive_number(mass_g, "mass in g")
    step = 1.02
    return -math.log(s_of_mass(mass * step) / s_of_mass(mass / step)) / (2 * math.log(step))


@dataclass(frozen=True)
class RegionDose(Record):
    """Mean absorbed dose of one region in Gy.

    dose_uncertainty_gy: standard uncertainty, None when unknown. parts: Gy by origin ("electrons", "photons", "from liver", ...).
    mass_exponent: -d ln D / d ln m at this mass, None when it does not apply. tia_mbq_h: None for a dose read from a map without TIA.
    """

    region: str
    mass_g: float
    tia_mbq_h: float | None
    dose_gy: float
    dose_uncertainty_gy: float | None
    nuclide: str
    method: str
    parts: dict[str, float] = field(default_factory=dict)
    mass_exponent: float | None = None
    warnings: tuple[str, ...] = ()


def self_dose(
    tia_mbq_h: float,
    nuclide,
    mass_g: float,
    *,
    region: str = "",
    density_g_ml: float = 1.0,
    reference_mass_g: float | None = None,
    tia_uncertainty_mbq_h: float | None = None,
    volume_uncertainty: float = 0.0,
    tia_volume_sensitivity: float = 0.0,
    s_value_uncertainty: float = 0.0,
    progeny: bool = True,
) -> RegionDose:
    """Dose that a region gives itself, as a sphere of its mass in water.

    tia_mbq_h: time-integrated activity in the region, MBq*h. mass_g: its mass. reference_mass_g: None takes the sphere S value at
    ``mass_g`` itself; a mass takes the sphere of that mass and scales, electrons and alphas with m_ref/m, photons with (m_ref/m)^(2/3).
    progeny: in equilibrium with the nuclide, or False for the nuclide alone. volume_uncertainty, s_value_uncertainty: relative; tia_volume_sensitivity: d ln TIA / d ln v; see ``relative_dose_uncertainty``.
    Raises DosimetryError for a mass that is not positive, negative TIA, an unknown nuclide.
    """
    tia = non_negative_number(tia_mbq_h, f"time-integrated activity in MBq*h of region '{region}'", "measure or fit it first")
    mass = positive_number(mass_g, f"mass in g of region '{region}'", "type it or take it from volume and density")
    source = source_nuclide(nuclide, progeny)
    if reference_mass_g is None:
        electrons, photons = sphere_parts(source, mass, density_g_ml)
        method = "sphere S value at the region's mass"
    else:
        reference = positive_number(reference_mass_g, "reference mass in g")
        electrons, photons = sphere_parts(source, reference, density_g_ml)
        electrons, photons = electrons * reference / mass, photons * (reference / mass) ** (2 / 3)
        method = f"sphere S value of {reference:.4g} g scaled to the region's mass"
    s_value = electrons + photons
    inside_range = min(max(mass, 1.1 * SMALLEST_MASS_G), LARGEST_MASS_G / 1.1)
    exponent = mass_exponent_of(lambda m: sum(sphere_parts(source, m, density_g_ml)), inside_range)
    relative = None
    if tia_uncertainty_mbq_h is not None and tia > 0:
        relative = relative_dose_uncertainty(
            non_negative_number(tia_uncertainty_mbq_h, "uncertainty of the TIA in MBq*h") / tia,
            volume_uncertainty,
            exponent,
            tia_volume_sensitivity,
            s_value_uncertainty,
        )
    return RegionDose(
        region=str(region),
        mass_g=mass,
        tia_mbq_h=tia,
        dose_gy=tia * s_value,
        dose_uncertainty_gy=None if relative is None else relative * tia * s_value,
        nuclide=source.name,
        method=method,
        parts={"electrons and alphas": tia * electrons, "photons": tia * photons},
        mass_exponent=exponent,
        warnings=_self_warnings(source, None if reference_mass_g is None else float(reference_mass_g), mass),
    )


def doses_from_table(
    tia_mbq_h: dict[str, float],
    table: STable,
    masses_g: dict[str, float],
    nuclide=None,
    *,
    tia_uncertainties_mbq_h: dict[str, float] | None = None,
    progeny: bool = True,
) -> dict[str, RegionDose]:
    """Doses of all targets in ``masses_g`` from the user's S table: sum over sources of TIA times S, self-dose scaled to the mass.

    tia_mbq_h: by source region. masses_g: by target region, the patient's own. nuclide: None takes the table's. A pair that is not in the
    table is an error, not a zero. tia_uncertainties_mbq_h: by source, independent of each other; a source without one leaves the
    dose's uncertainty unknown. progeny: whether the table's values are of the chain; it decides the share of electrons that is scaled. Returns RegionDose by target, with the part of each source.
    """
    if not isinstance(table, STable):
        raise DosimetryError(f"Expected an S table, received {shown(table)}; read one with read_s_table.")
    _named_numbers(tia_mbq_h, "time-integrated activities in MBq*h by source region")
    _named_numbers(masses_g, "masses in g by target region")
    _named_numbers({} if tia_uncertainties_mbq_h is None else tia_uncertainties_mbq_h, "uncertainties in MBq*h by source region")
    source = source_nuclide(table.nuclide if nuclide is None else nuclide, progeny)
    energy = local_energy_mev(source)
    doses = {}
    for target, mass_g in masses_g.items():
        mass = positive_number(mass_g, f"mass in g of region '{target}'")
        parts, variance = {}, 0.0
        for name, tia in tia_mbq_h.items():
            tia = non_negative_number(tia, f"time-integrated activity in MBq*h of '{name}'")
            electrons, photons = scaled_s_gy_per_mbq_h(table.find(target, name), mass, energy)
            if name == target:
                parts["electrons and alphas"], parts["photons"] = tia * electrons, tia * photons
            else:
                parts[f"from {name}"] = tia * photons
            spread = (tia_uncertainties_mbq_h or {}).get(name)
            if spread is None or variance is None:
                variance = None
            else:
                variance += (non_negative_number(spread, f"uncertainty of the TIA of '{name}'") * (electrons + photons)) ** 2
        doses[target] = RegionDose(
            region=target,
            mass_g=mass,
            tia_mbq_h=tia_mbq_h.get(target),
            dose_gy=sum(parts.values()),
            dose_uncertainty_gy=None if variance is None else math.sqrt(variance),
            nuclide=source.name,
            method=f"S table '{table.name}', self-dose scaled to the region's mass",
            parts=parts,
        )
    return doses


def region_doses(dose_map, regions, *, density_g_ml=None, tia_mbq_h: dict[str, float] | None = None) -> dict[str, RegionDose]:
    """Mean dose of regions in a DoseMap.

    regions: dictionary of name to occupancy (z, y, x) on the map's grid, or Region objects. density_g_ml: number or (z, y, x) for the
    masses; None is 1 g/mL. The mean is over volume, weighted by occupancy. The uncertainty follows the map's, common to all voxels.
    """
    if not isinstance(dose_map, DoseMap):
        raise DosimetryError(f"Expected a DoseMap, received {shown(dose_map)}; use dose_volume_histogram for an array of doses.")
    _named_numbers({} if tia_mbq_h is None else tia_mbq_h, "time-integrated activities in MBq*h by region")
    doses = {}
    for name, occupancy in named_occupancies(regions).items():
        histogram = dose_volume_histogram(dose_map, occupancy, name=name)
        doses[name] = RegionDose(
            region=name,
            mass_g=_mass_g(occupancy, dose_map.spacing_mm, density_g_ml),
            tia_mbq_h=None
            if tia_mbq_h is None or name not in tia_mbq_h
            else non_negative_number(tia_mbq_h[name], f"TIA in MBq*h of '{name}'"),
            dose_gy=histogram.mean_gy,
            dose_uncertainty_gy=histogram.mean_uncertainty_gy,
            nuclide=dose_map.nuclide,
            method=f"mean of the dose map ({dose_map.method})",
            warnings=dose_map.warnings + histogram.warnings,
        )
    return doses


def named_occupancies(regions) -> dict[str, np.ndarray]:
    """Occupancy arrays by name, from a dictionary (of arrays or Region objects) or a list of Region objects."""
    try:
        pairs = regions.items() if isinstance(regions, dict) else [(region.name, region) for region in regions]
    except (TypeError, AttributeError) as error:
        raise DosimetryError(
            f"Expected a dictionary of name to occupancy, or Region objects, received {shown(regions)}; name them."
        ) from error
    named = {
        str(name): finite_array(getattr(item, "occupancy", item), f"the occupancy of region '{name}'", "draw the region again")
        for name, item in pairs
    }
    if not named or (not isinstance(regions, dict) and len(named) != len(regions)):
        raise DosimetryError("Expected one or more regions with different names, received none or a name twice; rename them.")
    return named


def sphere_parts(nuclide, mass_g: float, density_g_ml: float = 1.0) -> tuple[float, float]:
    """Sphere S value as (electrons and alphas, photons), both in Gy/(MBq*h)."""
    sphere = sphere_dose(nuclide, mass_g, density_g_ml)
    factor = GY_G_PER_MBQ_H_MEV / sphere.mass_g
    return factor * sphere.electron_absorbed_mev, factor * sphere.photon_absorbed_mev


def _mass_g(occupancy, spacing_mm, density_g_ml) -> float:
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    density = 1.0 if density_g_ml is None else checked_density(density_g_ml, occupancy.shape)
    return float(np.sum(occupancy.astype(float) * density)) * voxel_ml


def _named_numbers(values, what: str) -> None:
    if not isinstance(values, dict):
        raise DosimetryError(f"Expected a dictionary of {what}, received {shown(values)}; give a number for each name.")


def _self_warnings(nuclide, reference_mass_g, mass_g) -> tuple[str, ...]:
    warnings = []
    if reference_mass_g is not None and not 1 / 10 <= reference_mass_g / mass_g <= 10:
        warnings.append(warned("reference_mass_far_from_mass", reference=reference_mass_g, mass=mass_g))
    return tuple(warnings) + decay_warnings(nuclide)


REMAINDER = "remainder"
"""Name of the activity outside all regions."""


def cross_doses(
    tia_mbq_h_ml, spacing_mm, nuclide, regions, density_g_ml=1.0, *, progeny: bool = True
) -> dict[str, dict[str, float]]:
    """Mean dose in Gy of each region by the region that the activity lies in: doses[target][source], with the kernel.

    tia_mbq_h_ml: (z, y, x). regions: dictionary of name to occupancy on the same grid, or Region objects, that do not overlap (activity must
    have one owner). The activity outside all regions is the source "remainder". Over the sources the doses add up to that of the whole map.
    Raises DosimetryError as ``dose_map``, and for regions that overlap.
    """
    tia = finite_array(tia_mbq_h_ml, "the map of time-integrated activity", "set such voxels to zero or fit them again")
    occupancies = named_occupancies(regions)
    for name, occupancy in occupancies.items():
        if occupancy.shape != tia.shape:
            raise DosimetryError(
                f"Expected region '{name}' on the activity map's grid {tia.shape}, received {occupancy.shape}; resample it first."
            )
    owned = sum(occupancy.astype(float) for occupancy in occupancies.values())
    if owned.max() > 1 + 1e-6:
        raise DosimetryError(
            f"Expected regions that do not overlap, received {int(np.count_nonzero(owned > 1 + 1e-6))} voxels with two owners; "
            "take lesions out of the organ first."
        )
    density = checked_density(density_g_ml, tia.shape)
    kernel_density = reference_density(tia, density)
    sources = {**occupancies, REMAINDER: np.maximum(1 - owned, 0)}
    doses = {name: {} for name in occupancies}
    for source, share in sources.items():
        one = dose_map(tia * share, spacing_mm, nuclide, "kernel", density, kernel_density_g_ml=kernel_density, progeny=progeny)
        for target, occupancy in occupancies.items():
            doses[target][source] = dose_volume_histogram(one, occupancy, name=target).mean_gy
    return doses
