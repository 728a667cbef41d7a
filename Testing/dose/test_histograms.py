import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.dose import DoseMap, DoseVolumeHistogram, dose_volume_histogram, generalized_eud, isodose_levels


def _ramp(size=200, maximum=100.0):
    """Voxel means of a dose that rises linearly from 0 to ``maximum`` across ``size`` voxels."""
    return (np.arange(size) + 0.5) * maximum / size


@pytest.mark.parametrize("dose", [0.0, 1e-6, 23.0, 1234.5])
def test_uniform_dose_is_exact(dose):
    histogram = dose_volume_histogram(
        np.full((3, 4, 5), dose), spacing_mm=(4, 2, 3), volume_at_dose_gy=(dose, dose * 1.001 + 1e-9), geud_exponents=(1, 8, -10)
    )
    assert histogram.minimum_gy == histogram.maximum_gy == histogram.mean_gy == dose
    assert set(histogram.dose_at_percent_gy.values()) == {dose}
    assert list(histogram.volume_at_dose_percent.values()) == [100.0, 0.0]
    assert list(histogram.geud_gy.values()) == pytest.approx([dose] * 3, rel=1e-12)
    assert histogram.standard_deviation_gy == 0
    assert histogram.volume_ml == pytest.approx(60 * 24 / 1000)
    assert histogram.differential_fraction.sum() == 1.0


def test_linear_ramp_is_exact():
    # A dose that rises linearly from 0 to 100 Gy: x % of the volume receives at least 100 - x Gy
    histogram = dose_volume_histogram(
        _ramp(), spacing_mm=(1, 1, 1), volume_at_dose_gy=(10, 50, 95), dose_at_percent=(2, 33.3, 50, 95, 98)
    )
    for name, value in histogram.dose_at_percent_gy.items():
        assert value == pytest.approx(100 - float(name[1:]), abs=1e-9)
    for name, value in histogram.volume_at_dose_percent.items():
        assert value == pytest.approx(100 - float(name[1:]), abs=1e-9)
    assert histogram.mean_gy == pytest.approx(50, abs=1e-9)
    inner = histogram.edges_gy[1:]
    assert np.allclose(histogram.cumulative_fraction[1:], 1 - inner / 100, atol=0.5 / 200 + 1e-12)
    assert histogram.dose_at_volume_percent(0) == histogram.maximum_gy
    assert histogram.dose_at_volume_percent(100) == histogram.minimum_gy


def test_ramp_geud_is_the_integral():
    # Integral of (100 x)^a over 0..1 to the power 1/a = 100 (a + 1)^(-1/a)
    fine = _ramp(20000)
    for exponent in (1.0, 2.0, 8.0):
        assert generalized_eud(fine, exponent) == pytest.approx(100 * (exponent + 1) ** (-1 / exponent), rel=1e-6)


def test_fractional_voxels_count_with_their_share():
    dose = np.array([10.0, 20.0, 40.0])
    histogram = dose_volume_histogram(
        dose, np.array([1.0, 0.5, 0.25]), (10, 10, 10), volume_at_dose_gy=(20,), geud_exponents=(2,)
    )
    assert histogram.volume_ml == pytest.approx(1.75)
    assert histogram.mean_gy == pytest.approx((10 + 10 + 10) / 1.75)
    assert histogram.volume_at_dose_percent["V20"] == pytest.approx(100 * 0.75 / 1.75)
    assert histogram.geud_gy["2"] == pytest.approx(math.sqrt((100 + 200 + 400) / 1.75))
    # Two half voxels of one dose are one voxel of it
    halves = dose_volume_histogram(np.repeat(dose, 2), np.repeat([0.5, 0.25, 0.125], 2))
    assert halves.mean_gy == pytest.approx(histogram.mean_gy)
    assert np.allclose(halves.cumulative_fraction, dose_volume_histogram(dose, np.array([1.0, 0.5, 0.25])).cumulative_fraction)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 200), min_size=1, max_size=60), st.floats(0.01, 1000.0), st.randoms(use_true_random=False))
def test_invariants(doses, scale, random):
    histogram = dose_volume_histogram(doses)
    assert histogram.cumulative_fraction[0] == 1.0
    assert np.all(np.diff(histogram.cumulative_fraction) <= 0)
    assert histogram.differential_fraction.min() >= 0
    assert histogram.differential_fraction.sum() == pytest.approx(1.0)
    assert histogram.mean_gy == pytest.approx(np.mean(doses), rel=1e-12, abs=1e-12)
    values = list(histogram.dose_at_percent_gy.values())
    assert values == sorted(values, reverse=True)
    assert histogram.minimum_gy <= values[-1] <= values[0] <= histogram.maximum_gy
    shuffled = list(doses)
    random.shuffle(shuffled)
    scaled = dose_volume_histogram([scale * dose for dose in shuffled])
    assert list(scaled.dose_at_percent_gy.values()) == pytest.approx([scale * value for value in values], rel=1e-9, abs=1e-9)


def test_bins_follow_the_dose_range():
    narrow = dose_volume_histogram(np.linspace(39.9, 40.1, 400))
    assert np.diff(narrow.edges_gy)[1:].max() < 0.011
    assert narrow.edges_gy[0] == 0
    assert dose_volume_histogram(_ramp(), bins=10).differential_fraction.size == 11
    assert dose_volume_histogram([5.0, 5.0 + 1e-16]).mean_gy == 5.0


def test_uncertainty_band_is_the_shifted_curve():
    dose = _ramp()
    histogram = dose_volume_histogram(dose, dose_uncertainty_gy=0.1 * dose)
    assert histogram.mean_uncertainty_gy == pytest.approx(5.0)
    assert np.allclose(histogram.upper_fraction[1:], np.mean(1.1 * dose[None] >= histogram.edges_gy[1:, None], axis=1))
    assert np.all(histogram.lower_fraction <= histogram.cumulative_fraction)
    assert np.all(histogram.upper_fraction >= histogram.cumulative_fraction)
    common = dose_volume_histogram(dose, dose_uncertainty_gy=2.0)
    assert common.mean_uncertainty_gy == pytest.approx(2.0)
    assert dose_volume_histogram(dose).lower_fraction is None


def test_a_dose_map_brings_spacing_and_uncertainty():
    dose = np.full((2, 2, 2), 3.0, dtype=np.float32)
    one = DoseMap(
        dose_gy=dose, spacing_mm=(5.0, 5.0, 5.0), nuclide="Lu-177", method="local", energy_mev=0.148, remainder_fraction=0.0,
        density="", mean_gy=3.0, maximum_gy=3.0, uncertainty_gy=0.5 * dose,
    )  # fmt: skip
    histogram = dose_volume_histogram(one)
    assert histogram.volume_ml == pytest.approx(1.0)
    assert histogram.mean_uncertainty_gy == pytest.approx(1.5)
    assert len(histogram.warnings) == 1
    assert "8 voxels" in histogram.warnings[0]


def test_stored_histogram_reads_back():
    histogram = dose_volume_histogram(
        _ramp(), spacing_mm=(2, 2, 2), name="liver", volume_at_dose_gy=(30,), dose_uncertainty_gy=1.0
    )
    back = DoseVolumeHistogram.from_dict(histogram.to_dict())
    assert back.to_dict() == histogram.to_dict()
    assert back.dose_at_volume_percent(50) == pytest.approx(50, abs=0.5)
    assert back.volume_percent_at_dose(30) == pytest.approx(70, abs=0.5)
    assert histogram.volume_percent_at_dose(30) == pytest.approx(70)


def test_isodose_levels_hold_the_voxels_at_or_above():
    rows = isodose_levels(_ramp(100).reshape(4, 5, 5), [50, 90, 50], spacing_mm=(10, 10, 10))
    assert [row["level_gy"] for row in rows] == [90, 50]
    assert [row["voxels"] for row in rows] == [10, 50]
    assert rows[0]["volume_ml"] == pytest.approx(10.0)
    assert rows[1]["percent_of_maximum"] == pytest.approx(100 * 50 / 99.5)


def test_geud_limits():
    dose = np.array([1.0, 5.0, 20.0])
    assert generalized_eud(dose, 1) == pytest.approx(dose.mean())
    assert generalized_eud(dose, 300) == pytest.approx(20, rel=0.01)
    assert generalized_eud(dose, -300) == pytest.approx(1, rel=0.01)
    # One cold voxel loses the tumour: negative exponent and a voxel without dose
    assert generalized_eud(np.array([0.0, 50.0]), -10) == 0.0
    assert generalized_eud(np.zeros(3), 5) == 0.0


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: dose_volume_histogram([1.0, math.nan]), "1 NaN or infinite"),
        (lambda: dose_volume_histogram([1.0, -2.0]), "no negative values"),
        (lambda: dose_volume_histogram([]), "empty array"),
        (lambda: dose_volume_histogram([1.0, 2.0], [1.0]), "grid"),
        (lambda: dose_volume_histogram([1.0, 2.0], [0, 0], name="lesion"), "'lesion' to hold at least one voxel"),
        (lambda: dose_volume_histogram([1.0, 2.0], [1, 2]), "label map"),
        (lambda: dose_volume_histogram([1.0, 2.0], spacing_mm=(0.4, 0.4, 0.4)), "not cm"),
        (lambda: dose_volume_histogram([1.0, 2.0], dose_uncertainty_gy=[0.1]), "one per voxel"),
        (lambda: dose_volume_histogram([1.0, 2.0], bins=0), "whole number from 1 to"),
        (lambda: dose_volume_histogram([1.0, 2.0], dose_at_percent=(120,)), "between 0 and 100 %"),
        (lambda: dose_volume_histogram([1.0, 2.0]).dose_at_volume_percent(-1), "between 0 and 100 %"),
        (lambda: generalized_eud([1.0], 0), "other than zero"),
        (lambda: generalized_eud([1.0], 2, [1.0, 1.0]), "one weight per voxel"),
        (lambda: isodose_levels([1.0], [0.0]), "positive isodose level"),
    ],
)
def test_bad_input_is_refused(call, text):
    with pytest.raises(DosimetryError, match=text):
        call()


def test_a_histogram_read_back_gives_the_numbers_that_were_written():
    written = dose_volume_histogram(np.array([1.0, 2.0, 3.0, 10.0]), dose_at_percent=(50, 95), volume_at_dose_gy=(2.5,))
    read = type(written).from_dict(written.to_dict())
    assert read.dose_at_volume_percent(50) == written.dose_at_volume_percent(50)
    assert read.dose_at_volume_percent(95) == written.dose_at_volume_percent(95)
    assert read.volume_percent_at_dose(2.5) == written.volume_percent_at_dose(2.5)
