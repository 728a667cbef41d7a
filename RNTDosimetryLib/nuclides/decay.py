"""Room."""

import numpy as np


def acquisition_average_factor(decay_constant_per_s: float, duration_s) -> np.ndarray:
    """Activity at the start over the mean during the acquisition: lambda dt / (1 - exp(-lambda dt)); 1 for dt = 0."""
    x = decay_constant_per_s * np.asarray(duration_s, dtype=float)
    return np.where(x > 1e-12, x / -np.expm1(-np.maximum(x, 1e-12)), 1.0)
