"""From a phantom scan to a camera's calibration or recovery curve: the verbs calibrate and recovery."""

from RNTDosimetryLib.roads.camera.calibration import CALIBRATE, CalibrationRequest
from RNTDosimetryLib.roads.camera.recovery import RECOVERY, RecoveryRequest

__all__ = ["CALIBRATE", "RECOVERY", "CalibrationRequest", "RecoveryRequest"]
