"""Straight lines between the samples with a physical tail."""

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.kinetics.models import TRAPEZOID, rules
from RNTDosimetryLib.kinetics.results import KineticFit
from RNTDosimetryLib.kinetics.samples import DecayOnly, Samples


def trapezoid_fit(samples: Samples, row: int, decay: DecayOnly) -> KineticFit:
    """Integral by the trapezoid rule: first sample's activity from 0 on, lines between the samples, physical decay after the last.

    Samples at the same time are averaged with their weights; activities below zero count as zero. The uncertainty is
    the linear propagation of given uncertainties, None without them; the error of the straight lines is not in it.
    """
    times, group = np.unique(samples.times_h, return_inverse=True)
    weights = 1.0 / samples.sigmas_mbq[row] ** 2
    total = np.bincount(group, weights)
    values = np.bincount(group, weights * samples.activities_mbq[row]) / total
    below = int(np.count_nonzero(values < 0))
    values = np.maximum(values, 0.0)
    if not values.any():
        raise DosimetryError(
            "Expected at least one time with a positive mean activity, received none; the region shows nothing to integrate."
        )
    gaps = np.diff(times)
    shares = np.zeros(times.size)
    shares[0] += times[0]
    shares[:-1] += gaps / 2
    shares[1:] += gaps / 2
    shares[-1] += 1.0 / decay.decay_constant_per_h
    tia = float(shares @ values)
    tail_share = float(values[-1] / decay.decay_constant_per_h / tia)
    texts = []
    if tail_share > rules()["tail_share_warning"]["value"]:
        texts.append(warned("tail_large", percent=100 * tail_share, time_h=times[-1]))
    if times[0] > 0:
        texts.append(warned("constant_before_first_sample", time_h=times[0], percent=100 * times[0] * values[0] / tia))
    if below:
        texts.append(warned("samples_below_zero_are_zero", count=below))
    uncertainty = float(np.sqrt((shares**2 / total).sum())) if samples.known else None
    if uncertainty is None:
        texts.append(warned("trapezoid_uncertainty_not_known"))
    return KineticFit(
        model=TRAPEZOID,
        label="straight lines with a physical tail",
        chosen_by="user",
        nuclide=decay.name,
        decay_constant_per_h=decay.decay_constant_per_h,
        times_h=tuple(times.tolist()),
        activities_mbq=tuple(values.tolist()),
        uncertainties_mbq=tuple(np.sqrt(1.0 / total).tolist()) if samples.known else None,
        weighting=samples.weighting,
        parameters={},
        standard_errors=None,
        covariance=None,
        correlation=None,
        amplitudes_mbq=(),
        rates_per_h=(),
        chi2=None,
        degrees_of_freedom=0,
        aicc=None,
        tia_mbq_h=tia,
        tia_uncertainty_mbq_h=uncertainty,
        effective_half_life_h=float(np.log(2.0) / decay.decay_constant_per_h),
        effective_half_life_uncertainty_h=None,
        tail_share=tail_share,
        warnings=tuple(texts),
    )
