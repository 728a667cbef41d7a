"""Uncertainty of volume, mean concentration and activity of a region (docs/regions_and_activity.md).

Analytic expressions in the manner of the EANM guidance on uncertainty; re-derived here for a uniform sphere with the
volume of the region, seen through a Gaussian point spread. Volumes in mL, lengths in mm, results relative, 1 sigma.
"""

import math

from RNTDosimetryLib.images.geometry import sphere_diameter_mm

FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))


def relative_volume_uncertainty(volume_ml: float, voxel_mm: float, fwhm_mm: float) -> float:
    """u(v)/v = 3 u(d)/d with u2(d) = a2/6 + FWHM2/(4 ln 2): voxel size and resolution of the image that was delineated."""
    u_diameter_mm = math.sqrt(voxel_mm**2 / 6.0 + fwhm_mm**2 / (4.0 * math.log(2.0)))
    return 3.0 * u_diameter_mm / sphere_diameter_mm(volume_ml)


def surface_share(volume_ml: float, fwhm_mm: float) -> float:
    """phi: value at the surface of a blurred uniform sphere, over half its true value (1 for a large sphere).

    phi = erf(2r/(s sqrt 2)) - 2s/(r sqrt(2 pi)) (1 - exp(-2 r2/s2)), s = FWHM/2.355.
    """
    radius, sigma = sphere_diameter_mm(volume_ml) / 2.0, fwhm_mm / FWHM_PER_SIGMA
    edge = -math.expm1(-2.0 * (radius / sigma) ** 2)
    return math.erf(2.0 * radius / (sigma * math.sqrt(2.0))) - 2.0 * sigma / (radius * math.sqrt(2.0 * math.pi)) * edge


def sphere_recovery(volume_ml: float, fwhm_mm: float) -> float:
    """R: mean over a uniform sphere after a Gaussian blur, over the true value, without surrounding activity.

    R = erf(2r/(s sqrt 2)) - s/(r sqrt(2 pi)) (3 - s2/r2 - (1 - s2/r2) exp(-2 r2/s2)).
    """
    radius, sigma = sphere_diameter_mm(volume_ml) / 2.0, fwhm_mm / FWHM_PER_SIGMA
    ratio = (sigma / radius) ** 2
    bracket = 3.0 - ratio - (1.0 - ratio) * math.exp(-2.0 / ratio)
    return math.erf(2.0 * radius / (sigma * math.sqrt(2.0))) - sigma / (radius * math.sqrt(2.0 * math.pi)) * bracket


def content_sensitivity(volume_ml: float, fwhm_mm: float) -> float:
    """phi/(2R) = d ln C / d ln v: how the content (counts or activity) of a region follows its volume.

    A boundary moved by dv adds dv times the value at the surface, half the true value times phi; the content is R times
    the true one. Content is mean times volume, so this is the part of an activity made that way.
    """
    return surface_share(volume_ml, fwhm_mm) / (2.0 * sphere_recovery(volume_ml, fwhm_mm))


def relative_content_uncertainty(volume_ml: float, volume_uncertainty: float, fwhm_mm: float) -> float:
    """u(C)/C = phi/(2R) u(v)/v: what a wrong boundary does to the content of a region."""
    return content_sensitivity(volume_ml, fwhm_mm) * volume_uncertainty
