"""Camera, collimator and energy windows as a file names them: what a calibration and a scan must have in common."""

from RNTDosimetryLib.images.dicom_tags import element_value

_WINDOWS = "EnergyWindowInformationSequence"


def setup_of(header) -> dict[str, str]:
    """Words about the camera in a DICOM header; what is not there is left out, and then cannot be compared."""
    maker, model = (_text(header, keyword) for keyword in ("Manufacturer", "ManufacturerModelName"))
    words = {
        "camera": " ".join(part for part in (maker, model) if part),
        "serial number": _text(header, "DeviceSerialNumber"),
        "collimator": _text(header, "DetectorInformationSequence[0].CollimatorGridName") or _text(header, "DetectorInformationSequence[0].CollimatorType"),
        "energy windows": ", ".join(_windows(header)),
    }
    return {key: value for key, value in words.items() if value}


def _windows(header) -> list[str]:
    """Limits of every window in keV, in the order of the file."""
    found = []
    for window in element_value(header, _WINDOWS) or []:
        for limits in window.get("EnergyWindowRangeSequence") or []:
            low, high = limits.get("EnergyWindowLowerLimit"), limits.get("EnergyWindowUpperLimit")
            if low not in (None, "") and high not in (None, ""):
                found.append(f"{low} to {high} keV")
    return found


def _text(header, path: str) -> str:
    value = element_value(header, path)
    return "" if value is None else " ".join(str(value).split())
