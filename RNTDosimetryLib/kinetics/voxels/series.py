"""The input of a voxel fit: frames, times and noise checked once, then handed out as float32 blocks."""

import os
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import LARGEST_NUMBER, SMALLEST_NUMBER, any_number, number_array, one_of, shown, whole_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.kinetics.models import rules
from RNTDosimetryLib.kinetics.samples import WEIGHTINGS, check_unit_of_times
from RNTDosimetryLib.kinetics.selection import shown_variance

BLOCK_SAMPLES = 98304
"""Samples handled at once: few enough for the work arrays to stay in the processor's cache."""

_ONE_THREAD_PRODUCTS = 200_000
_SMALLEST_VARIANCE = 1e-30
_SMALLEST_SHARE = 1e-12
_SMALLEST_MAGNITUDE = 1e-20
_LARGEST_MAGNITUDE = 1e24
_SMALLEST_RELATIVE = 1e-12
_LARGEST_RATIO_OF_UNCERTAINTIES = 1e6
_MOST_THREADS = 1024


class FitCancelled(DosimetryError):
    """The user stopped a voxel fit; nothing was kept."""


@dataclass(frozen=True)
class VoxelSeries:
    """Frames in order of time and the voxels to fit.

    times_h: (time,), rising. frames: one flat array per time (Bq/mL). shape: (z, y, x).
    voxels: flat indices of the voxels to fit, or None for all of them.
    """

    times_h: np.ndarray
    frames: tuple[np.ndarray, ...]
    shape: tuple[int, int, int]
    voxels: np.ndarray | None

    @property
    def count(self) -> int:
        return int(np.prod(self.shape)) if self.voxels is None else int(self.voxels.size)

    def blocks(self) -> list:
        """Index objects (slices, or index arrays under a mask) into the flat image."""
        size = max(1, BLOCK_SAMPLES // len(self.frames))
        if self.voxels is None:
            return [slice(start, min(start + size, self.count)) for start in range(0, self.count, size)]
        return [self.voxels[start : start + size] for start in range(0, self.count, size)]

    def samples(self, block) -> np.ndarray:
        """(time, voxel) float32 samples of a block; raises DosimetryError for a sample that is not finite."""
        width = block.stop - block.start if isinstance(block, slice) else block.size
        values = np.empty((len(self.frames), width), dtype=np.float32)
        for row, frame in zip(values, self.frames):
            row[:] = frame[block]
        self._refuse_not_finite(np.isfinite(values).all(axis=1))
        return values

    def mean_curve(self) -> np.ndarray:
        """(time,) mean of the voxels to fit; raises DosimetryError for a sample that is not finite."""
        with np.errstate(invalid="ignore", over="ignore"):
            means = np.array([self._fitted(frame).mean(dtype=np.float64) for frame in self.frames])
        self._refuse_not_finite(np.isfinite(means))
        return means

    def largest_magnitude(self) -> float:
        """Largest sample of the voxels to fit, without its sign."""
        return float(max(max(self._fitted(frame).max(), -self._fitted(frame).min()) for frame in self.frames))

    def _fitted(self, frame: np.ndarray) -> np.ndarray:
        return frame if self.voxels is None else frame[self.voxels]

    def _refuse_not_finite(self, finite: np.ndarray) -> None:
        if not finite.all():
            raise DosimetryError(
                f"Expected finite Bq/mL in every voxel to fit, received NaN or infinity in the image at {self.times_h[~finite][0]:g} h; "
                "set these voxels to a number or leave them out with mask."
            )


def voxel_series(times_h, images_bq_ml, decay_constant_per_h: float, mask=None) -> tuple[VoxelSeries, np.ndarray]:
    """The checked series, and the order that sorts the caller's time points."""
    times = np.atleast_1d(number_array(times_h, "times_h"))
    if times.ndim != 1 or times.size == 0 or not np.isfinite(times).all() or times.min() < 0:
        raise DosimetryError(
            f"Expected times in hours after the administration, all finite and not negative, received {shown(times_h)}; "
            "check the clock."
        )
    check_unit_of_times(times, decay_constant_per_h)
    frames = [checked_frame(frame) for frame in images_bq_ml] if np.iterable(images_bq_ml) else []
    if len(frames) != times.size:
        raise DosimetryError(f"Expected one image per time, received {times.size} times and {len(frames)} images; pair them up.")
    if np.unique(times).size != times.size:
        raise DosimetryError(
            f"Expected a different time for each image, received {times.tolist()} h; average images of one time."
        )
    shapes = sorted({frame.shape for frame in frames})
    if len(shapes) != 1 or len(shapes[0]) != 3 or frames[0].size == 0:
        raise DosimetryError(
            f"Expected images (z, y, x) of one shape for all times, received {shapes}; resample them to one grid first."
        )
    order = np.argsort(times)
    voxels = None if mask is None else np.flatnonzero(_checked_mask(mask, shapes[0])).astype(_index_type(frames[0].size))
    if voxels is not None and voxels.size == 0:
        raise DosimetryError("Expected a mask with at least one voxel, received an empty one; check the region.")
    return VoxelSeries(times[order], tuple(_flat(frames[index]) for index in order), shapes[0], voxels), order


def _index_type(size: int) -> type:
    """The smaller type halves the memory of the indices under a mask."""
    return np.int32 if size <= np.iinfo(np.int32).max else np.int64


def checked_grid(values, shape: tuple[int, int, int], name: str) -> np.ndarray:
    """``values`` as an array on the grid of the images."""
    array = checked_frame(values, name)
    if array.shape != shape:
        raise DosimetryError(f"Expected {name} on the grid of the images {shape}, received {array.shape}; resample it first.")
    return array


def _checked_mask(mask, shape: tuple[int, int, int]) -> np.ndarray:
    array = checked_grid(mask, shape, "mask")
    # NaN is not zero either, and would count as inside
    if array.dtype.kind not in "bui" and not (array.dtype.kind == "f" and np.isfinite(array).all()):
        raise DosimetryError(
            "Expected a mask of True and False, or of numbers, received NaN, infinity or no numbers; make it with image > 0."
        )
    if array.dtype.kind in "if" and array.size and array.min() < 0:
        raise DosimetryError(
            f"Expected a mask of True and False, or of numbers from 0, received {array.min():g}; make it with image > 0."
        )
    return array


def checked_frame(frame, name: str = "images") -> np.ndarray:
    """``frame`` as an array; DosimetryError for masked elements and ragged lists."""
    if np.ma.is_masked(frame):
        raise DosimetryError(
            f"Expected a value everywhere in {name}, received masked elements; fill them in and leave them out with mask."
        )
    try:
        return np.asarray(frame)
    except ValueError as error:
        raise DosimetryError(
            f"Expected {name} as an array (z, y, x), received rows of different lengths; make them equal."
        ) from error


def _flat(frame: np.ndarray) -> np.ndarray:
    if frame.dtype.kind not in "fiu":
        raise DosimetryError(f"Expected images of numbers in Bq/mL, received {frame.dtype}; convert them first.")
    if frame.flags.c_contiguous:
        return frame.reshape(-1)
    return np.ascontiguousarray(frame, dtype=np.float32).reshape(-1)


@dataclass(frozen=True)
class VoxelNoise:
    """Standard deviation of the samples: ``shape`` (time,), at most 1, times one scale per voxel.

    One shape for all voxels keeps the fit linear algebra with shared matrices. Samples are divided by ``unit_bq_ml``, the size of
    the images, and by shape: whitened. ``known``: "given" (the scale is ``relative`` units), "relative" (``relative`` times the
    voxel's size), or "residuals" (scale estimated, nominally ``relative`` times the size). A voxel's size is its root mean
    square over that of the mean curve, whose whitened mean square is ``reference``.
    """

    unit_bq_ml: float
    shape: np.ndarray
    known: str
    relative: float
    reference: float = 1.0

    def whiten(self, samples: np.ndarray) -> np.ndarray:
        """(time, voxel) float32 samples in units of the noise shape."""
        return samples * (1.0 / (self.unit_bq_ml * self.shape[:, None])).astype(np.float32)

    def nominal_variance(self, whitened: np.ndarray) -> np.ndarray:
        """(voxel,) variance of the whitened samples, as given or for the nominal relative uncertainty."""
        if self.known == "given":
            return np.full(whitened.shape[1], self.relative**2)
        size = np.einsum("tv,tv->v", whitened, whitened).astype(float) / (len(self.shape) * self.reference)
        return np.maximum(self.relative**2 * size, _SMALLEST_VARIANCE)

    def variance(self, nominal: np.ndarray, residual_sum: np.ndarray, degrees_of_freedom: int) -> np.ndarray | None:
        """(voxel,) variance of the whitened samples after a fit, or None when it cannot be known.

        See ``admission.shown_variance``.
        """
        return shown_variance(residual_sum, nominal, degrees_of_freedom, self.known != "residuals")


def checked_uncertainties(uncertainties_bq_ml, relative_uncertainty, order: np.ndarray) -> np.ndarray | None:
    """Given uncertainties of a voxel as (time,) in the order of the sorted times; the relative one is checked too."""
    if uncertainties_bq_ml is not None and relative_uncertainty is not None:
        raise DosimetryError(
            "Expected one kind of uncertainty, received uncertainties_bq_ml and relative_uncertainty; give one of them."
        )
    if relative_uncertainty is not None:
        relative = any_number(relative_uncertainty, "relative_uncertainty", "give a fraction such as 0.05")
        if not _SMALLEST_RELATIVE <= relative <= 1:
            raise DosimetryError(
                f"Expected a relative uncertainty such as 0.05, received {relative:g}; give a fraction, at most 1."
            )
    if uncertainties_bq_ml is None:
        return None
    sigma = number_array(uncertainties_bq_ml, "uncertainties_bq_ml", "give the typical standard deviation of a voxel")
    usable = sigma.shape in ((), order.shape) and np.isfinite(sigma).all()
    if not usable or sigma.min() < SMALLEST_NUMBER or sigma.max() > LARGEST_NUMBER:
        raise DosimetryError(
            f"Expected one positive uncertainty in Bq/mL, or one per time ({order.size}), up to {LARGEST_NUMBER:g}, received "
            f"{shown(uncertainties_bq_ml)}; give the typical standard deviation of a voxel."
        )
    if sigma.max() > _LARGEST_RATIO_OF_UNCERTAINTIES * sigma.min():
        raise DosimetryError(
            f"Expected uncertainties_bq_ml within a factor of {_LARGEST_RATIO_OF_UNCERTAINTIES:g}, received {sigma.min():g} and {sigma.max():g}; "
            "leave out the image that says nothing."
        )
    return np.broadcast_to(sigma, order.shape)[order]


def voxel_noise(series: VoxelSeries, uncertainties_bq_ml: np.ndarray | None, relative_uncertainty, weighting: str) -> VoxelNoise:
    """The noise model from what the caller gave: absolute uncertainties, a relative one, or only its course over time."""
    one_of(weighting, WEIGHTINGS, "weighting")
    mean = series.mean_curve()
    peak, extent = float(mean.max()), series.largest_magnitude()
    if extent > _LARGEST_MAGNITUDE:
        raise DosimetryError(f"Expected images up to {_LARGEST_MAGNITUDE:g} Bq/mL, received {extent:.3g}; check the unit.")
    if uncertainties_bq_ml is not None:
        largest = float(uncertainties_bq_ml.max())
        unit = max(extent, largest)
        return VoxelNoise(unit, uncertainties_bq_ml / largest, "given", largest / unit)
    # Below this the samples are zero for all purposes, and their reciprocals would not fit into float32.
    extent = extent if extent > _SMALLEST_MAGNITUDE else 1.0
    seen = peak > _SMALLEST_SHARE * extent
    floor = np.maximum(mean, rules()["smallest_weight_share"]["value"] * peak) if seen else np.full_like(mean, extent)
    shapes = {"relative": floor, "constant": np.full_like(mean, floor.max()), "counts": np.sqrt(floor * floor.max())}
    shape = shapes["relative" if relative_uncertainty is not None else weighting]
    reference = float(np.mean((mean / shape) ** 2)) if seen else 1.0
    unit = float(shape.max())
    if relative_uncertainty is None:
        return VoxelNoise(unit, shape / unit, "residuals", rules()["nominal_relative_uncertainty"]["value"], reference)
    return VoxelNoise(unit, shape / unit, "relative", float(relative_uncertainty), reference)


def products_of(whitened: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(voxel, direction) products of samples (time, voxel) with directions (time, direction).

    In pieces so small that the linear algebra library does not start threads of its own, which would fight with ours.
    """
    times, voxels = whitened.shape
    piece = max(8, _ONE_THREAD_PRODUCTS // directions.size)
    whole = voxels - voxels % piece
    products = np.empty((voxels, directions.shape[1]), dtype=whitened.dtype)
    pieces = whitened[:, :whole].reshape(times, -1, piece).transpose(1, 2, 0)
    np.matmul(pieces, directions, out=products[:whole].reshape(-1, piece, directions.shape[1]))
    np.matmul(whitened[:, whole:].T, directions, out=products[whole:])
    return products


def checked_threads(threads) -> int:
    if threads is None:
        return min(os.cpu_count() or 1, 8)
    remedy = "give at least one thread, or leave it out to use the processor's cores"
    return whole_number(threads, "threads", 1, _MOST_THREADS, remedy)


def run_blocks(blocks: list, work, threads: int | None = None, progress=None, cancel=None) -> None:
    """Call ``work(block)`` for each block on a few threads; progress and cancel are called on the caller's thread.

    cancel is asked before the first block and after each, but not after the last: then there is nothing left to stop.
    """
    threads = checked_threads(threads)
    if cancel is not None and cancel():
        raise FitCancelled("Voxel fit cancelled before its first block; nothing was kept.")
    queue, total, done = iter(blocks), len(blocks), 0
    with ThreadPoolExecutor(max_workers=threads) as pool:
        pending = {pool.submit(work, block) for _, block in zip(range(2 * threads), queue)}
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
            done += len(finished)
            if progress is not None:
                progress(done / total)
            if done < total and cancel is not None and cancel():
                raise FitCancelled(f"Voxel fit cancelled after {100 * done // total} %; nothing was kept.")
            pending |= {pool.submit(work, block) for _, block in zip(range(len(finished)), queue)}
