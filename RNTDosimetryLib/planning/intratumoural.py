"""166Ho microspheres injected into a tumour: dose from SPECT, MRI or CT holmium maps, by the same functions as the liver."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.images import ImageGeometry, Region, occupancy_on_grid
from RNTDosimetryLib.measurement import region_mass_g
from RNTDosimetryLib.planning.products import dose_constant
from RNTDosimetryLib.planning.voxel_plan import SphereDoseMap, sphere_dose_map


@dataclass(frozen=True, eq=False)
class IntratumouralDose(Record):
    """Dose of spheres injected into a tumour.

    tumour_activity_mbq: at administration, what the map shows in the tumour. retained_fraction: of the injected activity, None when it was not
    given. uniform_dose_gy: if that activity were spread evenly, D = K A / m, to compare with the mean of the map.
    """

    map: SphereDoseMap
    tumour: str
    tumour_activity_mbq: float
    tumour_dose_gy: float
    uniform_dose_gy: float
    retained_fraction: float | None
    warnings: tuple[str, ...] = ()


def intratumoural_activity_gbq(dose_gy: float, tumour_mass_g: float, *, retained_fraction: float = 1.0, dose_constant_j_per_gbq=None) -> float:
    """Activity in GBq of 166Ho for a mean tumour dose, A = D m / (K f), with f the share that is expected to stay in the tumour."""
    constant = dose_constant("Ho-166", dose_constant_j_per_gbq).j_per_gbq
    retained = positive_number(retained_fraction, "retained fraction", "1 if everything stays")
    if retained > 1:
        raise DosimetryError(f"Expected a retained fraction up to 1, received {retained_fraction}; 0.9 is 90 %.")
    return positive_number(dose_gy, "wanted dose in Gy") * positive_number(tumour_mass_g, "tumour mass in g") / 1000.0 / (constant * retained)


def intratumoural_dose(
    activity_mbq_ml,
    geometry: ImageGeometry,
    tumour: Region,
    regions: Sequence[Region] = (),
    *,
    injected_activity_mbq: float | None = None,
    method: str = "kernel",
    density_g_ml=None,
    dose_constant_j_per_gbq: float | None = None,
) -> IntratumouralDose:
    """Dose of a map of 166Ho activity at administration.

    activity_mbq_ml: (z, y, x) from SPECT (decay-corrected to administration), or from a holmium map by ``activity_from_holmium``.
    tumour, regions: where the dose is reported. method: "kernel" by default, because deposits in a tumour are small against the range of
    the electrons; "local" takes the dose constant.
    """
    constant = dose_constant("Ho-166", dose_constant_j_per_gbq)
    activity = np.asarray(activity_mbq_ml, dtype=float)
    share = occupancy_on_grid(tumour, geometry)
    if not share.any():
        raise DosimetryError(f"Expected tumour '{tumour.name}' in the field of view, received none of it; check the registration.")
    found = sphere_dose_map(
        activity, geometry, constant, regions=(tumour, *regions), method=method, density_g_ml=density_g_ml,
        description=f"intratumoural, {method} deposition",
    )  # fmt: skip
    inside = float((activity * share).sum()) * geometry.voxel_volume_ml
    warnings = list(found.warnings)
    retained = None
    if injected_activity_mbq is not None:
        retained = inside / positive_number(injected_activity_mbq, "injected activity in MBq")
        if retained > 1.1:
            warnings.append(f"The map shows {100 * retained:.0f} % of the injected activity in the tumour: check calibration and input.")
        elif retained < 0.7:
            warnings.append(f"Only {100 * retained:.0f} % of the injected activity is in the tumour: look for leakage.")
    return IntratumouralDose(
        map=found,
        tumour=tumour.name,
        tumour_activity_mbq=inside,
        tumour_dose_gy=found.region_mean_gy[tumour.name],
        uniform_dose_gy=constant.j_per_gbq * inside / region_mass_g(tumour),
        retained_fraction=retained,
        warnings=tuple(warnings),
    )


