"""A simulated radioembolisation with known truth, from scout to treatment."""

from RNTDosimetryLib.phantom.radioembolisation.case import TareSettings
from RNTDosimetryLib.phantom.radioembolisation.dicom import TareFiles, write_tare
from RNTDosimetryLib.phantom.radioembolisation.scans import TareScans, simulate_tare, tare_regions
from RNTDosimetryLib.phantom.radioembolisation.truth import TareRegionTruth, TareTruth, tare_truth

__all__ = [
    "TareFiles",
    "TareRegionTruth",
    "TareScans",
    "TareSettings",
    "TareTruth",
    "simulate_tare",
    "tare_regions",
    "tare_truth",
    "write_tare",
]
