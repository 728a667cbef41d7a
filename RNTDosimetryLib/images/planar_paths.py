"""What the photons of a region pass on their way to the two heads, from the CT of the same patient."""

import numpy as np

from RNTDosimetryLib.base.checks import checked_kind, checked_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.planar import PhotonPath
from RNTDosimetryLib.images.resampling import occupancy_on_grid
from RNTDosimetryLib.images.volumes import CtImage, Region

_SMALLEST_SHARE = 0.2
_UPRIGHT = 0.95


def photon_path(ct: CtImage, region: Region, mu_per_cm: float, **uncertainties) -> PhotonPath:
    """Path of a region from CT: thicknesses as water, 1 + HU/1000 times the length, so that ``mu_per_cm`` is that of water.

    Body and region are averaged over the rays from front to back that meet the region, each ray weighted by its length in the region.
    uncertainties: those of ``PhotonPath`` by name. Raises DosimetryError for a CT whose rows are not from front to back, for a region off
    the CT, and for a coefficient that is none.
    """
    checked_kind(ct, CtImage, "the CT")
    checked_kind(region, Region, "the region")
    mu_per_cm = checked_number(mu_per_cm, "an attenuation coefficient per cm", "water has about 0.13 at 208 keV", 0.0, 1.0)
    direction = np.asarray(ct.geometry.direction)
    if abs(direction[1, 1]) < _UPRIGHT:
        raise DosimetryError("Expected a CT whose columns run from front to back of the patient, received a tilted one; resample it first.")
    share = occupancy_on_grid(region, ct.geometry)
    if not share.any():
        raise DosimetryError(f"Expected region '{region.name}' on the CT, received one outside it; check that they are aligned.")
    water = np.maximum(0.0, 1.0 + np.asarray(ct.hounsfield, dtype=np.float64) / 1000.0) * ct.geometry.spacing_mm[1]
    if direction[1, 1] < 0:
        water, share = water[:, ::-1], share[:, ::-1]
    inside = (share * water).sum(axis=1)
    met = inside > _SMALLEST_SHARE * inside.max()
    weight = inside[met] / inside[met].sum()
    before = np.cumsum(water, axis=1) - water / 2.0
    depth = (share * water * before).sum(axis=1)[met] / inside[met]
    body, organ, middle = (float((weight * values).sum()) for values in (water.sum(axis=1)[met], inside[met], depth))
    middle = min(max(middle, organ / 2.0), body - organ / 2.0)
    return PhotonPath(mu_per_cm, body, organ, depth_mm=middle, **uncertainties)
