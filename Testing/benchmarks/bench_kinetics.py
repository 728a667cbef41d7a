"""Speed and memory of the voxel fits, beside a loop of scipy.optimize.curve_fit over the same models and data.

``run()`` gives rows (name, value, unit, requirement); ``python Testing/benchmarks/bench_kinetics.py`` prints them. The work is done in a
process of its own, so that its peak memory is that of the fit, the images and the imports, and of nothing else.
"""

import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np

_ROOT = Path(__file__).resolve().parents[2]
_SIDE = 128
_LOOP_VOXELS = 2000
_NOISE = 0.05
_LU_177 = SimpleNamespace(name="Lu-177", half_life_h=159.53, decay_constant_per_h=np.log(2) / 159.53)
_MONO_TIMES_H = np.array([4.0, 24.0, 96.0, 168.0])
_AUTO_TIMES_H = np.array([2.0, 6.0, 24.0, 48.0, 96.0, 168.0])


def run() -> list[tuple[str, float, str, str]]:
    """Rows (name, value, unit, requirement); the requirement is empty where there is none."""
    answer = subprocess.run([sys.executable, __file__, "--measure"], check=True, capture_output=True, text=True, cwd=_ROOT)
    return [tuple(row) for row in json.loads(answer.stdout.splitlines()[-1])]


def mono_images(rng, side: int = _SIDE) -> np.ndarray:
    """(time, z, y, x) Bq/mL: effective half-lives 30 to 120 h."""
    rate = np.log(2) / rng.uniform(30, 120, (side,) * 3)
    return _noisy(rng, np.stack([np.exp(-rate * hour) for hour in _MONO_TIMES_H]) * rng.uniform(1e4, 1e6, rate.shape))


def mixed_images(rng, times_h=_AUTO_TIMES_H, side: int = _SIDE) -> np.ndarray:
    """(time, z, y, x) Bq/mL: a third mono-exponential, a third uptake and clearance, a third bi-exponential."""
    shape = (side,) * 3
    kind = rng.integers(0, 3, shape)
    slow = np.log(2) / rng.uniform(40, 120, shape)
    fast = np.log(2) / np.where(kind == 1, rng.uniform(2, 6, shape), rng.uniform(3, 10, shape))
    share = rng.uniform(0.2, 0.6, shape)
    first, second = np.choose(kind, [1.0, 1.0, 1 - share]), np.choose(kind, [0.0, -1.0, share])
    size = rng.uniform(1e4, 1e6, shape)
    return _noisy(rng, np.stack([size * (first * np.exp(-slow * hour) + second * np.exp(-fast * hour)) for hour in times_h]))


def _noisy(rng, images: np.ndarray) -> np.ndarray:
    return (images * (1 + _NOISE * rng.standard_normal(images.shape))).astype(np.float32)


def loop_seconds_per_voxel(times_h, images, models: tuple[str, ...]) -> float:
    """A loop of curve_fit over the first voxels: Levenberg-Marquardt, its fastest method, on logarithms that keep rates above decay."""
    from scipy.optimize import OptimizeWarning, curve_fit

    decay = _LU_177.decay_constant_per_h

    def mono(t, a, x):
        return a * np.exp(-(decay + np.exp(x)) * t)

    def uptake(t, a, x, y):
        return a * (np.exp(-(decay + np.exp(x)) * t) - np.exp(-(decay + np.exp(y)) * t))

    def bi(t, a, b, x, y):
        return a * np.exp(-(decay + np.exp(x)) * t) + b * np.exp(-(decay + np.exp(y)) * t)

    known = {"mono": (mono, 1, (0.01,)), "uptake": (uptake, 1, (0.01, 0.2)), "bi": (bi, 2, (0.01, 0.2))}
    curves = images.reshape(len(times_h), -1)[:, :_LOOP_VOXELS].T.astype(float)
    start = time.perf_counter()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", OptimizeWarning)
        for curve in curves:
            for name in models:
                function, amplitudes, rates = known[name]
                guess = [curve.max() / amplitudes] * amplitudes + [np.log(rate) for rate in rates]
                try:
                    curve_fit(function, times_h, curve, p0=guess, sigma=_NOISE * curve, absolute_sigma=True)
                except RuntimeError:
                    continue
    return (time.perf_counter() - start) / len(curves)


def _fit_seconds(times_h, images, model: str) -> float:
    from RNTDosimetryLib.kinetics.voxels import fit_voxels

    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        fit_voxels(times_h, images, _LU_177, model=model, relative_uncertainty=_NOISE)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _measure() -> list[tuple[str, float, str, str]]:
    from benchmarks.memory import peak_memory_gb

    rng = np.random.default_rng(20261120)
    count = _SIDE**3
    images = mono_images(rng)
    mono_s = _fit_seconds(_MONO_TIMES_H, images, "mono")
    mono_loop_s = loop_seconds_per_voxel(_MONO_TIMES_H, images, ("mono",)) * count
    images = mixed_images(rng)
    auto_s = _fit_seconds(_AUTO_TIMES_H, images, "auto")
    auto_loop_s = loop_seconds_per_voxel(_AUTO_TIMES_H, images, ("mono", "uptake", "bi")) * count
    frames_h = np.geomspace(0.01, 168, 30)
    dynamic_s = _fit_seconds(frames_h, mixed_images(rng, frames_h, side=64), "auto")
    peak_gb = peak_memory_gb()
    return [
        (f"fit_voxels mono, {_SIDE}^3 at 4 times", mono_s, "s", "< 1.5"),
        ("curve_fit loop over fit_voxels, mono", mono_loop_s / mono_s, "times", ">= 200"),
        (f"fit_voxels best of three, {_SIDE}^3 at 6 times", auto_s, "s", "< 40"),
        ("curve_fit loop over fit_voxels, best of three", auto_loop_s / auto_s, "times", ">= 25"),
        ("fit_voxels best of three, 64^3 at 30 frames", dynamic_s, "s", ""),
        ("fit_voxels peak memory", peak_gb, "GB", "< 2.5"),
    ]


if __name__ == "__main__":
    sys.path[:0] = [str(_ROOT), str(_ROOT / "Testing")]
    if "--measure" in sys.argv:
        print(json.dumps(_measure()))
    else:
        for name, value, unit, requirement in run():
            print(f"{name}: {value:.4g} {unit}" + (f" (required {requirement})" if requirement else ""))
