"""The radioembolisation case of the phantom, small, with blur and noise; made once."""

from types import SimpleNamespace

import numpy as np
import pytest

from RNTDosimetryLib.images import Region
from RNTDosimetryLib.phantom.radioembolisation import TareSettings, simulate_tare, tare_truth


def joined(name, regions, *parts):
    occupancy = sum(np.asarray(regions[part].occupancy) for part in parts)
    return Region(name, regions[parts[0]].geometry, occupancy, density_g_ml=1.04)


@pytest.fixture(scope="session")
def tare():
    settings = TareSettings(size="small", seed=3)
    scans, truth = simulate_tare(settings), tare_truth(settings)
    regions = {region.name: region for region in scans.regions}
    return SimpleNamespace(
        scans=scans,
        truth=truth,
        regions=regions,
        right=joined("right", regions, "normal_right", "tumour_1"),
        left=joined("left", regions, "normal_left", "tumour_2"),
        liver=joined("liver", regions, "normal_right", "tumour_1", "normal_left", "tumour_2"),
        tumours=[regions["tumour_1"], regions["tumour_2"]],
        parts=[regions[name] for name in ("tumour_1", "tumour_2", "normal_right", "normal_left")],
    )
