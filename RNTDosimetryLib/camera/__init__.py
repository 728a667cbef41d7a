"""What is known of the camera: calibration, sensitivity, dead time, recovery."""

from RNTDosimetryLib.camera.calibration import (
    Calibration,
    apply_calibration,
    combine_calibrations,
    read_calibration,
    typed_calibration,
    write_calibration,
)
from RNTDosimetryLib.camera.dead_time import DeadTime, DeadTimeFactor, fit_dead_time, observed_rate_cps, true_rate_cps
from RNTDosimetryLib.camera.recovery import (
    RecoveryCoefficient,
    RecoveryCurve,
    apply_recovery,
    fit_recovery,
    read_recovery,
    volume_part_of_activity,
    write_recovery,
)
from RNTDosimetryLib.camera.sensitivity import CalibrationSource, calibrate_planar, calibrate_point, calibrate_uniform
from RNTDosimetryLib.camera.spheres import DetectedSphere, SpherePhantomScan, detect_spheres, measure_sphere_recovery

__all__ = [
    "Calibration",
    "CalibrationSource",
    "DeadTime",
    "DeadTimeFactor",
    "DetectedSphere",
    "RecoveryCoefficient",
    "RecoveryCurve",
    "SpherePhantomScan",
    "apply_calibration",
    "apply_recovery",
    "calibrate_planar",
    "calibrate_point",
    "calibrate_uniform",
    "combine_calibrations",
    "detect_spheres",
    "fit_dead_time",
    "fit_recovery",
    "measure_sphere_recovery",
    "observed_rate_cps",
    "read_calibration",
    "read_recovery",
    "true_rate_cps",
    "typed_calibration",
    "volume_part_of_activity",
    "write_calibration",
    "write_recovery",
]
