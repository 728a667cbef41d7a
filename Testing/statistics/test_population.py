"""Population kinetics of a cohort with known truth, and single-scan dosimetry with what was learned."""

import math

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.provenance import write_document
from RNTDosimetryLib.kinetics import single_time_point
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.statistics import PatientCurve, PriorsFile, fit_population, one_scan_instead

LU = get_nuclide("Lu-177")
RATE, SPREAD, LEVEL, BETWEEN, CORRELATION, RESIDUAL = math.log(2) / 75, 0.25, 120.0, 0.4, 0.3, 0.06


def draw(random, number, times=(24.0, 72.0, 168.0), residual=RESIDUAL):
    """Curves of patients and their true TIA, MBq h."""
    curves, tia = [], []
    for index in range(number):
        z = random.normal(size=2)
        rate = RATE * math.exp(SPREAD * z[0])
        level = LEVEL * math.exp(BETWEEN * (CORRELATION * z[0] + math.sqrt(1 - CORRELATION**2) * z[1]))
        total = rate + LU.decay_constant_per_h
        at = np.array(times)
        values = level * np.exp(-total * at + residual * random.normal(size=at.size))
        curves.append(PatientCurve(f"p{index}", tuple(at), tuple(values)))
        tia.append(level / total)
    return curves, tia


@pytest.fixture(scope="module")
def population():
    curves, _tia = draw(np.random.default_rng(11), 24)
    return fit_population(curves, LU, "177Lu-X", "kidney", "2026-12-01")


def test_the_truth_is_recovered_within_its_uncertainty():
    """12 cohorts of 24 patients: ln rate and its spread in units of the stated uncertainty have mean 0 and deviation 1."""
    off = []
    for seed in range(12):
        found = fit_population(draw(np.random.default_rng(seed), 24)[0], LU)
        off.append(
            (
                math.log(found.biological_rate_per_h / RATE) / found.rate_log_uncertainty,
                (found.rate_log_sd - SPREAD) / found.rate_log_sd_uncertainty,
                (found.residual_relative / RESIDUAL - 1) * math.sqrt(2 * (found.samples - 2 * 24)),
            )
        )
    mean, deviation = np.mean(off, axis=0), np.std(off, axis=0, ddof=1)
    # Three standard errors of a mean of 12 are 0.87; maximum likelihood takes spreads a little small (1/(2 n)).
    assert np.abs(mean).max() < 0.87
    assert deviation == pytest.approx([1, 1, 1], abs=0.55)


def test_one_scan_with_the_population_covers_the_truth(population):
    """New patients, 20 at each of three scan times: TIA within two standard uncertainties by noise and population. 94 % are expected (``make bench``: 200 at each
    time); Binomial(60, 0.94): 51 or fewer in 2 %, all 60 in 2 %. And the stated one is not too wide."""
    random, off = np.random.default_rng(5), []
    for time in (24.0, 72.0, 168.0):
        curves, truth = draw(random, 20, times=(time,))
        for curve, tia in zip(curves, truth):
            (value,) = curve.activities_mbq
            one = single_time_point(
                time, value, LU, "prior", uncertainty_mbq=population.residual_relative * value, prior=population.prior()
            )
            off.append((one.tia_mbq_h - tia) / one.tia_fit_uncertainty_mbq_h)
    assert 0.86 <= np.mean(np.abs(off) <= 2) <= 0.99
    # Three standard errors of a deviation of 60 are 0.27.
    assert np.std(off) == pytest.approx(1.0, abs=0.3)


def test_samples_without_error_give_the_rates_of_the_patients():
    """Without residual error the population is that of the patients themselves: mean and deviation (n) of their ln k."""
    curves, _tia = draw(np.random.default_rng(3), 30, residual=1e-9)
    found = fit_population(curves, LU)
    logs = [math.log(math.log(c.activities_mbq[0] / c.activities_mbq[2]) / (168 - 24) - LU.decay_constant_per_h) for c in curves]
    assert math.log(found.biological_rate_per_h) == pytest.approx(np.mean(logs), abs=4e-3)
    assert found.rate_log_sd == pytest.approx(np.std(logs), rel=0.01)


def test_unit_and_order_do_not_matter(population):
    curves, _tia = draw(np.random.default_rng(11), 24)
    other = fit_population(
        [PatientCurve(c.patient, c.times_h, tuple(v * 1e3 for v in c.activities_mbq)) for c in curves[::-1]], LU
    )
    assert other.biological_rate_per_h == pytest.approx(population.biological_rate_per_h, rel=1e-3)
    assert other.amplitude_mbq == pytest.approx(1e3 * population.amplitude_mbq, rel=1e-3)
    assert other.rate_log_sd == pytest.approx(population.rate_log_sd, rel=5e-3)


def test_leave_one_out_says_what_one_scan_would_have_given():
    curves, _tia = draw(np.random.default_rng(8), 8)
    found = {round(item.time_h): item for item in one_scan_instead(curves, LU)}
    assert set(found) == {24, 72, 168}
    assert all(item.patients == 8 for item in found.values())
    # A scan near the effective half-life (51 h) is better than an early or a late one.
    assert found[72].deviation_percent < found[24].deviation_percent
    assert found[72].deviation_percent < found[168].deviation_percent
    assert found[72].stated_percent == pytest.approx(math.hypot(100 * RESIDUAL, 5), rel=0.5)


def test_priors_are_taken_from_the_file_by_name(population, tmp_path):
    path = write_document(tmp_path / "priors.json", PriorsFile((population,)))
    stored = PriorsFile.read(path)
    prior = stored.prior("177lu x", "Kidney")
    assert prior == population.prior()
    assert prior.clearance.status == "C"
    assert "24 patients" in prior.clearance.source
    # A further patient varies by the spread between patients and by the uncertainty of the median.
    assert prior.clearance.log_sd == pytest.approx(math.hypot(population.rate_log_sd, population.rate_log_uncertainty))
    with pytest.raises(DosimetryError, match="177Lu-X kidney"):
        stored.prior("177Lu-X", "spleen")


def test_too_small_a_cohort_is_refused():
    curves, _tia = draw(np.random.default_rng(1), 4)
    with pytest.raises(DosimetryError, match="at least 5 patients"):
        fit_population(curves, LU)
    with pytest.raises(DosimetryError, match="positive activities"):
        fit_population([PatientCurve("p", (24.0, 48.0), (1.0, 0.0))] * 6, LU)
