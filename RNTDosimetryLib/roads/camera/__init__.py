"""From a phantom scan to a camera's calibration or recovery curve: the verbs calibrate and recovery."""

from RNTDosimetryLib.roads.camera.report import recovery_plot

__all__ = [
    "recovery_plot",
]
