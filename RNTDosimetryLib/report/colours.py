"""Colours, dashes and markers of pictures and plots, read from Resources/report/colours.json."""

from functools import lru_cache

import numpy as np

from RNTDosimetryLib.base.resources import read_json


@lru_cache(maxsize=1)
def _palette() -> dict:
    return read_json("report", "colours.json")


def series_style(index: int) -> tuple[str, str, str]:
    """Colour, dash pattern and marker of the plot series ``index``; they repeat only together after many series."""
    palette = _palette()
    colours, dashes, markers = palette["series"], palette["series_dashes"], palette["markers"]
    turn = index // len(colours)
    return colours[index % len(colours)], dashes[(index + turn) % len(dashes)], markers[(index + turn) % len(markers)]


def outline_style(index: int) -> tuple[str, str]:
    """Colour and dash pattern of the region outline ``index`` on a picture."""
    palette = _palette()
    colours, dashes = palette["outlines"], palette["outline_dashes"]
    return colours[index % len(colours)], dashes[(index // len(colours)) % len(dashes)]


def dose_colours(fractions: np.ndarray) -> np.ndarray:
    """RGB, 0 to 255 float, (..., 3), of values between 0 (dark) and 1 (bright); values outside are held at the ends."""
    return _interpolated("dose", fractions)


def difference_colours(fractions: np.ndarray) -> np.ndarray:
    """RGB, 0 to 255 float, (..., 3), of differences from -1 (blue) through 0 (light grey) to 1 (red)."""
    return _interpolated("difference", (np.asarray(fractions, dtype=float) + 1.0) / 2.0)


def _interpolated(name: str, fractions: np.ndarray) -> np.ndarray:
    table = np.asarray(_palette()[name], dtype=float)
    places = np.linspace(0.0, 1.0, len(table))
    fractions = np.clip(np.asarray(fractions, dtype=float), 0.0, 1.0)
    return np.stack([np.interp(fractions, places, table[:, channel]) for channel in range(3)], axis=-1)
