"""Simulated patients with known truth: the table of docs/kinetics.md.

``python Testing/kinetics/simulation.py`` from the repository root prints it. The scenarios are those that the project
set itself; seeds are fixed.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import t as student_t

CURVES = 1000
NOISE = 0.05
LU177_HALF_LIFE_H = 159.528
"""6.647 d; DDEP evaluation, BIPM Monographie-5."""


@dataclass(frozen=True)
class Lu177:
    name: str = "Lu-177"
    decay_constant_per_h: float = np.log(2.0) / LU177_HALF_LIFE_H


@dataclass(frozen=True)
class Scenario:
    """A population of curves. kind: mono, uptake or bi, or the (radiopharmaceutical, tissue) whose population is drawn.

    given: the fit is told the uncertainty of the samples.
    """

    name: str
    times_h: tuple[float, ...]
    kind: object
    seed: int
    given: bool = True


SCENARIOS = (
    Scenario("mono-exponential, 30 to 120 h", (4, 24, 96, 168), "mono", 11),
    Scenario("uptake 2 to 6 h, clearance 30 to 120 h", (4, 24, 96, 168), "uptake", 12),
    Scenario("bi-exponential, 20 to 60 % with 3 to 10 h, rest 40 to 120 h", (2, 6, 24, 48, 96, 168), "bi", 13),
    Scenario("mono-exponential, 30 to 120 h", (2, 6, 24, 48, 96, 168), "mono", 14),
    Scenario("uptake 2 to 6 h, clearance 30 to 120 h", (2, 6, 24, 48, 96, 168), "uptake", 15),
    Scenario("mono-exponential, 30 to 120 h", (4, 24, 96, 168), "mono", 16, given=False),
    Scenario("bi-exponential, 20 to 60 % with 3 to 10 h, rest 40 to 120 h", (2, 6, 24, 48, 96, 168), "bi", 18, given=False),
    Scenario("one sample, prior", (24,), ("177Lu-PSMA-617", "kidney"), 21),
    Scenario("one sample, prior", (48,), ("177Lu-PSMA-617", "kidney"), 22),
    Scenario("one sample, prior", (96,), ("177Lu-DOTATATE", "kidney"), 23),
    Scenario("two samples, prior", (24, 96), ("177Lu-PSMA-617", "parotid"), 24),
    Scenario("two samples, prior", (4, 24), ("177Lu-DOTATATE", "tumour"), 25),
    Scenario("three samples, prior", (4, 24, 96), ("177Lu-PSMA-617", "kidney"), 26),
    Scenario("three samples, prior", (24, 48, 96), ("177Lu-DOTATATE", "tumour"), 27),
)


@dataclass(frozen=True)
class Outcome:
    """Relative errors of the time-integrated activity over the curves, and the share within the stated 1-sigma interval."""

    low: float
    high: float
    bias: float
    median_absolute: float
    coverage: float
    models: tuple[str, ...]


def _fall(half_lives_h: np.ndarray, times_h: np.ndarray) -> np.ndarray:
    return 2.0 ** (-times_h / half_lives_h[:, None])


def truth(scenario: Scenario, generator) -> tuple[np.ndarray, np.ndarray]:
    """Noise-free activities (curves, times) in MBq and true time-integrated activities (curves,) in MBq h."""
    from RNTDosimetryLib.kinetics import population_prior

    times = np.array(scenario.times_h, float)
    slow = generator.uniform(30, 120, CURVES)
    if scenario.kind == "mono":
        return 100 * _fall(slow, times), 100 * slow / np.log(2)
    if scenario.kind == "uptake":
        fast = generator.uniform(2, 6, CURVES)
        return 100 * (_fall(slow, times) - _fall(fast, times)), 100 * (slow - fast) / np.log(2)
    if scenario.kind == "bi":
        slow, fast = generator.uniform(40, 120, CURVES), generator.uniform(3, 10, CURVES)
        share = generator.uniform(0.2, 0.6, CURVES)
        curves = (1 - share)[:, None] * _fall(slow, times) + share[:, None] * _fall(fast, times)
        return 100 * curves, 100 * ((1 - share) * slow + share * fast) / np.log(2)
    rate = population_prior(*scenario.kind).clearance
    biological = rate.median_per_h * np.exp(rate.log_sd * generator.standard_normal(CURVES))
    effective = biological + Lu177().decay_constant_per_h
    return 100 * np.exp(-effective[:, None] * times), 100 / effective


def run(scenario: Scenario) -> Outcome:
    """Fit all curves with "auto"; the given uncertainty is 5 % of each measured value, as a user would give it."""
    from RNTDosimetryLib.kinetics import fit_time_activities, population_prior

    generator = np.random.default_rng(scenario.seed)
    activities, true_tia = truth(scenario, generator)
    measured = activities * (1 + NOISE * generator.standard_normal(activities.shape))
    prior = population_prior(*scenario.kind) if isinstance(scenario.kind, tuple) else None
    uncertainties = NOISE * measured if scenario.given else None
    fits = fit_time_activities(scenario.times_h, measured, Lu177(), uncertainties, prior=prior)
    tia = np.array([fit.tia_mbq_h for fit in fits])
    stated = np.array([fit.tia_uncertainty_mbq_h for fit in fits])
    if not scenario.given:
        # the factor that the warning of such a fit names
        stated = stated * student_t.ppf(0.8413447, [fit.degrees_of_freedom for fit in fits])
    errors = tia / true_tia - 1
    low, high = np.percentile(errors, [5, 95])
    return Outcome(
        low, high, errors.mean(), np.median(np.abs(errors)), np.mean(np.abs(tia - true_tia) < stated), tuple(fit.model for fit in fits)
    )


def table() -> str:
    """The table in Markdown."""
    lines = [
        "| truth | times (h) | 5th to 95th percentile (%) | bias (%) | median error (%) | within 1 sigma (%) |",
        "|---|---|---|---|---|---|",
    ]
    for scenario in SCENARIOS:
        outcome = run(scenario)
        kind = " ".join(scenario.kind) + ": " if isinstance(scenario.kind, tuple) else ""
        kind = kind if scenario.given else "no uncertainties given: "
        times = ", ".join(f"{time:g}" for time in scenario.times_h)
        lines.append(
            f"| {kind}{scenario.name} | {times} | {100 * outcome.low:+.1f} to {100 * outcome.high:+.1f} | {100 * outcome.bias:+.1f} | "
            f"{100 * outcome.median_absolute:.1f} | {100 * outcome.coverage:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    print(table())
