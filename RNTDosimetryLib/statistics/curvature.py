"""Second derivatives of a function, for the uncertainty of what it is smallest at."""

from collections.abc import Callable

import numpy as np

_RELATIVE_STEP, _SMALLEST_SCALE = 1e-3, 0.1


def curvature(function: Callable[[np.ndarray], float], place: np.ndarray) -> np.ndarray:
    """(n, n) second derivatives at a place (n,), by central differences."""
    steps = np.diag(_RELATIVE_STEP * np.maximum(np.abs(place), _SMALLEST_SCALE))
    result = np.zeros((place.size, place.size))
    for i in range(place.size):
        for j in range(i + 1):
            corners = [a * b * function(place + a * steps[i] + b * steps[j]) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            result[i, j] = result[j, i] = sum(corners) / (4 * steps[i, i] * steps[j, j])
    return result
