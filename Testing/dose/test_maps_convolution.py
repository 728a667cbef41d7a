import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.dose.maps import convolve_octant, padded_shape

SHAPES = st.tuples(*[st.integers(1, 9)] * 3)


def _direct(image, octant):
    """Sum over all pairs of voxels, the definition."""
    result = np.zeros(image.shape)
    for place in np.ndindex(image.shape):
        for source in np.ndindex(image.shape):
            offset = tuple(abs(a - b) for a, b in zip(place, source))
            if all(o < n for o, n in zip(offset, octant.shape)):
                result[place] += octant[offset] * image[source]
    return result


@settings(deadline=None, max_examples=25)
@given(st.tuples(*[st.integers(1, 5)] * 3), st.tuples(*[st.integers(1, 6)] * 3), st.integers(0, 2**32 - 1))
def test_same_as_the_sum_over_pairs(shape, kernel_shape, seed):
    generator = np.random.default_rng(seed)
    image, octant = generator.random(shape), generator.random(kernel_shape)
    assert convolve_octant(image, octant) == pytest.approx(_direct(image, octant), rel=1e-12, abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(SHAPES, SHAPES, st.integers(0, 2**32 - 1))
def test_flips_swaps_and_sums_commute(shape, kernel_shape, seed):
    generator = np.random.default_rng(seed)
    image, other, octant = generator.random(shape), generator.random(shape), generator.random(kernel_shape)
    result = convolve_octant(image, octant)
    for axis in range(3):
        assert convolve_octant(np.flip(image, axis), octant) == pytest.approx(np.flip(result, axis), rel=1e-11, abs=1e-11)
    order = (2, 0, 1)
    assert convolve_octant(image.transpose(order), octant.transpose(order)) == pytest.approx(
        result.transpose(order), rel=1e-11, abs=1e-11
    )
    assert convolve_octant(2 * image + 3 * other, octant) == pytest.approx(
        2 * result + 3 * convolve_octant(other, octant), rel=1e-11, abs=1e-11
    )


def test_padding_is_long_enough_and_even():
    for image in range(1, 140):
        for octant in (1, 2, image, image + 5):
            length = padded_shape((image,), (octant,))[0]
            assert length >= image + min(image, octant) - 1
            assert length % 2 == 0
