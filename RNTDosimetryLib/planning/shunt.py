"""Lung shunt fraction from planar counts or SPECT, and lung mass from CT."""

from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.checks import checked_fwhm, checked_kind, non_negative_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.dose import density_from_hounsfield
from RNTDosimetryLib.images import ActivityImage, CtImage, Region, occupancy_on_grid
from RNTDosimetryLib.measurement.activity import field_of_view_coverage

_FULL_COVERAGE = 0.999
_LEAST_COVERAGE = 0.3
_LARGEST_LUNG_DENSITY_G_ML = 0.8


@dataclass(frozen=True)
class LungShunt(Record):
    """Share of the activity that lodges in the lungs. counts: of lungs and liver after background, geometric mean if planar.

    uncertainty: standard, from counting alone; None where it is not known.
    """

    fraction: float
    method: str
    lung_counts: float
    liver_counts: float
    uncertainty: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class LungMass(Record):
    """Mass of the lungs from CT. mean_density_g_ml: tells how deep the breath was."""

    mass_g: float
    volume_ml: float
    mean_density_g_ml: float
    warnings: tuple[str, ...] = ()


def lung_shunt_from_counts(
    lung_anterior: float,
    lung_posterior: float,
    liver_anterior: float,
    liver_posterior: float,
    *,
    lung_background_anterior: float = 0.0,
    lung_background_posterior: float = 0.0,
    liver_background_anterior: float = 0.0,
    liver_background_posterior: float = 0.0,
) -> LungShunt:
    """Planar lung shunt: geometric mean of front and back counts, lungs over lungs and liver.

    Counts of each region of interest; background counts are those expected in the same region (counts per pixel times its pixels).
    Raises DosimetryError for negative counts and a liver without counts.
    """
    pairs = []
    for organ, front, back, less_front, less_back in (
        ("lungs", lung_anterior, lung_posterior, lung_background_anterior, lung_background_posterior),
        ("liver", liver_anterior, liver_posterior, liver_background_anterior, liver_background_posterior),
    ):
        values = [non_negative_number(value, f"planar counts of the {organ}") for value in (front, back, less_front, less_back)]
        net = [max(values[0] - values[2], 0.0), max(values[1] - values[3], 0.0)]
        mean = float(np.sqrt(net[0] * net[1]))
        variance = 0.0 if mean == 0 else mean**2 / 4 * sum((g + b) / n**2 for g, b, n in zip(values[:2], values[2:], net))
        pairs.append((mean, variance))
    (lungs, lung_variance), (liver, liver_variance) = pairs
    warnings = (warned("planar_shunt_without_attenuation"),)
    return _shunt(lungs, liver, lung_variance, liver_variance, "planar, geometric mean", warnings)


def lung_shunt_planar(
    anterior, posterior, lung_mask, liver_mask, *, attenuation_exponent=None, lung_exponent=None, liver_exponent=None
) -> LungShunt:
    """Planar lung shunt from images. anterior, posterior: (rows, columns) counts in the same orientation (posterior mirrored back).

    lung_mask, liver_mask: bool, same shape; pixels in both are left out of the lungs.
    attenuation_exponent: same shape, half the integral of the attenuation coefficient along each ray, from CT: takes the geometric mean
    of each pixel to that without attenuation. lung_exponent, liver_exponent: the parts of it that arise in lungs and in liver: they
    account for the thickness of the source, sinh(x)/x, and complete the lungs by the part that lies over the liver.
    """
    front, back = (np.asarray(image, dtype=float) for image in (anterior, posterior))
    lungs, liver = (np.asarray(mask, dtype=bool) for mask in (lung_mask, liver_mask))
    if not front.shape == back.shape == lungs.shape == liver.shape or front.ndim != 2:
        raise DosimetryError(
            f"Expected two views and two masks of one shape, received {front.shape}, {back.shape}, {lungs.shape}, {liver.shape}; "
            "load both views of the same acquisition."
        )
    if not (np.all(np.isfinite(front)) and np.all(np.isfinite(back))) or min(front.min(), back.min()) < 0:
        raise DosimetryError(
            "Expected counts of zero or more in both views, received others; load the counts, not a scaled picture."
        )
    lungs = lungs & ~liver
    for mask, name in ((lungs, "lungs"), (liver, "liver")):
        if not mask.any():
            raise DosimetryError(f"Expected pixels of the {name}, received none; draw the region, apart from the other.")
    if attenuation_exponent is None:
        return lung_shunt_from_counts(front[lungs].sum(), back[lungs].sum(), front[liver].sum(), back[liver].sum())
    exponent = _path(attenuation_exponent, front.shape)
    means, variances = [], []
    for mask, own in ((lungs, lung_exponent), (liver, liver_exponent)):
        thickness = np.zeros(front.shape) if own is None else _path(own, front.shape)
        # Both views by the same factor: the geometric mean is then that of the pixel, without its bias for few counts.
        factor = np.exp(exponent[mask]) / _self_attenuation(thickness[mask])
        counts = [float((view[mask] * factor).sum()) for view in (front, back)]
        mean = float(np.sqrt(counts[0] * counts[1]))
        spread = sum(float((view[mask] * factor**2).sum()) / count**2 for view, count in zip((front, back), counts) if count > 0)
        means.append(mean)
        variances.append(mean**2 / 4 * spread)
    if lung_exponent is not None:
        path = _path(lung_exponent, front.shape)
        hidden = means[0] * float(path[liver].sum() / path[lungs].sum()) if path[lungs].sum() > 0 else 0.0
        means = [means[0] + hidden, max(means[1] - hidden, 0.0)]
    liver_mean, lung_mean = means
    liver_variance, lung_variance = variances
    return _shunt(liver_mean, lung_mean, liver_variance, lung_variance, "planar, geometric mean with attenuation from CT", ())


def _path(values, shape) -> np.ndarray:
    path = np.asarray(values, dtype=float)
    if path.shape != shape or not np.all(np.isfinite(path)) or path.min() < 0:
        raise DosimetryError(
            "Expected half the attenuation path of every pixel, zero or more, received another map; compute it from the CT."
        )
    return path


def _self_attenuation(half_path: np.ndarray) -> np.ndarray:
    """Geometric mean of a thick source over that of a thin one in its middle: sinh(x) / x."""
    return np.where(half_path > 1e-6, np.sinh(np.maximum(half_path, 1e-6)) / np.maximum(half_path, 1e-6), 1.0)


def lung_shunt_spect(
    image: ActivityImage, lungs: Region, liver: Region, *others: Region, resolution_fwhm_mm: float | None = None
) -> LungShunt:
    """Lung shunt from SPECT/CT: activity in the lungs over that in lungs, liver and other regions that hold spheres.

    liver: the whole liver with its tumours. resolution_fwhm_mm: corrects the spill of the liver into the base of the lungs.
    Lungs partly outside the field are completed with their mean, with a warning; less than a third inside is refused.
    """
    from RNTDosimetryLib.measurement.partial_volume import region_means

    resolution_fwhm_mm = checked_fwhm(resolution_fwhm_mm)
    warnings, volumes, occupancies = [], {}, {}
    for region in (lungs, liver, *others):
        coverage = field_of_view_coverage(region, image)
        if coverage < _LEAST_COVERAGE:
            raise DosimetryError(
                f"Expected the {region.name} in the field of view of '{image.name}', received {100 * coverage:.0f} % of it; "
                "use planar counts, or type the lung shunt."
            )
        if coverage < _FULL_COVERAGE:
            warnings.append(f"{region.name}: {warned('shunt_region_partly_seen', percent=100 * coverage)}")
        volumes[region.name] = region.volume_ml
        occupancies[region.name] = occupancy_on_grid(region, image.geometry)
    names = list(occupancies)
    first = occupancies[names[0]]
    occupancies[names[0]] = np.clip(first, 0, 1 - np.clip(sum(occupancies[name] for name in names[1:]), 0, 1))
    means = region_means(image.concentration_bq_ml, occupancies, image.geometry.spacing_mm, resolution_fwhm_mm)
    content = {name: means.mean[name] * volumes[name] for name in names}
    elsewhere = sum(content[name] for name in names[1:])
    method = "SPECT/CT" if resolution_fwhm_mm is None else f"SPECT/CT, blur of {resolution_fwhm_mm:g} mm corrected"
    return _shunt(content[names[0]], elsewhere, None, None, method, (*warnings, *means.warnings))


def lung_mass_from_ct(ct: CtImage, lungs: Region, curve_points=None) -> LungMass:
    """Mass of the lungs: density of every voxel by the Hounsfield curve, summed. lungs: on any grid; both sides in one region.

    Raises DosimetryError for a region that is no lung by its density or lies partly outside the CT.
    """
    share = occupancy_on_grid(lungs, checked_kind(ct, CtImage, "the CT").geometry)
    inside = float(share.sum(dtype=float)) * ct.geometry.voxel_volume_ml
    if inside < 0.98 * lungs.volume_ml:
        raise DosimetryError(
            f"Expected the whole lungs in the CT, received {100 * inside / lungs.volume_ml:.0f} % of the region; "
            "use a CT that shows both lungs, or type the lung mass."
        )
    box = tuple(slice(int(index.min()), int(index.max()) + 1) for index in np.nonzero(share))
    density = density_from_hounsfield(ct.hounsfield[box], curve_points)
    mass = float((np.asarray(density) * share[box]).sum(dtype=float)) * ct.geometry.voxel_volume_ml
    mean = mass / inside
    if mean > _LARGEST_LUNG_DENSITY_G_ML:
        raise DosimetryError(f"Expected lungs, received a region of {mean:.2f} g/mL; choose the region of the lungs.")
    return LungMass(mass, lungs.volume_ml, mean, ())


def _shunt(lungs, liver, lung_variance, liver_variance, method, warnings) -> LungShunt:
    if not liver > 0:
        raise DosimetryError("Expected counts in the liver, received none after background; check regions and images.")
    fraction = lungs / (lungs + liver)
    uncertainty = None
    if lung_variance is not None:
        uncertainty = float(np.sqrt(lung_variance * liver**2 + liver_variance * lungs**2)) / (lungs + liver) ** 2
    return LungShunt(float(fraction), method, float(lungs), float(liver), uncertainty, tuple(warnings))
