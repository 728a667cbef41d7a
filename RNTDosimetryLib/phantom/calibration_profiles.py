"""Sources of calibration scans as a camera with a Gaussian point spread sees them, by formula: no sampling of the edges.

Each function gives the share of the true concentration (or, for a point, the density per mm3) at distances from the centre.
"""

import numpy as np
from scipy.special import erf, i0e

_ROOT_2, _ROOT_2_PI = np.sqrt(2.0), np.sqrt(2.0 * np.pi)
_DISC_STEPS = 400
_TABLE_STEPS = 600
_REACH_SIGMA = 7.0


def blurred_point(distance_mm, sigma_mm: float) -> np.ndarray:
    """Density of a point source, per mm3: a normal distribution in three dimensions."""
    distance = np.asarray(distance_mm, dtype=float)
    return np.exp(-0.5 * (distance / sigma_mm) ** 2) / (_ROOT_2_PI * sigma_mm) ** 3


def blurred_sphere(distance_mm, radius_mm: float, sigma_mm: float) -> np.ndarray:
    """Uniform sphere: the convolution of a ball with a normal distribution, in closed form."""
    distance = np.maximum(np.asarray(distance_mm, dtype=float), 1e-6 * sigma_mm)
    inner, outer = (radius_mm - distance) / sigma_mm, (radius_mm + distance) / sigma_mm
    edges = 0.5 * (erf(inner / _ROOT_2) + erf(outer / _ROOT_2))
    # exp(-inner2/2) - exp(-outer2/2) without loss of digits near the centre
    difference = -np.exp(-0.5 * inner**2) * np.expm1(-2.0 * radius_mm * distance / sigma_mm**2)
    return edges - sigma_mm / (distance * _ROOT_2_PI) * difference


def blurred_disc(distance_mm, radius_mm: float, sigma_mm: float) -> np.ndarray:
    """Uniform disc in the plane: integral of r/s2 exp(-(r2+d2)/2s2) I0(rd/s2) over r (Rice distribution), from a fine table."""
    distance = np.asarray(distance_mm, dtype=float)
    table = np.linspace(0.0, radius_mm + _REACH_SIGMA * sigma_mm, _TABLE_STEPS)
    nodes, weights = np.polynomial.legendre.leggauss(_DISC_STEPS)
    r = 0.5 * radius_mm * (nodes + 1.0)
    product = np.outer(table, r) / sigma_mm**2
    integrand = r / sigma_mm**2 * np.exp(-0.5 * ((table[:, None] - r) / sigma_mm) ** 2) * i0e(product)
    return np.interp(distance, table, integrand @ weights * 0.5 * radius_mm, right=0.0)


def blurred_slab(position_mm, half_thickness_mm: float, sigma_mm: float) -> np.ndarray:
    """Uniform slab between two planes, along its normal."""
    position = np.asarray(position_mm, dtype=float)
    upper, lower = (half_thickness_mm - position) / sigma_mm, (-half_thickness_mm - position) / sigma_mm
    return 0.5 * (erf(upper / _ROOT_2) - erf(lower / _ROOT_2))
