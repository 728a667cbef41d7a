"""The compartments after a radioembolisation as rows of the tidy table."""

from RNTDosimetryLib.roads.plan.rows import compartment_row
from RNTDosimetryLib.roads.tidy import RegionRow
from RNTDosimetryLib.roads.verify.result import VerifyResult


def verify_rows(result: VerifyResult, study: str = "") -> tuple[RegionRow, ...]:
    """Delivered mean doses of the compartments, without uncertainty."""
    activity = result.net_activity_gbq
    return tuple(
        compartment_row(
            item.name, study, administered_activity_mbq=None if activity is None else 1000 * activity, volume_ml=item.volume_ml, mass_g=item.mass_g,
            model="delivered", dose_gy=item.delivered_gy, dose_per_activity_gy_per_gbq=item.delivered_gy / activity if activity else None,
        )
        for item in result.compartments
    )  # fmt: skip
