"""Biologically effective dose of internal therapy: the linear-quadratic model with repair during irradiation."""

import math

import numpy as np

from RNTDosimetryLib.base.checks import finite_array, numbers_array, positive_number, whole_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.dose.decay import local_energy_mev
from RNTDosimetryLib.nuclides import source_nuclide

_HALF_TIME_REMEDY = "give hours; for the kidney 2.8 h is in use"
_SLOWEST_RATE_PER_H = 1e-20
_RATIO_REMEDY = "give Gy; for the kidney 2.6 Gy is in use"


def lea_catcheside_factor(amplitudes, rates_per_h, repair_half_time_h: float) -> float:
    """Dose protraction factor G (0 to 1) of a dose rate sum a_i exp(-l_i t), t from 0 to infinity.

    amplitudes: a_i in any common unit (Gy/h, MBq, ...), negative for uptake; rates_per_h: l_i > 0, same length.
    repair_half_time_h: T_rep of mono-exponential repair, mu = ln 2 / T_rep.
    G = (2 / D^2) sum_ij a_i a_j / ((l_i + l_j)(mu + l_i)), D = sum a_i / l_i: the double integral of Lea and Catcheside
    solved term by term (derivation in docs/radiobiology.md). Raises DosimetryError for rates that do not fall or no dose.
    """
    amplitude = np.atleast_1d(numbers_array(amplitudes, "the amplitudes of the dose rate", "give one per exponential"))
    rate = np.atleast_1d(numbers_array(rates_per_h, "the rates per hour", "give one per exponential"))
    if amplitude.shape != rate.shape or amplitude.ndim != 1:
        raise DosimetryError(
            f"Expected as many amplitudes as rates, received {amplitude.shape} and {rate.shape}; give one rate per exponential."
        )
    if np.any(rate < _SLOWEST_RATE_PER_H):
        raise DosimetryError(
            f"Expected positive rates per hour, received {rate.min():.3g}; a dose rate that does not fall has no total dose."
        )
    repair_rate = math.log(2) / positive_number(repair_half_time_h, "repair half-time in h", _HALF_TIME_REMEDY)
    total = float(np.sum(amplitude / rate))
    if not total > 0:
        raise DosimetryError("Expected a dose rate with a positive integral, received none; check the signs of the amplitudes.")
    pairs = np.outer(amplitude, amplitude) / ((rate[:, None] + rate[None, :]) * (repair_rate + rate[:, None]))
    return float(2 * pairs.sum() / total**2)


def lea_catcheside_mono(effective_half_life_h, repair_half_time_h: float):
    """G of one exponential, T_rep / (T_rep + T_eff): a number, or an array where the half-life is one."""
    repair = positive_number(repair_half_time_h, "repair half-time in h", _HALF_TIME_REMEDY)
    half_life = finite_array(effective_half_life_h, "the effective half-life in h", "give hours above zero")
    if np.any(half_life <= 0):
        raise DosimetryError("Expected an effective half-life above zero hours, received zero; give hours above zero.")
    factor = repair / (repair + half_life)
    return float(factor) if np.ndim(effective_half_life_h) == 0 else factor


def bed_with_factor(dose_gy, protraction_factor, alpha_beta_gy: float):
    """BED = D + G D^2 / (alpha/beta) in Gy for a known protraction factor G (number or array, 0 to 1).

    dose_gy: number or array of any shape, Gy. Returns the same kind. Raises DosimetryError for negative or NaN dose,
    alpha/beta of zero, or G outside 0 to 1.
    """
    ratio = positive_number(alpha_beta_gy, "alpha/beta in Gy", _RATIO_REMEDY)
    dose = np.asarray(finite_array(dose_gy, "the absorbed dose in Gy", "repair the dose first"), dtype=float)
    factor = _checked_factor(protraction_factor, dose.shape)
    result = dose + factor * dose**2 / ratio
    return float(result) if result.ndim == 0 else result


def bed(dose_gy, effective_half_life_h, alpha_beta_gy: float, repair_half_time_h: float):
    """Biologically effective dose in Gy of an exponentially falling dose rate.

    BED = D (1 + G D / (alpha/beta)), G = T_rep / (T_rep + T_eff) (Dale 1985; derived in docs/radiobiology.md).
    dose_gy: number or array (e.g. a dose map, (z, y, x)); effective_half_life_h: number or array that broadcasts to it.
    Each organ has its own half-life: never use the kidney's for all. Raises DosimetryError for NaN, negative dose, or
    half-lives and ratios that are not positive.
    """
    return bed_with_factor(dose_gy, lea_catcheside_mono(effective_half_life_h, repair_half_time_h), alpha_beta_gy)


def bed_uncertainty(dose_gy, dose_uncertainty_gy, protraction_factor, alpha_beta_gy: float):
    """Standard uncertainty of the BED in Gy from that of the dose: (1 + 2 G D / (alpha/beta)) u(D). Numbers or arrays of one shape.

    Half-life, repair and alpha/beta are taken as known; vary them to see their part.
    """
    ratio = positive_number(alpha_beta_gy, "alpha/beta in Gy", _RATIO_REMEDY)
    dose = np.asarray(finite_array(dose_gy, "the absorbed dose in Gy", "repair the dose first"), dtype=float)
    spread = np.asarray(
        finite_array(dose_uncertainty_gy, "the dose uncertainty in Gy", "leave it out where unknown"), dtype=float
    )
    _pair_up(spread.shape, dose.shape, "dose uncertainty")
    result = (1 + 2 * _checked_factor(protraction_factor, dose.shape) * dose / ratio) * spread
    return float(result) if result.ndim == 0 else result


def _checked_factor(protraction_factor, shape: tuple[int, ...]) -> np.ndarray:
    """Protraction factors between 0 and 1 that go with doses of a shape."""
    factor = numbers_array(protraction_factor, "the protraction factor", "check half-lives and repair half-time")
    if factor.min() < 0 or factor.max() > 1 + 1e-12:
        raise DosimetryError(
            "Expected protraction factors between 0 and 1, received others; check half-lives and repair half-time."
        )
    _pair_up(factor.shape, shape, "protraction factor")
    return factor


def _pair_up(shape: tuple[int, ...], dose_shape: tuple[int, ...], name: str) -> None:
    try:
        np.broadcast_shapes(shape, dose_shape)
    except ValueError as error:
        raise DosimetryError(
            f"Expected one {name}, or one for each dose of shape {dose_shape}, received shape {shape}; pair them up."
        ) from error


def bed_exponentials(dose_gy, amplitudes, rates_per_h, alpha_beta_gy: float, repair_half_time_h: float):
    """BED in Gy of a dose whose rate follows sum a_i exp(-l_i t); only the shape of the curve matters, ``dose_gy`` scales it.

    dose_gy: number or array of any shape. See ``lea_catcheside_factor`` for the other arguments and the errors.
    """
    return bed_with_factor(dose_gy, lea_catcheside_factor(amplitudes, rates_per_h, repair_half_time_h), alpha_beta_gy)


def eqd2(bed_gy, alpha_beta_gy: float):
    """Dose in 2 Gy fractions with the same effect: EQD2 = BED / (1 + 2 / (alpha/beta)), Gy. Number or array.

    BED of cycles and of external beam add; EQD2 of them add too. Raises DosimetryError for NaN or negative BED.
    """
    ratio = positive_number(alpha_beta_gy, "alpha/beta in Gy", _RATIO_REMEDY)
    values = np.asarray(finite_array(bed_gy, "the biologically effective dose in Gy", "compute it with bed first"), dtype=float)
    result = values / (1 + 2 / ratio)
    return float(result) if result.ndim == 0 else result


def bed_fractions(dose_per_fraction_gy: float, fractions: int, alpha_beta_gy: float) -> float:
    """BED in Gy of external beam in equal acute fractions, n d (1 + d / (alpha/beta)), to add to that of the nuclide."""
    ratio = positive_number(alpha_beta_gy, "alpha/beta in Gy", _RATIO_REMEDY)
    dose = positive_number(dose_per_fraction_gy, "dose per fraction in Gy")
    return whole_number(fractions, "fractions", 1, 1000, "give 1 or more") * dose * (1 + dose / ratio)


def alpha_share(nuclide, *, progeny: bool = True) -> float:
    """Share of alphas in the energy per decay of electrons and alphas, progeny in equilibrium included unless ``progeny`` is False."""
    source = source_nuclide(nuclide, progeny)
    local = local_energy_mev(source)
    return source.alpha_energy_mev / local if local > 0 else 0.0


def rbe_weighted_dose(dose_gy, nuclide, rbe: float, *, progeny: bool = True):
    """RBE-weighted dose in Gy (RBE): D (1 + (RBE - 1) f), f the alphas' share of the local energy. Number or array as given.

    dose_gy: absorbed dose of electrons and alphas, e.g. of a local dose map; the photons of alpha emitters, under 1 % of the dose, would be
    counted with the electrons. rbe: at least 1, the user's own (5 is common for cell killing); it is never assumed, and S tables that hold it
    already must not be weighted again. Raises DosimetryError for an RBE below 1 or NaN.
    """
    factor = positive_number(rbe, "RBE of alphas", "give 1 or more")
    if factor < 1:
        raise DosimetryError(f"Expected an RBE of alphas of at least 1, received {rbe}; 1 leaves the absorbed dose.")
    dose = np.asarray(finite_array(dose_gy, "the absorbed dose in Gy", "repair the dose first"), dtype=float)
    result = dose * (1 + (factor - 1) * alpha_share(nuclide, progeny=progeny))
    return float(result) if result.ndim == 0 else result
