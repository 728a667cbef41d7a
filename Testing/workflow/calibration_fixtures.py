"""Requests of the verbs calibrate and recovery for the phantom scans of the generator."""

import json
from pathlib import Path

from RNTDosimetryLib.phantom import sphere_scan, uniform_scan


def source_of(scan) -> dict:
    return {"nuclide": scan.nuclide, "activity_mbq": scan.source_activity_mbq, "measured": scan.source_measured.isoformat(), "relative_uncertainty": 0.02}


def write_request(folder: Path, name: str, **content) -> Path:
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def uniform_request(folder: Path, **changes) -> Path:
    scan = uniform_scan()
    content = {"kind": "uniform", "scan": "uniform.dcm", "source": source_of(scan), "fwhm_mm": 11.0, "volume_ml": scan.volume_ml,
               "volume_relative_uncertainty": 0.005}  # fmt: skip
    return write_request(folder, "CALIBRATION.json", **(content | changes))


def sphere_request(folder: Path, **changes) -> Path:
    scan = sphere_scan()
    content = {"scan": "spheres.dcm", "nuclide": "177Lu", "concentration_mbq_ml": scan.concentration_bq_ml / 1e6, "measured": scan.start.isoformat(),
               "concentration_relative_uncertainty": 0.01, "diameters_mm": [sphere.diameter_mm for sphere in scan.spheres], "fwhm_mm": 11.0,
               "background_mbq_ml": 0.0, "calibration_file": "calibration.json"}  # fmt: skip
    return write_request(folder, "RECOVERY.json", **(content | changes))
