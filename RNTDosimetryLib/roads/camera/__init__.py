"""From a phantom scan to a camera's calibration or recovery curve: the verbs calibrate and recovery."""
