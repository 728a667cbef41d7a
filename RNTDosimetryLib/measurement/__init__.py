"""Activity of a region with its uncertainty: noise, outline, partial volume, and the balance with what was administered."""

from RNTDosimetryLib.measurement.activity import (
    RegionActivity,
    TimeActivityCurve,
    measure_activity,
    region_mass_g,
    time_activity_curve,
)
from RNTDosimetryLib.measurement.balance import (
    ActivityBalance,
    ExpectedShare,
    check_total_activity,
    expected_share,
    total_activity_mbq,
)
from RNTDosimetryLib.measurement.partial_volume import RegionMeans, region_means

__all__ = [
    "ActivityBalance",
    "ExpectedShare",
    "RegionActivity",
    "RegionMeans",
    "TimeActivityCurve",
    "check_total_activity",
    "expected_share",
    "measure_activity",
    "region_mass_g",
    "region_means",
    "time_activity_curve",
    "total_activity_mbq",
]
