"""One sample, two samples, or a later cycle: methods for fewer scans, each with its range and its expected error."""

import math
from dataclasses import replace

import numpy as np

from RNTDosimetryLib.base.checks import SMALLEST_NUMBER, any_number, as_numbers, one_of, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.kinetics.fits import fit_time_activity
from RNTDosimetryLib.kinetics.model_error import Interval, coverage_factor, interval_of, widened, with_family
from RNTDosimetryLib.kinetics.models import get_model, list_models, rules
from RNTDosimetryLib.kinetics.priors import PopulationPrior, RatePrior, as_population, checked_log_sd
from RNTDosimetryLib.kinetics.results import KineticFit
from RNTDosimetryLib.kinetics.samples import SHORTEST_TIME_H, DecayOnly, Samples, check_samples, decay_of
from RNTDosimetryLib.kinetics.shapes import Family, family_of, family_of_half_life

METHODS = ("hanscheid", "madsen", "prior")
LN2 = math.log(2.0)
LARGEST_EXPECTED_ERROR = 1.0
"""Standard deviation of ln(estimate / truth) above which a method says nothing of the integral."""


def single_time_point(
    time_h,
    activity_mbq,
    nuclide,
    method: str = "hanscheid",
    effective_half_life_h=None,
    *,
    uncertainty_mbq=None,
    prior: PopulationPrior | RatePrior | None = None,
    half_life_log_sd: float | None = None,
    half_life_from: str = "population",
) -> KineticFit:
    """Time-integrated activity from one sample, under a mono-exponential curve.

    method "hanscheid" (Hanscheid et al. 2018): A(t) 2t/ln2, needs no half-life; within 10 % for effective half-lives of
    0.42 t to 1.3 t. "madsen" (Hanscheid et al. 2017, Madsen et al. 2018): A(t) exp(kt)/k with a population's
    effective half-life, given or of ``prior``. "prior": maximum a posteriori fit with the population ``prior``.
    effective_half_life_h: population's, before that of ``prior`` (for "hanscheid" only to state the expected error). half_life_log_sd: spread of
    its logarithm; where it is not given it follows from half_life_from: "population" is the spread between patients, "earlier_cycle" (of
    this patient) the smaller change from cycle to cycle. uncertainty_mbq: of the activity, 1 sigma; without it the uncertainty is None.
    The uncertainty has the spread of the half-life at this time and what one sample cannot show: uptake, further phases. "hanscheid"
    without a half-life takes all half-lives that tissues and the nuclide allow, and is refused where it is too early for nearly all of them.

    Returns a KineticFit of one exponential. Raises DosimetryError for unusable input.
    """
    decay = decay_of(nuclide)
    one_of(method, METHODS, "a method")
    time_h, activity_mbq = as_numbers(time_h, "time_h", "hours"), as_numbers(activity_mbq, "activity_mbq", "MBq")
    if time_h.ndim or activity_mbq.ndim:
        raise DosimetryError(
            f"Expected one time and one activity, received {time_h.size} and {activity_mbq.size}; use fit_time_activity for more."
        )
    samples = check_samples([time_h], [[activity_mbq]], decay, uncertainty_mbq)
    time, activity = float(samples.times_h[0]), float(samples.activities_mbq[0, 0])
    if time <= 0:
        raise DosimetryError(
            "Expected one sample after the administration, received a time of 0 h; measure near the effective half-life."
        )
    population = as_population(prior)
    half_life = _half_life(effective_half_life_h, population, decay)
    spread = _spread(half_life_log_sd, population if effective_half_life_h is None else None, decay, half_life_from)
    if method == "prior":
        return _by_prior(time, activity, nuclide, uncertainty_mbq, population, half_life, spread, decay)
    if method == "hanscheid":
        return _hanscheid(samples, time, activity, decay, half_life, spread)
    if half_life is None:
        raise DosimetryError(
            "Expected an effective half-life of the population for the method 'madsen', received none; give effective_half_life_h or prior."
        )
    return _madsen(samples, time, activity, decay, half_life, spread)


def two_points(
    times_h,
    activities_mbq,
    nuclide,
    uncertainties_mbq=None,
    *,
    prior: PopulationPrior | RatePrior | None = None,
    effective_half_life_h=None,
    half_life_log_sd: float | None = None,
    half_life_from: str = "population",
) -> KineticFit:
    """Mono-exponential through two samples, never slower than physical decay; with ``prior`` a maximum a posteriori fit.

    effective_half_life_h: known beforehand, in the place of ``prior``; half_life_log_sd and half_life_from as in ``single_time_point``.

    Warns with the expected error where the samples lie badly for the half-life they give. Raises DosimetryError for
    unusable input.
    """
    texts = ()
    if effective_half_life_h is not None:
        if prior is not None:
            raise DosimetryError("Expected prior or effective_half_life_h, received both; give one of them.")
        decay = decay_of(nuclide)
        half_life, (log_sd, text) = (
            _half_life(effective_half_life_h, None, decay),
            _spread(half_life_log_sd, None, decay, half_life_from),
        )
        prior, texts = _entered_population(half_life, log_sd, decay), filter(None, [text])
    fit = fit_time_activity(times_h, activities_mbq, nuclide, uncertainties_mbq, model="mono", prior=prior)
    if len(fit.times_h) != 2 or fit.times_h[0] == fit.times_h[1]:
        raise DosimetryError(
            f"Expected samples at two different times, received {len(fit.times_h)} at {fit.times_h} h; use fit_time_activity."
        )
    if prior is not None or fit.effective_half_life_h is None:
        return _with_warnings(fit, *texts)
    limits = rules()
    nominal = limits["nominal_relative_uncertainty"]["value"]
    modeled = fit.activity_mbq(np.array(fit.times_h))
    assumed = fit_time_activity(fit.times_h, modeled, nuclide, nominal * modeled, model="mono", model_error=False)
    error = assumed.tia_relative_uncertainty
    if error is None or error <= limits["few_points_error_warning"]["value"]:
        return fit
    return _with_warnings(fit, warned("two_times_lie_badly", sample_percent=100 * nominal, percent=100 * error))


def later_cycle(
    times_h, activities_mbq, nuclide, earlier, uncertainties_mbq=None, *, half_life_cv: float | None = None
) -> KineticFit:
    """A later cycle with one or more samples: the earlier cycle's curve, scaled to them (Garske et al. 2012).

    earlier: the KineticFit of the same region in an earlier cycle, or its effective half-life in hours.
    half_life_cv: relative change of the half-life from cycle to cycle, 1 sigma; the default is assumed.
    The uncertainty has the samples', the earlier fit's covariance and the change between cycles; it is None where the
    samples have none. Raises DosimetryError for unusable input.
    """
    decay = decay_of(nuclide)
    values, times = as_numbers(activities_mbq, "activities_mbq", "MBq"), as_numbers(times_h, "times_h", "hours")
    one = values.ndim == 0 and times.ndim == 0
    samples = check_samples(
        np.atleast_1d(times) if one else times, np.atleast_2d(values) if one else values[None], decay, uncertainties_mbq
    )
    amplitudes, rates = _earlier_curve(earlier, decay)
    weights, values = 1.0 / samples.sigmas_mbq[0] ** 2, samples.activities_mbq[0]

    def scale_and_tia(amplitudes, rates):
        shape = np.exp(-samples.times_h[:, None] * rates) @ amplitudes
        if not (weights * shape**2).sum() > 0:
            raise DosimetryError(
                "Expected activity in the earlier cycle's curve at these times, received none; check times and region."
            )
        scale = float((weights * shape * values).sum() / (weights * shape**2).sum())
        if scale <= 0:
            raise DosimetryError(
                f"Expected positive activity in the later cycle, received a scale of {scale:.3g} to the earlier one; check the samples."
            )
        return scale, scale * float((amplitudes / rates).sum())

    scale, tia = scale_and_tia(amplitudes, rates)
    change = _change_between_cycles(half_life_cv)
    steps = [math.log(scale_and_tia(amplitudes, rates * math.exp(sign * change))[1] / tia) for sign in (-1, 1)]
    between = math.sqrt(0.5 * (steps[0] ** 2 + steps[1] ** 2))
    shape_error = _shape_error(earlier, decay, scale_and_tia, tia)
    shape = np.exp(-samples.times_h[:, None] * rates) @ amplitudes
    measured = math.sqrt(1.0 / (weights * shape**2).sum()) / scale
    texts = []
    if half_life_cv is None:
        texts.append(warned("half_life_changes_between_cycles", percent=100 * change))
    if shape_error is None:
        texts.append(warned("earlier_half_life_without_uncertainty"))
    expected = math.hypot(between, shape_error or 0.0)
    if expected > LARGEST_EXPECTED_ERROR:
        raise DosimetryError(
            f"Expected samples near the earlier cycle's half-life, received them at {shown(samples.times_h.tolist())} h, where the integral is unknown "
            "by more than a factor of 2.7; check the times or measure earlier."
        )
    if expected > rules()["few_points_error_warning"]["value"]:
        texts.append(warned("outside_good_times_of_earlier_curve", percent=100 * expected))
    uncertainty = tia * math.hypot(measured, expected) if samples.known else None
    slowest = float(rates[amplitudes > 0].min())
    label = "earlier cycle's curve scaled to this cycle"
    fit = _as_fit(LATER_CYCLE, label, samples, decay, scale * amplitudes, rates, tia, uncertainty, LN2 / slowest, None, texts)
    if not isinstance(earlier, KineticFit):
        return with_family(
            fit, samples, 0, family_of_half_life(decay.decay_constant_per_h, LN2 / slowest, max(change, SMALLEST_NUMBER))
        )
    return _as_far_as_the_earlier(fit, earlier)


def _as_far_as_the_earlier(fit: KineticFit, earlier: KineticFit) -> KineticFit:
    """The later cycle's fit with what the earlier samples could not exclude: its curve is the same, so its model error is too."""
    if fit.tia_uncertainty_mbq_h is None:
        return fit
    own, factor = fit.tia_uncertainty_mbq_h / fit.tia_mbq_h, coverage_factor()
    if earlier.tia_low_mbq_h is None or earlier.tia_high_mbq_h is None or not earlier.tia_mbq_h > 0:
        return _with_warnings(fit, warned("earlier_fit_without_interval"))
    sides = [abs(end / earlier.tia_mbq_h - 1) for end in (earlier.tia_low_mbq_h, earlier.tia_high_mbq_h)]
    low, high = (fit.tia_mbq_h * math.hypot(side, factor * own) for side in sides)
    deviation = max(low, high) / factor
    return widened(fit, Interval(max(fit.tia_mbq_h - low, 0.0), fit.tia_mbq_h + high, fit.tia_mbq_h, deviation, 0.0))


def _change_between_cycles(half_life_cv) -> float:
    if half_life_cv is None:
        return rules()["between_cycles_half_life_cv"]["value"]
    change = any_number(half_life_cv, "half_life_cv", "0.1 is a change of 10 %")
    if not 0 <= change <= 1:
        raise DosimetryError(f"Expected half_life_cv from 0 to 1, received {shown(half_life_cv)}; 0.1 is a change of 10 %.")
    return change


def _half_life(effective_half_life_h, population: PopulationPrior | None, decay: DecayOnly) -> float | None:
    if effective_half_life_h is None:
        known = population is not None and population.clearance is not None
        return population.clearance.effective_half_life_h(decay.decay_constant_per_h) if known else None
    half_life = any_number(effective_half_life_h, "effective_half_life_h", "give hours")
    physical = LN2 / decay.decay_constant_per_h
    if not SHORTEST_TIME_H < half_life <= physical * (1 + 1e-9):
        raise DosimetryError(
            f"Expected an effective half-life between 0 and the physical {physical:.4g} h, received {effective_half_life_h} h; check nuclide "
            "and half-life."
        )
    return half_life


LATER_CYCLE = "later_cycle"
"""Model of a fit that is an earlier cycle's curve, scaled."""

HALF_LIVES_FROM = ("population", "earlier_cycle")
"""Where an effective half-life is from: other patients, or the same patient in an earlier cycle."""


def _spread(
    half_life_log_sd, population: PopulationPrior | None, decay: DecayOnly, half_life_from: str = "population"
) -> tuple[float, str]:
    """Standard deviation of ln(effective half-life) and a warning where it is assumed."""
    one_of(half_life_from, HALF_LIVES_FROM, "half_life_from")
    if half_life_log_sd is not None:
        return checked_log_sd(half_life_log_sd, "half_life_log_sd"), ""
    if population is not None and population.clearance is not None:
        rate = population.clearance
        return rate.log_sd * rate.median_per_h / (rate.median_per_h + decay.decay_constant_per_h), ""
    if half_life_from == "earlier_cycle":
        change = rules()["between_cycles_half_life_cv"]["value"]
        return change, warned("half_life_of_earlier_cycle", change=change)
    assumed = rules()["half_life_log_sd"]["value"]
    return assumed, warned("half_life_of_population", percent=100 * assumed)


def _entered_population(half_life: float, log_sd: float, decay: DecayOnly) -> PopulationPrior:
    rate = RatePrior.from_effective_half_life(half_life, decay.decay_constant_per_h, log_sd, "given by the user")
    return PopulationPrior("given by the user", clearance=rate)


def _population_error(log_estimate: float, time: float, half_life: float, spread: float, decay: DecayOnly) -> float:
    """Root mean square of ln(estimate / truth) over log-normal half-lives, none above the physical one."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(21)
    half_lives = np.minimum(half_life * np.exp(spread * nodes), LN2 / decay.decay_constant_per_h)
    log_truth = np.log(half_lives / LN2) + LN2 * time / half_lives
    return float(np.sqrt((weights * (log_estimate - log_truth) ** 2).sum() / weights.sum()))


def _hanscheid(samples: Samples, time, activity, decay, half_life, spread) -> KineticFit:
    limits = rules()
    shortest = limits["hanscheid_shortest_half_life_over_time"]["value"] * time
    physical = LN2 / decay.decay_constant_per_h
    longest = min(limits["hanscheid_longest_half_life_over_time"]["value"] * time, physical)
    if shortest > physical:
        raise DosimetryError(
            f"Expected a sample before {physical * time / shortest:.0f} h for the method 'hanscheid' and {decay.name}, received one at {time:g} h, "
            f"where it would need half-lives over the physical {physical:.4g} h; measure earlier."
        )
    texts = []
    if half_life is None:
        error, family = None, family_of(decay.decay_constant_per_h, None)
        texts.append(warned("only_for_half_lives", shortest_h=shortest, longest_h=longest))
    else:
        error, family = (
            _population_error(math.log(2 * time / LN2), time, half_life, spread[0], decay),
            _family(half_life, spread, decay),
        )
        bias = 2 * time / half_life * 2.0 ** (-time / half_life) - 1.0
        if not shortest <= half_life <= longest:
            texts.append(
                warned(
                    "half_life_outside_the_method",
                    half_life_h=half_life,
                    shortest_h=shortest,
                    longest_h=longest,
                    time_h=time,
                    percent=100 * bias,
                )
            )
        texts.extend(filter(None, [spread[1]]))
    # 2t/ln2 is the integral of a mono-exponential whose effective half-life is t. Where that would be slower than physical decay,
    # the curve is physical decay with the same integral: then it passes up to 9 % beside the sample.
    rate = max(LN2 / time, decay.decay_constant_per_h)
    tia = 2 * time / LN2 * activity
    if time > physical:
        beside = 2 * rate * time / LN2 * math.exp(-rate * time) - 1.0
        texts.append(warned("sample_after_physical_half_life", percent=100 * beside))
    label = "one sample, A(t) 2t/ln2 (Hanscheid 2018)"
    return _one_exponential("hanscheid", label, samples, decay, rate, tia, error, half_life, texts, family)


def _madsen(samples: Samples, time, activity, decay, half_life, spread) -> KineticFit:
    rate = LN2 / half_life
    error = _population_error(rate * time - math.log(rate), time, half_life, spread[0], decay)
    if error > LARGEST_EXPECTED_ERROR:
        raise DosimetryError(
            f"Expected a sample near {1 / rate:.3g} h for an effective half-life of {half_life:.4g} h, received one at {time:g} h, where the "
            "expected error is over 100 %; measure nearer or check the half-life."
        )
    tia = activity * math.exp(rate * time) / rate
    texts = list(filter(None, [spread[1]]))
    if error > rules()["few_points_error_warning"]["value"]:
        texts.append(warned("outside_good_times", percent=100 * error, time_h=time, best_h=1 / rate))
    label = "one sample with a population's half-life (Hanscheid 2017, Madsen 2018)"
    return _one_exponential(
        "madsen", label, samples, decay, rate, tia, error, half_life, texts, _family(half_life, spread, decay)
    )


def _by_prior(time, activity, nuclide, uncertainty_mbq, population, half_life, spread, decay) -> KineticFit:
    if half_life is None:
        raise DosimetryError("Expected a population for the method 'prior', received none; give prior or effective_half_life_h.")
    texts = list(filter(None, [spread[1]]))
    if population is None or population.clearance is None:
        population = _entered_population(half_life, spread[0], decay)
    fit = fit_time_activity([time], [activity], nuclide, uncertainty_mbq, model="mono", prior=population)
    error = fit.tia_relative_uncertainty
    if error is not None and error > rules()["few_points_error_warning"]["value"]:
        texts.append(warned("error_of_one_sample", percent=100 * error, time_h=time))
    return _with_warnings(fit, *texts)


def _earlier_curve(earlier, decay: DecayOnly) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(earlier, KineticFit):
        if earlier is None:
            raise DosimetryError(
                "Expected the fit of the earlier cycle or its effective half-life in hours, received None; give one of them."
            )
        return np.ones(1), np.array([LN2 / _half_life(earlier, None, decay)])
    if not earlier.amplitudes_mbq or not max(earlier.amplitudes_mbq) > 0:
        raise DosimetryError(
            f"Expected a fit with exponentials from the earlier cycle, received '{earlier.model}'; fit it with a model."
        )
    if abs(earlier.decay_constant_per_h / decay.decay_constant_per_h - 1) > 1e-6:
        raise DosimetryError(
            f"Expected the same nuclide in both cycles, received {earlier.nuclide} and {decay.name}; fit this cycle alone."
        )
    return np.array(earlier.amplitudes_mbq), np.array(earlier.rates_per_h)


def _shape_error(earlier, decay: DecayOnly, scale_and_tia, tia: float) -> float | None:
    """Relative uncertainty of the integral from the earlier fit's covariance; None where there is none."""
    if (
        not isinstance(earlier, KineticFit)
        or earlier.covariance is None
        or earlier.averaged
        or earlier.model not in list_models()
    ):
        return None
    model = get_model(earlier.model)
    values = np.array(list(earlier.parameters.values()))
    gradient = np.zeros(values.size)
    for index, value in enumerate(values):
        step = 1e-6 * abs(value) if value else 1e-12
        ends = []
        for sign in (-1, 1):
            moved = values.copy()
            moved[index] += sign * step
            ends.append(scale_and_tia(*model.exponentials(moved, decay.decay_constant_per_h))[1])
        gradient[index] = (ends[1] - ends[0]) / (2 * step * tia)
    return float(np.sqrt(max(gradient @ earlier.covariance @ gradient, 0.0)))


def _family(half_life: float, spread: tuple[float, str], decay: DecayOnly) -> Family:
    return family_of_half_life(decay.decay_constant_per_h, half_life, spread[0])


def _one_exponential(model, label, samples: Samples, decay, rate, tia, error, half_life, texts, family: Family) -> KineticFit:
    """error: relative, of the half-life's spread alone; None where no half-life is known. family: what else one sample cannot exclude."""
    relative = float(samples.sigmas_mbq[0, 0] / samples.activities_mbq[0, 0])
    found = interval_of(family, samples.times_h, samples.activities_mbq[0], samples.sigmas_mbq[0], True, tia)
    if found is not None and error is None and found.low > tia and samples.times_h[0] < LN2 / decay.decay_constant_per_h:
        raise DosimetryError(
            f"Expected one sample near the effective half-life for the method '{model}', received one at {samples.times_h[0]:g} h, where the integral "
            f"may be {found.low / tia:.2g} to {found.high / tia:.2g} times what it gives; measure later or give effective_half_life_h."
        )
    uncertainty = tia * math.hypot(relative, error or 0.0) if samples.known else None
    expected = error if found is None else max(error or 0.0, (tia - found.low) / tia / 2, (found.high - tia) / tia / 2)
    fit = _as_fit(
        model, label, samples, decay, np.array([tia * rate]), np.array([rate]), tia, uncertainty, half_life, expected, texts
    )
    return fit if found is None or uncertainty is None else widened(fit, found)


def _as_fit(model, label, samples: Samples, decay, amplitudes, rates, tia, uncertainty, half_life, error, texts) -> KineticFit:
    tail = float((amplitudes / rates * np.exp(-rates * samples.times_h[-1])).sum())
    share = min(max(tail / tia, 0.0), 1.0)
    limit = rules()["tail_share_warning"]["value"]
    texts = list(texts)
    if share > limit:
        texts.append(warned("tail_large", percent=100 * share, time_h=samples.times_h[-1]))
    if uncertainty is None:
        expected = "" if error is None else f"; the method alone has {100 * error:.0f} %"
        texts.append(warned("single_sample_uncertainty_not_known", expected=expected))
    return KineticFit(
        model=model,
        label=label,
        chosen_by="user",
        nuclide=decay.name,
        decay_constant_per_h=decay.decay_constant_per_h,
        times_h=tuple(samples.times_h.tolist()),
        activities_mbq=tuple(samples.activities_mbq[0].tolist()),
        uncertainties_mbq=tuple(samples.sigmas_mbq[0].tolist()) if samples.known else None,
        weighting=samples.weighting,
        parameters={},
        standard_errors=None,
        covariance=None,
        correlation=None,
        amplitudes_mbq=tuple(amplitudes.tolist()),
        rates_per_h=tuple(rates.tolist()),
        chi2=None,
        degrees_of_freedom=0,
        aicc=None,
        tia_mbq_h=float(tia),
        tia_uncertainty_mbq_h=uncertainty,
        effective_half_life_h=half_life,
        effective_half_life_uncertainty_h=None,
        tail_share=share,
        warnings=tuple(texts),
    )


def _with_warnings(fit: KineticFit, *texts: str) -> KineticFit:
    return replace(fit, warnings=(*fit.warnings, *texts))
