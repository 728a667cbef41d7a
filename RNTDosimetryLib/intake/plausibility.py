"""Whether the voxels of an activity image can be: finite, above zero, and in sum what the administered activity leaves in a body."""

import math
import sys
from datetime import datetime

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.intake.ledger import Ledger
from RNTDosimetryLib.intake.records import Administration
from RNTDosimetryLib.intake.tags import seconds_between
from RNTDosimetryLib.measurement.balance import expected_share
from RNTDosimetryLib.nuclides import get_nuclide

_IMPOSSIBLE_SHARE_OF_ADMINISTERED = 10.0
_DOUBTFUL_SHARE_OF_ADMINISTERED = 1.1
_NOTABLE_NEGATIVE_SHARE = 0.01


def check_values(
    values: np.ndarray, geometry: ImageGeometry, administration: Administration, scan_start: datetime, where: str, ledger: Ledger
) -> None:
    """values: Bq/mL. Raises DosimetryError for voxels that are no numbers, an empty image, and ten times the activity that is left."""
    bad = int(values.size - np.count_nonzero(np.isfinite(values)))
    if bad:
        raise DosimetryError(
            f"Expected finite voxel values in {where}, received {bad} NaN or infinite voxels; repair the image first."
        )
    total = float(values.sum()) * geometry.voxel_volume_ml / 1e6
    if total <= 0:
        raise DosimetryError(
            f"Expected activity in {where}, received an image whose sum is {total:g} MBq; check the reconstruction."
        )
    negative = float(-values[values < 0].sum() / values[values > 0].sum())
    if negative > _NOTABLE_NEGATIVE_SHARE:
        ledger.warn(warned("voxels_below_zero", where=where, share=negative))
    start_h = seconds_between(administration.time, scan_start) / 3600.0
    expected = administration.net_activity_mbq * math.exp(-get_nuclide(administration.nuclide).decay_constant_per_h * start_h)
    share = total / max(expected, sys.float_info.min)  # decades of a short-lived nuclide leave 0
    shown = f"{share:.1%}" if share >= 0.001 else f"{share:.2g}"
    ledger.record("activity in the image", total, "MBq", f"{shown} of the administered activity, decayed", where, "derived")
    if total > _IMPOSSIBLE_SHARE_OF_ADMINISTERED * expected:
        raise DosimetryError(
            f"Expected at most {expected:.4g} MBq in {where}, the administered activity after decay from the administration "
            f"({administration.time}) to the scan ({scan_start}), received {total:.4g} MBq; "
            "check both dates, then check unit, calibration and injected activity."
        )
    if total > _DOUBTFUL_SHARE_OF_ADMINISTERED * expected:
        ledger.warn(warned("image_holds_more_than_given", where=where, total=total, expected=expected))
        return
    doubt = expected_share(administration.radiopharmaceutical, start_h).warning(where, total, expected, start_h)
    if doubt:
        ledger.warn(doubt)
