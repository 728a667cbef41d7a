"""A calibration file over the series of one folder: which of them it makes Bq/mL, and which it must leave alone."""

from dataclasses import dataclass, field
from datetime import datetime

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images.calibration import Calibration, check_calibration
from RNTDosimetryLib.images.camera_setup import setup_of
from RNTDosimetryLib.images.quantification import unit_meaning

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
        typed, keeps that: a second one would be silent and wrong. Raises DosimetryError for another nuclide or setup.
        """
        name = overrides.get("unit") or unit
        if any(overrides.get(key) is not None for key in ("calibration_cps_per_mbq", "bq_per_count")):
            self.kept.append(where)
            ledger.warn(f"{where}: the calibration typed for it was used, not the calibration file")
            return overrides
        if name is not None and not _is_counts(str(name)):
            if unit_meaning(str(name)).kind in ("concentration", "suv"):
                self.kept.append(where)
                ledger.warn(f"{where}: its values are in {name}, so the calibration file was not applied to it; type the override unit if they are counts")
            return overrides
        warnings = check_calibration(self.calibration, nuclide, setup_of(header) | self.setup, start)
        for text in warnings:
            ledger.warn(f"{where}: {text}")
        if name is None:
            ledger.warn(f"{where}: no unit in the file; its values were taken for counts, because there is a calibration file")
        self.calibrated.append(where)
        measured = "" if self.calibration.measured is None else f" of {self.calibration.measured.isoformat(sep=' ')}"
        ledger.record("calibration file", f"{self.calibration.kind} calibration{measured}", "", "", where, "override")
        given = {"calibration_cps_per_mbq": self.calibration.sensitivity_cps_per_mbq}
        if self.calibration.relative_uncertainty is not None and overrides.get("calibration_uncertainty") is None:
            given["calibration_uncertainty"] = self.calibration.relative_uncertainty
        return {**overrides, **given}

    def check_used(self) -> None:
        """Raises DosimetryError when no series was in counts: the file would be named in vain, or the unit is wrong."""
        if not self.calibrated:
            raise DosimetryError(
                f"Expected a series in counts for the calibration file, received {', '.join(self.kept) or 'none'} with a calibration of its own; "
                "take calibration_file out of the study, or type the override unit CNTS."
            )


def _is_counts(name: str) -> bool:
    return unit_meaning(name).kind in ("counts", "count_rate") or "".join(name.lower().split()) in _COUNTS_WITHOUT_A_FACTOR
