"""True concentration of each region in time: sums of exponentials, with exact means and integrals."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.phantom.settings import PhantomSettings, Protocol

LN2 = float(np.log(2.0))


@dataclass(frozen=True)
class RegionKinetics(Record):
    """Concentration in MBq/mL = sum of amplitudes * exp(-rate * hours after administration); rates include physical decay.

    kind: "organ", "lesion" or "other". biological_half_lives_h: None does not leave.
    """

    region: str
    kind: str
    amplitudes_mbq_ml: tuple[float, ...]
    biological_half_lives_h: tuple[float | None, ...]
    decay_constant_per_h: float

    @property
    def rates_per_h(self) -> tuple[float, ...]:
        return tuple(
            self.decay_constant_per_h + (0.0 if half_life is None else LN2 / half_life)
            for half_life in self.biological_half_lives_h
        )

    def concentration_mbq_ml(self, time_h):
        """At given hours; an array of the same shape."""
        time_h = np.asarray(time_h, dtype=float)
        return sum(a * np.exp(-rate * time_h) for a, rate in zip(self.amplitudes_mbq_ml, self.rates_per_h))

    def mean_concentration_mbq_ml(self, start_h: float, duration_h: float) -> float:
        """Mean over an acquisition: the integral of each exponential, exact."""
        return float(
            sum(
                a * np.exp(-rate * start_h) * -np.expm1(-rate * duration_h) / (rate * duration_h)
                for a, rate in zip(self.amplitudes_mbq_ml, self.rates_per_h)
            )
        )

    @property
    def tia_mbq_h_ml(self) -> float:
        """Time-integrated activity concentration from administration to infinity."""
        return float(sum(a / rate for a, rate in zip(self.amplitudes_mbq_ml, self.rates_per_h)))


def load_kinetics(activity_gbq: float) -> dict[str, RegionKinetics]:
    """Kinetics by region of ``Resources/phantom/kinetics.json`` for an administered activity."""
    data = read_json("phantom", "kinetics.json")
    decay_constant = get_nuclide(data["nuclide"]).decay_constant_per_h
    return {
        name: RegionKinetics(
            region=name,
            kind=item["kind"],
            amplitudes_mbq_ml=tuple(activity_gbq * amplitude for amplitude, _ in item["terms"]),
            biological_half_lives_h=tuple(half_life for _, half_life in item["terms"]),
            decay_constant_per_h=decay_constant,
        )
        for name, item in data["regions"].items()
    }


def phantom_nuclide():
    """The nuclide of the phantom's radiopharmaceutical."""
    return get_nuclide(read_json("phantom", "kinetics.json")["nuclide"])


def radiopharmaceutical_name() -> str:
    return read_json("phantom", "kinetics.json")["radiopharmaceutical"]


def random_stream(settings: PhantomSettings, purpose: str, index: int) -> np.random.Generator:
    """Independent random numbers for one purpose and time point, so that options do not shift each other's numbers."""
    return np.random.default_rng([settings.seed, index, *purpose.encode("ascii")])


def rigid_matrix(rotation: np.ndarray, shift_mm, center_lps_mm) -> np.ndarray:
    """4 x 4 matrix: rotate about a center, then shift."""
    center = np.asarray(center_lps_mm, dtype=float)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = center + np.asarray(shift_mm, dtype=float) - rotation @ center
    return matrix


def scan_pose(settings: PhantomSettings, protocol: Protocol, index: int) -> np.ndarray:
    """4 x 4 LPS matrix from the reference patient to the patient at time point ``index``; the first is the identity."""
    if index == 0 or not settings.motion:
        return np.eye(4)
    random = random_stream(settings, "motion", index)
    shift = _direction(random) * random.uniform(*protocol.motion["shift_mm"])
    turn = _direction(random) * np.deg2rad(random.uniform(*protocol.motion["rotation_deg"]))
    return rigid_matrix(Rotation.from_rotvec(turn).as_matrix(), shift, protocol.motion["rotation_center_lps_mm"])


def _direction(random: np.random.Generator) -> np.ndarray:
    vector = random.standard_normal(3)
    return vector / np.linalg.norm(vector)
