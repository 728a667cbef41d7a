"""How the patient lies at each time point: a rigid pose with its own shift and rotation."""

import numpy as np
from scipy.spatial.transform import Rotation

from RNTDosimetryLib.phantom.settings import PhantomSettings, Protocol


def random_stream(settings: PhantomSettings, purpose: str, index: int) -> np.random.Generator:
    """Independent random numbers for one purpose and time point, so that options do not shift each other's numbers."""
    return np.random.default_rng([settings.seed, index, *purpose.encode("ascii")])


def rigid_matrix(rotation: np.ndarray, shift_mm, centre_lps_mm) -> np.ndarray:
    """4 x 4 matrix: rotate about a centre, then shift."""
    centre = np.asarray(centre_lps_mm, dtype=float)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = centre + np.asarray(shift_mm, dtype=float) - rotation @ centre
    return matrix


def scan_pose(settings: PhantomSettings, protocol: Protocol, index: int) -> np.ndarray:
    """4 x 4 LPS matrix from the reference patient to the patient at time point ``index``; the first is the identity."""
    if index == 0 or not settings.motion:
        return np.eye(4)
    random = random_stream(settings, "motion", index)
    shift = _direction(random) * random.uniform(*protocol.motion["shift_mm"])
    turn = _direction(random) * np.deg2rad(random.uniform(*protocol.motion["rotation_deg"]))
    return rigid_matrix(Rotation.from_rotvec(turn).as_matrix(), shift, protocol.motion["rotation_centre_lps_mm"])


def _direction(random: np.random.Generator) -> np.ndarray:
    vector = random.standard_normal(3)
    return vector / np.linalg.norm(vector)
