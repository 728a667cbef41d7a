"""Acquisition: from the true concentration of the regions to CT and SPECT images."""

import numpy as np
from scipy.ndimage import gaussian_filter

from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.phantom.body import Anatomy, SampledBox, index_to_patient

FWHM_PER_SIGMA = float(np.sqrt(8.0 * np.log(2.0)))
_SUBSAMPLES = 2
_TRUNCATE_SIGMA = 4.0


def true_map(anatomy: Anatomy, values: dict[str, float], geometry: ImageGeometry, pose: np.ndarray | None = None) -> np.ndarray:
    """Value of the region at each voxel center, (z, y, x) float32: an ideal camera without partial volume.

    values: by region, e.g. MBq/mL or MBq*h/mL; regions not named have 0. pose: 4 x 4, reference patient to scan.
    """
    labels = anatomy.labels(index_to_patient(geometry, pose), geometry.size)
    return anatomy.table(values)[labels]


def blurred_map(
    anatomy: Anatomy, values: dict[str, float], geometry: ImageGeometry, psf_fwhm_mm: float, pose: np.ndarray | None = None
) -> np.ndarray:
    """As ``true_map``, seen through a Gaussian point spread and averaged over each voxel.

    The body is sampled at 2 x 2 x 2 points per voxel, also beyond the two ends of the field of view, since activity there
    spills in.
    """
    sigma_mm = psf_fwhm_mm / FWHM_PER_SIGMA
    spacing = np.asarray(geometry.spacing_mm)
    margin = np.ceil(_TRUNCATE_SIGMA * sigma_mm / spacing).astype(int)
    matrix = index_to_patient(geometry, pose)
    body = SampledBox(matrix, tuple(-margin), tuple(np.asarray(geometry.size) + margin)).within(
        *anatomy.structures[0].shape.bounds()
    )
    image = np.zeros(geometry.size, dtype=np.float32)
    if body is None:
        return image
    start, stop = np.asarray(body.start) - margin, np.asarray(body.stop) + margin
    labels = anatomy.labels_in(_subsampled(SampledBox(matrix, tuple(start), tuple(stop))))
    fine = gaussian_filter(
        anatomy.table(values)[labels], tuple(sigma_mm * _SUBSAMPLES / spacing), mode="constant", truncate=_TRUNCATE_SIGMA
    )
    depth, height, width = stop - start
    n = _SUBSAMPLES
    coarse = fine.reshape(depth, n, height, n, width, n).mean(axis=(1, 3, 5))
    first, last = np.maximum(start, 0), np.minimum(stop, geometry.size)
    image[tuple(slice(a, b) for a, b in zip(first, last))] = coarse[
        tuple(slice(a - o, b - o) for a, b, o in zip(first, last, start))
    ]
    return image


def _subsampled(box: SampledBox) -> SampledBox:
    """The same box with several points per voxel and axis, placed evenly in each voxel."""
    n = _SUBSAMPLES
    to_coarse = np.diag([1.0 / n, 1.0 / n, 1.0 / n, 1.0])
    to_coarse[:3, 3] = 0.5 / n - 0.5
    return SampledBox(box.index_to_patient @ to_coarse, tuple(n * a for a in box.start), tuple(n * b for b in box.stop))


def with_counting_noise(
    mean_bq_ml: np.ndarray, voxel_volume_ml: float, duration_s: float, sensitivity_cps_per_mbq: float, random: np.random.Generator
) -> np.ndarray:
    """Poisson counts of the expected counts C * volume * sensitivity * duration in each voxel, turned back into Bq/mL."""
    counts_per_bq_ml = voxel_volume_ml * 1e-6 * sensitivity_cps_per_mbq * duration_s
    counts = random.poisson(np.asarray(mean_bq_ml, dtype=np.float64) * counts_per_bq_ml)
    return (counts / counts_per_bq_ml).astype(np.float32)


def ct_image(
    anatomy: Anatomy,
    geometry: ImageGeometry,
    blur_fwhm_mm: float,
    noise_hu: float,
    random: np.random.Generator | None,
    pose: np.ndarray | None = None,
) -> np.ndarray:
    """Hounsfield units of the body on the couch, (z, y, x) float32, with in-plane blur and, when random is given, normal noise."""
    labels = anatomy.labels(index_to_patient(geometry, pose), geometry.size)
    couch = anatomy.couch_labels(geometry.index_to_lps, geometry.size)
    image = np.where(labels > 0, anatomy.hounsfield_table()[labels], anatomy.couch_hounsfield_table()[couch])
    sigma = blur_fwhm_mm / FWHM_PER_SIGMA / np.asarray(geometry.spacing_mm)
    gaussian_filter(image, (0.0, *sigma[1:]), mode="nearest", truncate=3.0, output=image)
    if random is not None:
        image += noise_hu * random.standard_normal(image.shape, dtype=np.float32)
    return np.clip(image, -1024.0, 3071.0, out=image)
