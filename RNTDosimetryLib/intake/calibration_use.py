"""A calibration file over the series of one folder: which of them it makes Bq/mL, and which it must leave alone."""

import math
from dataclasses import dataclass, field
from datetime import datetime

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.camera.calibration import Calibration, check_calibration
from RNTDosimetryLib.intake.ledger import positive_number
from RNTDosimetryLib.intake.tags import element_value
from RNTDosimetryLib.intake.units import unit_meaning

_COUNTS_WITHOUT_A_FACTOR = ("propcnts",)


@dataclass
class CalibrationUse:
    """One calibration while one folder is read. setup: typed words about the scans, before those of the files.

    calibrated, kept: names of the series that it was applied to, and of those that came in Bq/mL or with a typed calibration.
    """

    calibration: Calibration
    setup: dict[str, str] = field(default_factory=dict)
    calibrated: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def completed(self, overrides: dict, unit: str | None, header, nuclide: str, start: datetime, ledger, where: str) -> dict:
        """The overrides of a series with the sensitivity and its uncertainty when its values are counts.

        unit: of the file, None when it names none; a typed one wins. A series in Bq/mL or SUV, or with a calibration of its own
        typed, keeps that: a second one would be silent and wrong. An observed_rate_cps among the overrides, the wide-spectrum rate of the scan,
        corrects for the dead time of the calibration: the sensitivity falls by true over observed counts. Raises DosimetryError for another nuclide or setup.
        """
        name = overrides.get("unit") or unit
        reason = _kept_because(overrides, name)
        if reason:
            self.kept.append(where)
            unused = "" if overrides.get("observed_rate_cps") is None else "; observed_rate_cps was not used either"
            ledger.warn(f"{where}: {reason}{unused}")
            return overrides
        if name is not None and not _is_counts(str(name)):
            return overrides
        words = setup_of(header) | self.setup
        for text in check_calibration(self.calibration, nuclide, words, start):
            ledger.warn(f"{where}: {text}")
        unknown = [key for key in self.calibration.setup if key not in words]
        if unknown:
            ledger.warn(f"{where}: {warned('calibration_not_comparable', names=', '.join(unknown))}")
        if name is None:
            ledger.warn(f"{where}: {warned('counts_because_of_calibration')}")
        self.calibrated.append(where)
        measured = "" if self.calibration.measured is None else f" of {self.calibration.measured.isoformat(sep=' ')}"
        ledger.record("calibration file", f"{self.calibration.kind} calibration{measured}", "", "", where, "override")
        factor, dead_part = self._dead_time(overrides.get("observed_rate_cps"), ledger, where)
        given = {"calibration_cps_per_mbq": self.calibration.sensitivity_cps_per_mbq / factor}
        relative = self.calibration.relative_uncertainty
        if relative is not None and overrides.get("calibration_uncertainty") is None:
            given["calibration_uncertainty"] = math.hypot(relative, dead_part)
        return {**overrides, **given}

    def _dead_time(self, observed_rate_cps, ledger, where: str) -> tuple[float, float]:
        """True over observed counts at the typed wide-spectrum rate, and its relative uncertainty, which is 0 with a warning when not known."""
        dead_time = self.calibration.dead_time
        if observed_rate_cps is None:
            if dead_time is not None:
                ledger.warn(f"{where}: {warned('dead_time_not_applied')}")
            return 1.0, 0.0
        if dead_time is None:
            raise DosimetryError(
                f"Expected a calibration file with a dead time for the observed_rate_cps of {where}, received one without; calibrate with dead_time, or leave it out."
            )
        found = dead_time.factor(positive_number(observed_rate_cps, f"observed_rate_cps of {where}"))
        ledger.record("observed wide-spectrum rate", found.observed_wide_cps, "cps", "", where, "override")
        ledger.record(
            "dead-time factor",
            found.factor,
            "",
            f"{found.model} dead time of {found.dead_time_s:.3g} s, calibration file",
            where,
            "derived",
        )
        for text in found.warnings:
            ledger.warn(f"{where}: {text}")
        if found.relative_uncertainty is None:
            ledger.warn(f"{where}: {warned('dead_time_uncertainty_missing')}")
        return found.factor, found.relative_uncertainty or 0.0

    def check_used(self) -> None:
        """Raises DosimetryError when no series was in counts: the file would be named in vain, or the unit is wrong."""
        if not self.calibrated:
            raise DosimetryError(
                f"Expected a series in counts for the calibration file, received {', '.join(self.kept) or 'none'} with a calibration of its own; "
                "take calibration_file out of the study, or type the override unit CNTS."
            )


def _kept_because(overrides: dict, name: str | None) -> str:
    """Why a series keeps a calibration of its own, in words; "" when it has none."""
    if any(overrides.get(key) is not None for key in ("calibration_cps_per_mbq", "bq_per_count")):
        return "the calibration typed for it was used, not the calibration file"
    if name is not None and not _is_counts(str(name)) and unit_meaning(str(name)).kind in ("concentration", "suv"):
        return (
            f"its values are in {name}, so the calibration file was not applied to it; type the override unit if they are counts"
        )
    return ""


def _is_counts(name: str) -> bool:
    return unit_meaning(name).kind in ("counts", "count_rate") or "".join(name.lower().split()) in _COUNTS_WITHOUT_A_FACTOR


_WINDOWS = "EnergyWindowInformationSequence"


def setup_of(header) -> dict[str, str]:
    """Words about the camera in a DICOM header; what is not there is left out, and then cannot be compared."""
    maker, model = (_text(header, keyword) for keyword in ("Manufacturer", "ManufacturerModelName"))
    words = {
        "camera": " ".join(part for part in (maker, model) if part),
        "serial number": _text(header, "DeviceSerialNumber"),
        "collimator": _text(header, "DetectorInformationSequence[0].CollimatorGridName")
        or _text(header, "DetectorInformationSequence[0].CollimatorType"),
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
