"""Linear convolution of an image with a kernel that is mirror-symmetric along each axis, by real FFT.

A voxel S kernel has the same value at plus and minus each offset. One octant (offsets 0, 1, 2, ... along z, y, x) holds it all,
its spectrum is real and follows from a cosine transform of an eighth of the size. The image is padded with zeros to at
least image + largest offset, so nothing wraps around. Transforms along rows that hold only zeros, or that would be
cropped away, are left out, and the padded spectrum exists only for a few frequencies of x at a time.
"""

import os

import numpy as np
from scipy import fft

_BLOCK = 8


def convolve_octant(image, octant) -> np.ndarray:
    """Linear convolution of ``image`` (z, y, x) with the kernel of ``octant``, same shape as the image, float64.

    result[i] = sum_j octant[|i - j|] image[j], with zero outside the octant. Offsets beyond the image are not needed and ignored.
    """
    image = np.asarray(image, dtype=float)
    octant = np.asarray(octant, dtype=float)[tuple(slice(0, n) for n in image.shape)]
    padded = padded_shape(image.shape, octant.shape)
    workers = os.cpu_count() or 1
    half = np.zeros(tuple(n // 2 + 1 for n in padded))
    half[tuple(slice(0, n) for n in octant.shape)] = octant
    response = fft.dctn(half, type=1, overwrite_x=True, workers=workers)
    spectrum = fft.rfft(image, padded[2], axis=2, workers=workers)
    for first in range(0, spectrum.shape[2], _BLOCK):
        block = slice(first, first + _BLOCK)
        spectrum[:, :, block] = _filtered(spectrum[:, :, block], response[:, :, block], padded, workers)
    return fft.irfft(spectrum, padded[2], axis=2, overwrite_x=True, workers=workers)[:, :, : image.shape[2]]


def _filtered(columns: np.ndarray, response: np.ndarray, padded: tuple[int, ...], workers: int) -> np.ndarray:
    """The convolution along z and y of some frequencies of x, cropped back to the image."""
    depth, height = columns.shape[:2]
    spectrum = fft.fft(columns, padded[1], axis=1, workers=workers)
    spectrum = fft.fft(spectrum, padded[0], axis=0, overwrite_x=True, workers=workers)
    _multiply_mirrored(spectrum, response)
    spectrum = fft.ifft(spectrum, axis=0, overwrite_x=True, workers=workers)[:depth]
    return fft.ifft(spectrum, axis=1, overwrite_x=True, workers=workers)[:, :height]


def padded_shape(image_shape, octant_shape) -> tuple[int, ...]:
    """Even, fast transform lengths of at least image + largest offset on each axis: long enough that nothing wraps around."""
    return tuple(_even_fast_length(image + min(image, octant) - 1) for image, octant in zip(image_shape, octant_shape))


def _even_fast_length(least: int) -> int:
    length = fft.next_fast_len(max(least, 2), real=True)
    while length % 2:
        length = fft.next_fast_len(length + 1, real=True)
    return length


def _multiply_mirrored(spectrum: np.ndarray, response: np.ndarray) -> None:
    """spectrum *= response, with the response of the negative frequencies taken from the positive ones, in place."""
    half_z, half_y = response.shape[0], response.shape[1]
    mirror = slice(-2, 0, -1)
    spectrum[:half_z, :half_y] *= response
    spectrum[half_z:, :half_y] *= response[mirror]
    spectrum[:half_z, half_y:] *= response[:, mirror]
    spectrum[half_z:, half_y:] *= response[mirror, mirror]
