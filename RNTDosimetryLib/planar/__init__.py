"""Conjugate planar views to activity."""

from RNTDosimetryLib.planar.activity import (
    PhotonPath,
    PlanarActivity,
    PlanarCurve,
    PlanarView,
    conjugate_activity,
    photon_path,
    planar_curve,
)
from RNTDosimetryLib.planar.scans import PlanarScan, read_planar_folder, read_planar_scan
from RNTDosimetryLib.planar.views import PlanarViews, read_planar_views

__all__ = [
    "PhotonPath",
    "PlanarActivity",
    "PlanarCurve",
    "PlanarScan",
    "PlanarView",
    "PlanarViews",
    "conjugate_activity",
    "photon_path",
    "planar_curve",
    "read_planar_folder",
    "read_planar_scan",
    "read_planar_views",
]
