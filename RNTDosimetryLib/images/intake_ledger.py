"""The ledger of an intake: every value goes through it, so that its source and every override are on record."""

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images.dicom_tags import Found
from RNTDosimetryLib.images.intake_records import IntakeRow

SERIES_KEYS = (
    "acquisition_start",
    "unit",
    "decay_correction",
    "decay_reference_time",
    "duration_s",
    "calibration_cps_per_mbq",
    "bq_per_count",
    "calibration_uncertainty",
    "observed_rate_cps",
    "value_scale",
    "slice_order",
    "ct_series",
    "time_frames",
    "frame_durations_s",
)
"""Overrides that may be given for all time points or for one."""

STUDY_KEYS = (
    "administration_time",
    "injected_activity_mbq",
    "residual_activity_mbq",
    "nuclide",
    "radiopharmaceutical",
    "patient_weight_kg",
    "patient_height_m",
    "ignore_series",
    "time_points",
)
"""Overrides of the study as a whole."""


class Ledger:
    """Rows and warnings as they come. One ledger lives as long as one intake and becomes tuples at its end."""

    def __init__(self, overrides: dict | None, calibration=None):
        self.overrides = dict(overrides or {})
        self.calibration = calibration
        self.rows: list[IntakeRow] = []
        self.warnings: list[str] = []
        _refuse_unknown(self.overrides, SERIES_KEYS + STUDY_KEYS, "the overrides")
        for key, values in self.overrides.get("time_points", {}).items():
            _refuse_unknown(values, SERIES_KEYS, f"the overrides of time point {key}")
        typed = [self.overrides, *self.overrides.get("time_points", {}).values()]
        if calibration is None and any("observed_rate_cps" in values for values in typed):
            raise DosimetryError("Expected observed_rate_cps with a calibration file that holds a dead time, received it without one; name the file.")

    def series_overrides(self, uid: str, number: int, whole: bool = False) -> dict:
        """Overrides of one series: those for all, then those under the UID of a dynamic series for its frame ("#1"), those under its number
        (1-based), then those under its own UID. An acquisition_start of the whole dynamic series (or, for ``whole``, any) comes as series_start."""
        merged = {key: value for key, value in self.overrides.items() if key in SERIES_KEYS}
        points = self.overrides.get("time_points", {})
        base = uid.split("#")[0]
        merged |= points.get(base, {}) if base != uid else {}
        if base != uid and "acquisition_start" in merged:
            merged["series_start"] = merged.pop("acquisition_start")
        merged |= {**points.get(str(number), {}), **points.get(uid, {})}
        if whole and "acquisition_start" in merged:
            merged["series_start"] = merged.pop("acquisition_start")
        return merged

    def check_time_point_keys(self, uids) -> None:
        """Refuse overrides for a time point that is not there."""
        known = set(uids) | {uid.split("#")[0] for uid in uids} | {str(number + 1) for number in range(len(uids))}
        for key in self.overrides.get("time_points", {}):
            if str(key) not in known:
                raise DosimetryError(
                    f"Expected overrides for a series UID or a number from 1 to {len(uids)}, received time point '{key}'; correct the study file."
                )

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def record(
        self, what: str, value, unit: str = "", source: str = "", where: str = "", status: str = "read", read_value: str = ""
    ) -> None:
        self.rows.append(IntakeRow(what, _text(value), unit, source, where, status, read_value))

    def settle(self, what: str, unit: str, found: Found | None, override, where: str):
        """The value to use: the override when there is one, else what was found; None when neither. Recorded either way."""
        if override is not None:
            read_value = _text(found.value) if found is not None else "nothing"
            source = found.source if found is not None else ""
            self.record(what, override, unit, source, where, "override", read_value)
            return override
        if found is None:
            return None
        self.record(what, found.value, unit, found.source, where)
        if found.note:
            self.warn(f"{where}: {found.note}")
        return found.value


def positive_number(value, name: str, zero_allowed: bool = False) -> float:
    """A typed number above zero (or zero, when allowed). Raises DosimetryError."""
    good = (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and 0 <= value < float("inf")
        and (zero_allowed or value > 0)
    )
    if not good:
        raise DosimetryError(
            f"Expected a {'non-negative' if zero_allowed else 'positive'} number for the override {name}, received {value!r}."
        )
    return float(value)


def _text(value) -> str:
    if hasattr(value, "isoformat"):
        return value.isoformat(sep=" ")
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def _refuse_unknown(values, known, where: str) -> None:
    if not isinstance(values, dict):
        raise DosimetryError(f"Expected an object for {where}, received {values!r}; see docs/intake.md.")
    unknown = sorted(str(key) for key in values if key not in known)
    if unknown:
        raise DosimetryError(
            f"Expected in {where} only {', '.join(sorted(known))}, received {', '.join(unknown)}; correct the name."
        )
