"""Closed outlines of a mask, slice by slice."""

import numpy as np


def mask_outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Closed outlines of a (y, x) mask, halfway between voxel centres inside and outside.

    Returns arrays (points, 2) of (x, y) index positions, without repeating the first point. Holes have their own outlines:
    a voxel centre is inside the mask when it lies within an odd number of outlines, and then only.
    """
    corners = np.pad(np.asarray(mask, dtype=bool), 1)
    case = corners[:-1, :-1] + 2 * corners[:-1, 1:] + 4 * corners[1:, 1:] + 8 * corners[1:, :-1]
    following = {}
    for y, x in zip(*np.nonzero((case > 0) & (case < 15))):
        for start, end in _SEGMENTS[int(case[y, x])]:
            # Edge midpoints in half steps, so that they are exact keys.
            following[_midpoint(x, y, start)] = _midpoint(x, y, end)
    outlines = []
    while following:
        first = next(iter(following))
        loop, point = [], first
        while point in following:
            loop.append(point)
            point = following.pop(point)
        # Half steps of the padded grid: back to index positions of the mask.
        outlines.append(np.array(loop) / 2.0 - 1.0)
    return outlines


_EDGES = {"top": (1, 0), "right": (2, 1), "bottom": (1, 2), "left": (0, 1)}

# Marching squares: corners 1 upper left, 2 upper right, 4 lower right, 8 lower left; each segment keeps the inside on the same
# hand, so that every edge midpoint starts one segment only. The two saddles (5, 10) keep their inside corners apart.
_SEGMENTS = {
    1: [("left", "top")],
    2: [("top", "right")],
    3: [("left", "right")],
    4: [("right", "bottom")],
    5: [("left", "top"), ("right", "bottom")],
    6: [("top", "bottom")],
    7: [("left", "bottom")],
    8: [("bottom", "left")],
    9: [("bottom", "top")],
    10: [("top", "right"), ("bottom", "left")],
    11: [("bottom", "right")],
    12: [("right", "left")],
    13: [("right", "top")],
    14: [("top", "left")],
}


def _midpoint(x: int, y: int, edge: str) -> tuple[int, int]:
    right, down = _EDGES[edge]
    return 2 * int(x) + right, 2 * int(y) + down
