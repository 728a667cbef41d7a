"""How well two CTs agree after alignment, in numbers that do not depend on the optimizer."""

from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import triple
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.resampling import resample_array
from RNTDosimetryLib.images.volumes import CtImage

BODY_THRESHOLD_HU, BONE_THRESHOLD_HU = -300.0, 150.0

_GRID_MM = 4.0
_HISTOGRAM_BINS, _LIMIT_HU, _NO_DATA_HU = 32, 1000.0, -3000.0
_FEWEST_VOXELS = 100
_LOWEST_CORRELATION, _LOWEST_BODY_DICE, _LOWEST_BONE_DICE, _LOWEST_OVERLAP = 0.6, 0.85, 0.5, 0.6


@dataclass(frozen=True)
class RegistrationQuality(Record):
    """Agreement within the common field of view, after alignment.

    mutual_information: in nats, of the Hounsfield histogram. correlation: normalized cross correlation, -1 to 1.
    body_dice, bone_dice: overlap of tissue above -300 and 150 HU (None when there is none).
    overlap: share of the fixed body that lies in the moving field of view. Where masks were given they stand for the body.
    """

    mutual_information: float
    correlation: float
    body_dice: float | None
    bone_dice: float | None
    overlap: float

    def warnings(self, name: str) -> tuple[str, ...]:
        """What a person should look at."""
        texts = []
        if self.overlap < _LOWEST_OVERLAP:
            texts.append(warned("little_of_the_body_in_both", name=name, share=self.overlap))
        if self.correlation < _LOWEST_CORRELATION:
            texts.append(warned("low_correlation", name=name, correlation=self.correlation))
        if self.body_dice is not None and self.body_dice < _LOWEST_BODY_DICE:
            texts.append(warned("bodies_overlap_little", name=name, dice=self.body_dice))
        if self.bone_dice is not None and self.bone_dice < _LOWEST_BONE_DICE:
            texts.append(warned("bones_overlap_little", name=name, dice=self.bone_dice))
        return tuple(texts)


def registration_quality(
    fixed: CtImage,
    moving: CtImage,
    matrix: np.ndarray,
    fixed_mask: np.ndarray | None = None,
    moving_mask: np.ndarray | None = None,
) -> tuple[RegistrationQuality, np.ndarray]:
    """Quality of an alignment (4 x 4 LPS, fixed to moving), and the center of the fixed body in LPS mm.

    fixed_mask, moving_mask: bool (z, y, x) on the grids of the images, where to compare; the body when there is none.
    """
    return quality_against(fixed_part(fixed, fixed_mask), moving, matrix, moving_mask)


@dataclass(frozen=True)
class FixedPart:
    """What of the fixed image the quality reads, on its coarse grid: made once for every alignment that is compared.

    body: the patient or the mask, (z, y, x) bool. looked_at: with a margin around the body. center: of the body, LPS mm.
    """

    grid: ImageGeometry
    hounsfield: np.ndarray
    body: np.ndarray
    looked_at: np.ndarray
    center: np.ndarray


def fixed_part(fixed: CtImage, mask: np.ndarray | None = None) -> FixedPart:
    grid = coarse_grid(fixed.geometry)
    values = resample_array(fixed.hounsfield, fixed.geometry, grid)
    body = body_mask(values) if mask is None else _nearest(mask, fixed.geometry, grid)
    index = np.array(np.nonzero(body)).mean(axis=1)[::-1] if body.any() else (np.array(grid.size[::-1]) - 1) / 2
    center = (grid.index_to_lps @ np.append(index, 1.0))[:3]
    return FixedPart(grid, values, body, dilate(body) if mask is None else body, center)


def quality_against(
    fixed: FixedPart, moving: CtImage, matrix: np.ndarray, moving_mask: np.ndarray | None = None
) -> tuple[RegistrationQuality, np.ndarray]:
    """Quality and center as ``registration_quality``, of a fixed image that was prepared before."""
    found, common, region = _moved(fixed, moving, matrix, moving_mask)
    overlap = float(np.count_nonzero(fixed.body & common)) / max(1, int(np.count_nonzero(fixed.body)))
    if np.count_nonzero(region) < _FEWEST_VOXELS:
        return RegistrationQuality(0.0, 0.0, None, None, overlap), fixed.center
    x, y = _limited(fixed.hounsfield[region]), _limited(found[region])
    quality = RegistrationQuality(
        mutual_information=_mutual_information(x, y),
        correlation=_correlation(x, y),
        body_dice=_dice(x > BODY_THRESHOLD_HU, y > BODY_THRESHOLD_HU),
        bone_dice=_dice(x > BONE_THRESHOLD_HU, y > BONE_THRESHOLD_HU),
        overlap=overlap,
    )
    return quality, fixed.center


def mutual_information_against(fixed: FixedPart, moving: CtImage, matrix: np.ndarray) -> float:
    """The mutual information of that quality alone, in nats; 0 where the images hardly meet."""
    found, _common, region = _moved(fixed, moving, matrix)
    if np.count_nonzero(region) < _FEWEST_VOXELS:
        return 0.0
    return _mutual_information(_limited(fixed.hounsfield[region]), _limited(found[region]))


def _moved(fixed: FixedPart, moving: CtImage, matrix: np.ndarray, moving_mask: np.ndarray | None = None):
    """The moving image on the coarse grid, where it has data, and where the two are compared."""
    values = resample_array(moving.hounsfield, moving.geometry, fixed.grid, matrix, outside=_NO_DATA_HU)
    common = values > _NO_DATA_HU / 1.5
    region = fixed.looked_at & common
    if moving_mask is not None:
        region &= _nearest(moving_mask, moving.geometry, fixed.grid, matrix)
    return values, common, region


def _limited(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -_LIMIT_HU, _LIMIT_HU).astype(np.float64)


def _nearest(mask: np.ndarray, geometry: ImageGeometry, grid: ImageGeometry, matrix=None) -> np.ndarray:
    return resample_array(mask.astype(np.uint8), geometry, grid, matrix, linear=False) > 0


def coarse_grid(geometry: ImageGeometry, about_mm: tuple[float, float, float] = (_GRID_MM,) * 3) -> ImageGeometry:
    """A grid of about 4 mm, or about_mm along (z, y, x), over the same space; never finer than the given one."""
    factors = [max(1, int(aim / step + 0.25)) for aim, step in zip(about_mm, geometry.spacing_mm)]
    size = triple(max(1, n // factor) for n, factor in zip(geometry.size, factors))
    shift = np.array([(factor - 1) / 2 for factor in factors[::-1]] + [1.0])
    origin = (geometry.index_to_lps @ shift)[:3]
    spacing = triple(step * factor for step, factor in zip(geometry.spacing_mm, factors))
    return ImageGeometry(size, spacing, tuple(origin), geometry.direction)


def body_mask(hounsfield: np.ndarray) -> np.ndarray:
    """The patient without couch: the largest connected tissue after thin parts are taken away, holes filled slice by slice.

    hounsfield: (z, y, x) on a grid of about 4 mm. Returns bool; all False when there is no tissue.
    """
    from scipy import ndimage

    tissue = hounsfield > BODY_THRESHOLD_HU
    plane = (1, 3, 3)
    # Of a square the opening is a smallest, then a largest neighbor, each along one axis after the other.
    eroded = ndimage.minimum_filter(tissue.view(np.uint8), plane, mode="constant", cval=0)
    opened = ndimage.maximum_filter(eroded, plane, mode="constant", cval=0).view(bool)
    labels, count = ndimage.label(opened if opened.any() else tissue)
    if count == 0:
        return tissue
    return _filled(labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:])))


def _filled(body: np.ndarray) -> np.ndarray:
    """The body with the holes of each slice: what of the rest does not reach the slice's rim."""
    from scipy import ndimage

    in_plane = np.zeros((3, 3, 3), dtype=bool)
    in_plane[1] = [[False, True, False], [True, True, True], [False, True, False]]
    labels, count = ndimage.label(~body, in_plane)
    outside = np.zeros(count + 1, dtype=bool)
    for rim in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        outside[rim.ravel()] = True
    outside[0] = False
    return ~outside[labels]


def dilate(mask: np.ndarray) -> np.ndarray:
    """The mask with two voxels around it."""
    from scipy import ndimage

    return ndimage.binary_dilation(mask, iterations=2)


def _dice(x: np.ndarray, y: np.ndarray) -> float | None:
    total = int(np.count_nonzero(x)) + int(np.count_nonzero(y))
    return None if total == 0 else 2.0 * int(np.count_nonzero(x & y)) / total


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / norm if norm > 0 else 0.0


def _mutual_information(x: np.ndarray, y: np.ndarray) -> float:
    bins = _HISTOGRAM_BINS
    rows, columns = (np.minimum(((values + _LIMIT_HU) * (bins / (2 * _LIMIT_HU))).astype(np.intp), bins - 1) for values in (x, y))
    joint = np.bincount(rows * bins + columns, minlength=bins * bins).reshape(bins, bins) / len(rows)
    product = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    filled = joint > 0
    return float((joint[filled] * np.log(joint[filled] / product[filled])).sum())
