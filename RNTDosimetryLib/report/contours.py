"""Outlines of regions on a slice by marching squares."""

import numpy as np

# Edges of a cell that an outline enters and leaves, by which corners are inside (1 top left, 2 top right, 4 bottom right,
# 8 bottom left), with the inside on the left hand. Cases 5 and 10, two opposite corners, depend on the middle of the cell.
_TOP_SIDE, _RIGHT, _BOTTOM, _LEFT = range(4)
_STEPS = {
    1: [(_LEFT, _TOP_SIDE)], 2: [(_TOP_SIDE, _RIGHT)], 4: [(_RIGHT, _BOTTOM)], 8: [(_BOTTOM, _LEFT)],
    14: [(_TOP_SIDE, _LEFT)], 13: [(_RIGHT, _TOP_SIDE)], 11: [(_BOTTOM, _RIGHT)], 7: [(_LEFT, _BOTTOM)],
    3: [(_LEFT, _RIGHT)], 12: [(_RIGHT, _LEFT)], 6: [(_TOP_SIDE, _BOTTOM)], 9: [(_BOTTOM, _TOP_SIDE)],
}  # fmt: skip
_SADDLES = {
    (5, True): [(_RIGHT, _TOP_SIDE), (_LEFT, _BOTTOM)], (5, False): [(_LEFT, _TOP_SIDE), (_RIGHT, _BOTTOM)],
    (10, True): [(_TOP_SIDE, _LEFT), (_BOTTOM, _RIGHT)], (10, False): [(_TOP_SIDE, _RIGHT), (_BOTTOM, _LEFT)],
}  # fmt: skip


def outlines(values: np.ndarray, level: float = 0.5) -> list[np.ndarray]:
    """Closed curves around where ``values`` (rows, columns) reach ``level`` (above zero), each (n, 2) in (column, row) coordinates.

    Pixel centres have whole coordinates, places between are interpolated linearly. Beyond the border values are
    taken as zero, so every curve closes; the last point is not repeated. Marching squares after Lorensen and Cline.
    """
    field = np.pad(np.asarray(values, dtype=float), 1, constant_values=0.0)
    inside = field >= level
    cases = inside[:-1, :-1] + 2 * inside[:-1, 1:] + 4 * inside[1:, 1:] + 8 * inside[1:, :-1]
    following: dict[tuple, tuple] = {}
    for row, column in zip(*np.nonzero((cases > 0) & (cases < 15))):
        row, column, case = int(row), int(column), int(cases[row, column])
        steps = _STEPS.get(case) or _SADDLES[case, bool(field[row : row + 2, column : column + 2].mean() >= level)]
        for enter, leave in steps:
            following[_edge(row, column, enter)] = _edge(row, column, leave)
    curves = []
    while following:
        start, edge = following.popitem()
        points = [_crossing(field, start, level)]
        while edge != start:
            points.append(_crossing(field, edge, level))
            edge = following.pop(edge)
        curves.append(np.array(points) - 1.0)
    return curves


def _edge(row: int, column: int, side: int) -> tuple[int, int, bool]:
    """Name of a cell edge shared by its two cells: the pixel it starts at, and whether it runs down."""
    if side == _TOP_SIDE:
        return row, column, False
    if side == _BOTTOM:
        return row + 1, column, False
    return row, column + (side == _RIGHT), True


def _crossing(field: np.ndarray, edge: tuple[int, int, bool], level: float) -> tuple[float, float]:
    row, column, down = edge
    first, second = field[row, column], field[row + down, column + (not down)]
    share = (level - first) / (second - first)
    return (column, row + share) if down else (column + share, row)
