"""Speed of the dose map by kernel, beside the bare Fourier transforms that a linear convolution of the same size needs.

``run()`` gives rows (name, value, unit, requirement); ``python Testing/benchmarks/bench_dose.py`` prints them. The ratio is taken from
times measured in turn in one run, so that other work on the machine weighs on both.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import fft

_ROOT = Path(__file__).resolve().parents[2]
_SIDE = 128
_SPACING_MM = (4.42, 4.42, 4.42)
_NUCLIDE = "Lu-177"
_REPEATS = 5


def run() -> list[tuple[str, float, str, str]]:
    """Rows (name, value, unit, requirement); the requirement is empty where there is none."""
    if str(_ROOT) not in sys.path:
        sys.path.insert(0, str(_ROOT))
    from RNTDosimetryLib.dose.kernel_cache import CACHE_VARIABLE

    before = os.environ.get(CACHE_VARIABLE)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE_VARIABLE] = folder
        try:
            return _rows()
        finally:
            if before is None:
                del os.environ[CACHE_VARIABLE]
            else:
                os.environ[CACHE_VARIABLE] = before


def activity_map(side: int = _SIDE) -> np.ndarray:
    """(z, y, x) MBq*h/mL: a body with little activity, an organ and lesions."""
    z, y, x = np.meshgrid(*[np.arange(side) - side / 2] * 3, indexing="ij")
    body = (y / (0.3 * side)) ** 2 + (x / (0.45 * side)) ** 2 <= 1
    tia = 0.05 * body
    tia[(z / 20) ** 2 + (y / 15) ** 2 + ((x - 20) / 18) ** 2 <= 1] = 1.0
    for center in (-30, 0, 25):
        tia[(z - center) ** 2 + (y - 5) ** 2 + (x - center / 2) ** 2 <= 16] = 8.0
    return tia.astype(np.float32)


def _rows() -> list[tuple[str, float, str, str]]:
    from RNTDosimetryLib.dose import compare_engines, dose_map, dose_volume_histogram

    tia = activity_map()
    began = time.perf_counter()
    one = dose_map(tia, _SPACING_MM, _NUCLIDE, "kernel")
    first = time.perf_counter() - began
    kernel, bare = [], []
    for _ in range(_REPEATS):
        bare.append(_seconds(lambda: _bare_transforms(tia)))
        kernel.append(_seconds(lambda: dose_map(tia, _SPACING_MM, _NUCLIDE, "kernel")))
    density = np.where(np.arange(_SIDE)[:, None, None] < _SIDE // 4, 0.3, 1.0) + 0.1 * np.random.default_rng(0).random(tia.shape)
    dose_map(tia, _SPACING_MM, _NUCLIDE, "kernel", density)
    by_density = _seconds(lambda: dose_map(tia, _SPACING_MM, _NUCLIDE, "kernel", density))
    local = _seconds(lambda: dose_map(tia, _SPACING_MM, _NUCLIDE))
    histogram = _seconds(lambda: dose_volume_histogram(one, tia >= 1))
    engines = _seconds(lambda: compare_engines(tia, _SPACING_MM, _NUCLIDE, 1.05, {"organ": tia >= 1}))
    size = f"{_SIDE}^3"
    return [
        (f"dose map by kernel, {size}, full photon range, {_NUCLIDE}", min(kernel), "s", "< 3 on 2 cores"),
        ("that over the bare forward and inverse FFT", min(kernel) / min(bare), "", "< 1.5"),
        ("bare forward and inverse real FFT, padded", min(bare), "s", ""),
        ("dose map by kernel with a density map, lung and tissue", by_density, "s", ""),
        ("first map of a new nuclide and spacing, kernel made", first, "s", ""),
        ("energy outside the image's range", 100 * one.remainder_fraction, "%", ""),
        (f"dose map by local deposition, {size}", local, "s", ""),
        ("histogram of the organ", histogram, "s", ""),
        (f"three engines, gamma index 3 % / 3 mm and table, {size}", engines, "s", ""),
    ]


def _bare_transforms(image: np.ndarray) -> np.ndarray:
    """Forward and inverse real FFT of the size that keeps a linear convolution over the whole image from wrapping around."""
    padded = [fft.next_fast_len(2 * n - 1, real=True) for n in image.shape]
    workers = os.cpu_count() or 1
    return fft.irfftn(fft.rfftn(image.astype(float), padded, workers=workers), padded, workers=workers)


def _seconds(action) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    for name, value, unit, requirement in run():
        print(f"{name:66s} {value:10.3g} {unit:3s} {requirement}")
