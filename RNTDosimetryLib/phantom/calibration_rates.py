"""Count rates of a decaying source on a camera with dead time: the scan that a dead time is measured with."""

from dataclasses import dataclass

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json


@dataclass(frozen=True)
class RateSeries(Record):
    """Wide-spectrum rates of one source at falling activity. expected_cps: without noise, with dead time."""

    activities_mbq: tuple[float, ...]
    expected_cps: tuple[float, ...]
    duration_s: float
    dead_time_s: float
    model: str
    wide_spectrum_cps_per_mbq: float

    def observed_cps(self, seed: int | np.random.Generator) -> np.ndarray:
        """Rates from Poisson counts."""
        counts = np.random.default_rng(seed).poisson(np.asarray(self.expected_cps) * self.duration_s)
        return counts / self.duration_s


def decaying_source(model: str | None = None) -> RateSeries:
    """The series of ``Resources/phantom/calibration.json``, or with another model: "paralysable" or "non-paralysable"."""
    data = read_json("phantom", "calibration.json")["dead_time"]
    model = data["model"] if model is None else model
    activities = 1000.0 * np.asarray(data["activities_gbq"])
    true = data["wide_spectrum_cps_per_mbq"] * activities
    busy = true * data["dead_time_s"]
    if model not in ("paralysable", "non-paralysable"):
        raise DosimetryError(f"Expected the model paralysable or non-paralysable, received '{model}'; choose one.")
    observed = true * np.exp(-busy) if model == "paralysable" else true / (1.0 + busy)
    return RateSeries(
        activities_mbq=tuple(activities.tolist()),
        expected_cps=tuple(observed.tolist()),
        duration_s=float(data["duration_s"]),
        dead_time_s=float(data["dead_time_s"]),
        model=model,
        wide_spectrum_cps_per_mbq=float(data["wide_spectrum_cps_per_mbq"]),
    )
