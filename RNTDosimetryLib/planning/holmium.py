"""Holmium in MRI: R2* from multi-echo images, its change to concentration, and on to activity."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.checks import (
    any_number,
    checked_kind,
    checked_number,
    checked_spacing,
    number_array,
    one_of,
    positive_number,
    shown,
)
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import MAP, NOT_WRITTEN, Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images import ImageGeometry, Region, occupancy_on_grid
from RNTDosimetryLib.measurement import region_mass_g
from RNTDosimetryLib.planning.products import dose_constant
from RNTDosimetryLib.planning.voxel_plan import SphereDoseMap, sphere_dose_map

METHODS = ("log-linear", "nonlinear")
REFERENCES = ("microspheres", "holmium")
_FIELDS_T = (0.1, 12.0)
_LARGEST_R2_STAR_PER_S = 5000.0
_ROUNDS = 60
_CHUNK_VOXELS = 200_000
_MOST_MG_ML = 1e5
"""Ten times the metal: more is a slip of the unit."""


@dataclass(frozen=True, eq=False)
class RelaxationMap(Record):
    """R2* in 1/s and signal at echo time 0, both (z, y, x) float32. fitted: bool, voxels with signal in at least two echoes.

    residual: root mean square of signal minus fit, in the unit of the signal, (z, y, x).
    """

    r2_star_per_s: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    signal_at_zero: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    residual: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    fitted: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    echo_times_ms: tuple[float, ...]
    method: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class HolmiumMap(Record):
    """Microspheres in mg/mL, (z, y, x) float32, and the holmium in them.

    holmium_mass_share: mg of holmium in a mg of microspheres. slope_per_mg_ml_microspheres: what a mg/mL of microspheres adds to the image, in its
    ``unit`` (1/s, or HU). field_t: of the MRI, None for CT and where the relaxivity was given without it. relative_uncertainty: standard, of the
    microspheres by the slope alone; None when it was given without. negative_share: of the voxels that fell; they were kept when signed.
    """

    microspheres_mg_ml: np.ndarray = field(metadata=MAP, repr=False)
    holmium_mass_share: float
    slope_per_mg_ml_microspheres: float
    unit: str
    field_t: float | None
    relative_uncertainty: float | None
    microspheres_mg: float
    negative_share: float
    warnings: tuple[str, ...] = ()

    @property
    def holmium_mg_ml(self) -> np.ndarray:
        """(z, y, x)."""
        return self.microspheres_mg_ml * self.holmium_mass_share

    @property
    def holmium_mg(self) -> float:
        return self.microspheres_mg * self.holmium_mass_share


@dataclass(frozen=True)
class Relaxivity(Record):
    """r2* in 1/s per mg/mL of ``reference`` ("microspheres" or "holmium") at a field. relative_uncertainty: standard, from the range that is in use."""

    per_s_ml_mg: float
    reference: str
    field_t: float
    relative_uncertainty: float | None
    status: str
    source: str


def relaxivity_of_holmium(field_t: float, reference: str = "microspheres") -> Relaxivity:
    """r2* of Resources/planning/holmium.json at a field, which it is proportional to (static dephasing). Raises DosimetryError for a field that no scanner has."""
    field_t = checked_number(field_t, "field strength in T", "type 1.5 or 3", *_FIELDS_T)
    row = read_json("planning", "holmium.json")["relaxivity"][one_of(reference, REFERENCES, "the reference of the relaxivity")]
    low, high = row.get("range", (None, None))
    relative = None if low is None else (high - low) / 2 / np.sqrt(3) / row["value"]
    return Relaxivity(row["value"] * field_t / row["field_t"], reference, field_t, relative, row["status"], row["source"])


def fit_r2_star(echoes, echo_times_ms, method: str = "nonlinear", noise_floor: float = 0.0) -> RelaxationMap:
    """R2* of every voxel from S = S0 exp(-TE R2*).

    echoes: (echo, z, y, x) magnitude signal. echo_times_ms: rising. method: "log-linear" fits ln S by least squares weighted with S^2, which is
    right to first order and fast; "nonlinear" fits S itself, which is right for constant noise. noise_floor: echoes with a signal at or
    below it are left out of a voxel. Voxels with fewer than two echoes left have R2* 0 and fitted False.
    R2* is held between 0 and 5000 1/s. Raises DosimetryError for fewer than two echoes, echo times that do not rise, NaN.
    """
    signal = number_array(echoes, "the echoes", dtype=np.float32)
    times_s = np.atleast_1d(number_array(echo_times_ms, "the echo times in ms")) / 1000.0
    floor = any_number(noise_floor, "the noise floor", "0 keeps every echo")
    if signal.ndim != 4 or times_s.ndim != 1 or len(signal) != len(times_s) or len(times_s) < 2:
        raise DosimetryError(
            f"Expected two or more echoes as (echo, z, y, x) with one echo time each, received {signal.shape} and {len(times_s)} times; "
            "load the whole multi-echo series."
        )
    if not np.all(np.diff(times_s) > 0) or times_s[0] <= 0 or times_s[-1] > 1.0:
        raise DosimetryError(f"Expected rising echo times in ms, received {shown(echo_times_ms)}; check the unit and the order.")
    if not np.all(np.isfinite(signal)):
        raise DosimetryError("Expected finite signals in all echoes, received NaN or infinity; load the magnitude images again.")
    one_of(method, METHODS, "the method", "choose one of them")
    shape = signal.shape[1:]
    flat = signal.reshape(len(times_s), -1)
    rate, start, residual = (np.zeros(flat.shape[1], dtype=np.float32) for _ in range(3))
    fitted = np.zeros(flat.shape[1], dtype=bool)
    for first in range(0, flat.shape[1], _CHUNK_VOXELS):
        part = slice(first, first + _CHUNK_VOXELS)
        values = flat[:, part].astype(float)
        usable = values > max(floor, 0.0)
        good = usable.sum(axis=0) >= 2
        weights = np.where(usable, 1.0, 0.0)[:, good]
        found = _log_linear(values[:, good], weights, times_s)
        if method == "nonlinear":
            found = _nonlinear(values[:, good], weights, times_s, found)
        where = np.flatnonzero(good) + first
        decay = np.exp(-times_s[:, None] * found)
        zero = (weights * values[:, good] * decay).sum(axis=0) / (weights * decay**2).sum(axis=0)
        rate[where], start[where], fitted[where] = found, zero, True
        residual[where] = np.sqrt((weights * (values[:, good] - zero * decay) ** 2).sum(axis=0) / weights.sum(axis=0))
    left = int(fitted.size - np.count_nonzero(fitted))
    warnings = (warned("voxels_not_fitted", left=left, all=fitted.size),) if left else ()
    return RelaxationMap(
        rate.reshape(shape), start.reshape(shape), residual.reshape(shape), fitted.reshape(shape),
        tuple(float(time) for time in echo_times_ms), method, warnings,
    )  # fmt: skip


def holmium_from_r2_star(
    before,
    after,
    spacing_mm,
    *,
    field_t: float | None = None,
    relaxivity_per_s_ml_mg_microspheres: float | None = None,
    relaxivity_per_s_ml_mg_holmium: float | None = None,
    holmium_mass_share: float | None = None,
    signed: bool = False,
) -> HolmiumMap:
    """Concentration of microspheres c = (R2*_after - R2*_before) / r2*, voxel by voxel, and of the holmium in them.

    before, after: RelaxationMap or (z, y, x) arrays in 1/s on one grid, registered. spacing_mm: (z, y, x). field_t: of the scanner, in T.
    relaxivity_...: r2* of your scanner and spheres at this field, in 1/s per mg/mL of microspheres or of holmium; without one that of
    ``relaxivity_of_holmium`` at field_t, with a warning. holmium_mass_share: None takes that in Resources/planning/holmium.json. signed: keeps negative
    concentrations, so that sums over a region stay unbiased; otherwise they become 0. Raises DosimetryError without field and relaxivity, or with both kinds.
    """
    given = _slope_given(relaxivity_per_s_ml_mg_microspheres, relaxivity_per_s_ml_mg_holmium, "relaxivity r2* in 1/s per mg/mL")
    if field_t is not None:
        field_t = checked_number(field_t, "field strength in T", "type 1.5 or 3", *_FIELDS_T)
    warnings, relative = [], None
    if given is None:
        if field_t is None:
            raise DosimetryError(
                "Expected the field strength of the scanner in T or its relaxivity, received neither; the relaxivity at 3 T is twice that at 1.5 T."
            )
        found = relaxivity_of_holmium(field_t)
        given, relative = (found.per_s_ml_mg, found.reference), found.relative_uncertainty
        warnings.append(
            warned(
                "relaxivity_not_given",
                relaxivity=found.per_s_ml_mg,
                reference=found.reference,
                field=field_t,
                source=found.source,
            )
        )
    return _concentration(
        before, after, spacing_mm, given, holmium_mass_share, signed, ("R2*", "1/s"), field_t, relative, warnings
    )


def holmium_from_ct(
    before_hu,
    after_hu,
    spacing_mm,
    *,
    hounsfield_per_mg_ml_microspheres: float | None = None,
    hounsfield_per_mg_ml_holmium: float | None = None,
    holmium_mass_share: float | None = None,
    signed: bool = False,
) -> HolmiumMap:
    """The same from the rise of Hounsfield units, c = (HU_after - HU_before) / slope; the slope belongs to scanner and kV, and to what a mg is of."""
    given = _slope_given(hounsfield_per_mg_ml_microspheres, hounsfield_per_mg_ml_holmium, "Hounsfield units per mg/mL")
    if given is None:
        raise DosimetryError(
            "Expected Hounsfield units per mg/mL of microspheres or of holmium, received neither; calibrate it with a phantom at the same kV."
        )
    return _concentration(
        before_hu, after_hu, spacing_mm, given, holmium_mass_share, signed, ("Hounsfield unit", "HU"), None, None, []
    )


def activity_from_holmium(
    found: HolmiumMap,
    *,
    specific_activity_mbq_mg_microspheres: float | None = None,
    specific_activity_mbq_mg_holmium: float | None = None,
) -> np.ndarray:
    """Activity at administration in MBq/mL, (z, y, x), for the spheres' activity per mg of microspheres, or per mg of holmium, at that time."""
    checked_kind(found, HolmiumMap, "the map of holmium")
    given = _slope_given(
        specific_activity_mbq_mg_microspheres, specific_activity_mbq_mg_holmium, "specific activity in MBq per mg"
    )
    if given is None:
        raise DosimetryError(
            "Expected the activity per mg of microspheres or per mg of holmium at administration, received neither; divide the activity by their mass."
        )
    value, reference = given
    return np.maximum(found.microspheres_mg_ml if reference == "microspheres" else found.holmium_mg_ml, 0.0) * value


def _slope_given(of_microspheres, of_holmium, what: str) -> tuple[float, str] | None:
    """The number that was given and what a mg is of; None for neither."""
    if of_microspheres is not None and of_holmium is not None:
        raise DosimetryError(f"Expected the {what} of microspheres or of holmium, received both; keep one of them.")
    for value, reference in ((of_microspheres, "microspheres"), (of_holmium, "holmium")):
        if value is not None:
            return positive_number(value, f"{what} of {reference}"), reference
    return None


def _concentration(before, after, spacing_mm, given, share, signed, words, field_t, relative, warnings) -> HolmiumMap:
    """words: what rises, and its unit."""
    maps = [number_array(getattr(item, "r2_star_per_s", item), f"the map of {words[0]}") for item in (before, after)]
    voxel_ml = float(np.prod(checked_spacing(spacing_mm))) / 1000.0
    if maps[0].shape != maps[1].shape or maps[0].ndim != 3:
        raise DosimetryError(
            f"Expected {words[0]} before and after on one grid, received {maps[0].shape} and {maps[1].shape}; resample one of them."
        )
    if share is None:
        low, high = read_json("planning", "holmium.json")["holmium_mass_share"]["range"]
        share = (low + high) / 2
        warnings.append(warned("holmium_share_not_given", share=100 * share, percent=100 * (high - low) / 2 / np.sqrt(3) / share))
    share = checked_number(share, "mass share of holmium in the microspheres", "0.18 is 18 %", 0.0, 1.0, above=True)
    slope = given[0] if given[1] == "microspheres" else given[0] * share
    known = np.ones(maps[0].shape, dtype=bool)
    for item in (before, after):
        known &= np.asarray(getattr(item, "fitted", True))
    concentration = np.where(known, (maps[1] - maps[0]) / slope, 0.0)
    if not np.all(np.isfinite(concentration)):
        raise DosimetryError(f"Expected finite maps of {words[0]}, received NaN or infinity; make them again.")
    if np.abs(concentration).max(initial=0.0) > _MOST_MG_ML:
        raise DosimetryError(
            f"Expected microspheres of at most {_MOST_MG_ML:g} mg/mL, received {np.abs(concentration).max():.3g}; check the unit of the relaxivity or slope."
        )
    negative = float(np.count_nonzero(concentration < 0)) / concentration.size
    if not signed:
        if negative > 0.05:
            warnings.append(warned("holmium_falls", percent=100 * negative, what=words[0]))
        concentration = np.maximum(concentration, 0.0)
    if not np.all(known):
        warnings.append(warned("holmium_not_fitted"))
    total = float(concentration.sum()) * voxel_ml
    return HolmiumMap(
        concentration.astype(np.float32), share, slope, words[1], field_t, relative, total, negative, tuple(warnings)
    )


def _log_linear(values: np.ndarray, weights: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    safe = np.where(weights > 0, values, 1.0)
    # The variance of ln S is that of S over S squared.
    w = weights * safe**2
    total = w.sum(axis=0)
    mean_time = (w * times_s[:, None]).sum(axis=0) / total
    away = times_s[:, None] - mean_time
    slope = (w * away * np.log(safe)).sum(axis=0) / (w * away**2).sum(axis=0)
    return np.clip(-slope, 0.0, _LARGEST_R2_STAR_PER_S)


def _nonlinear(values, weights, times_s, rate):
    """Least squares in S with the amplitude solved exactly for each rate; Gauss-Newton steps that are halved until they help."""
    times = times_s[:, None]
    rate = rate.copy()
    cost = _cost(values, weights, times, rate)
    active = np.arange(values.shape[1])
    scale = np.ones(values.shape[1])
    for _ in range(_ROUNDS):
        v, w, r = values[:, active], weights[:, active], rate[active]
        decay = np.exp(-times * r)
        norm = (w * decay**2).sum(axis=0)
        amplitude = (w * v * decay).sum(axis=0) / norm
        # Kaufman's variable projection: the slope of the model in the rate, with its part along the decay removed.
        slope = -amplitude * times * decay
        slope -= decay * (w * slope * decay).sum(axis=0) / norm
        left = v - amplitude * decay
        curvature = (w * slope**2).sum(axis=0)
        step = np.where(curvature > 0, (w * slope * left).sum(axis=0) / np.maximum(curvature, 1e-300), 0.0)
        tried = np.clip(r + scale[active] * step, 0.0, _LARGEST_R2_STAR_PER_S)
        new = _cost(v, w, times, tried)
        better = new <= cost[active]
        moved = np.abs(tried - r)
        rate[active[better]], cost[active[better]] = tried[better], new[better]
        scale[active] = np.where(better, np.minimum(1.0, 2 * scale[active]), scale[active] / 4)
        active = active[(moved > 1e-6 * np.maximum(r, 1.0)) & (scale[active] > 1e-6)]
        if not active.size:
            break
    return rate


def _cost(values, weights, times, rate):
    decay = np.exp(-times * rate)
    amplitude = (weights * values * decay).sum(axis=0) / (weights * decay**2).sum(axis=0)
    return (weights * (values - amplitude * decay) ** 2).sum(axis=0)


@dataclass(frozen=True, eq=False)
class IntratumoralDose(Record):
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


def intratumoral_activity_gbq(
    dose_gy: float, tumour_mass_g: float, *, retained_fraction: float = 1.0, dose_constant_j_per_gbq=None
) -> float:
    """Activity in GBq of 166Ho for a mean tumour dose, A = D m / (K f), with f the share that is expected to stay in the tumour."""
    constant = dose_constant("Ho-166", dose_constant_j_per_gbq).j_per_gbq
    retained = positive_number(retained_fraction, "retained fraction", "1 if everything stays")
    if retained > 1:
        raise DosimetryError(f"Expected a retained fraction up to 1, received {retained_fraction}; 0.9 is 90 %.")
    return (
        positive_number(dose_gy, "wanted dose in Gy")
        * positive_number(tumour_mass_g, "tumour mass in g")
        / 1000.0
        / (constant * retained)
    )


def intratumoral_dose(
    activity_mbq_ml,
    geometry: ImageGeometry,
    tumour: Region,
    regions: Sequence[Region] = (),
    *,
    injected_activity_mbq: float | None = None,
    method: str = "kernel",
    density_g_ml=None,
    dose_constant_j_per_gbq: float | None = None,
) -> IntratumoralDose:
    """Dose of a map of 166Ho activity at administration.

    activity_mbq_ml: (z, y, x) from SPECT (decay-corrected to administration), or from a holmium map by ``activity_from_holmium``.
    tumour, regions: where the dose is reported. method: "kernel" by default, because deposits in a tumour are small against the range of
    the electrons; "local" takes the dose constant.
    """
    constant = dose_constant("Ho-166", dose_constant_j_per_gbq)
    activity = np.asarray(activity_mbq_ml, dtype=float)
    share = occupancy_on_grid(tumour, geometry)
    if not share.any():
        raise DosimetryError(
            f"Expected tumour '{tumour.name}' in the field of view, received none of it; check the registration."
        )
    found = sphere_dose_map(
        activity, geometry, constant, regions=(tumour, *regions), method=method, density_g_ml=density_g_ml,
        description=f"intratumoral, {method} deposition",
    )  # fmt: skip
    inside = float((activity * share).sum()) * geometry.voxel_volume_ml
    warnings = list(found.warnings)
    retained = None
    if injected_activity_mbq is not None:
        retained = inside / positive_number(injected_activity_mbq, "injected activity in MBq")
        if retained > 1.1:
            warnings.append(warned("more_than_injected", percent=100 * retained))
        elif retained < 0.7:
            warnings.append(warned("leakage", percent=100 * retained))
    return IntratumoralDose(
        map=found,
        tumour=tumour.name,
        tumour_activity_mbq=inside,
        tumour_dose_gy=found.region_mean_gy[tumour.name],
        uniform_dose_gy=constant.j_per_gbq * inside / region_mass_g(tumour),
        retained_fraction=retained,
        warnings=tuple(warnings),
    )
