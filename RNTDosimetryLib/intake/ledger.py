"""The ledger of an intake: every value goes through it, so that its source and every override are on record."""

from RNTDosimetryLib.base.checks import refuse_unknown_names
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.records import IntakeRow
from RNTDosimetryLib.intake.tags import Found

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
    "writer_times",
    "positron_fraction",
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
    "patient_sex",
    "ignore_series",
    "ignore",
    "time_points",
)
"""Overrides of the study as a whole."""

NOT_USED = "not used"
"""Status of a row about an override that had no effect."""

_ROWS_OF_KEYS = {
    "acquisition_start": "acquisition start",
    "unit": "unit",
    "decay_correction": "decay correction",
    "decay_reference_time": "decay reference",
    "duration_s": "acquisition duration",
    "calibration_cps_per_mbq": "calibration",
    "bq_per_count": "calibration",
    "calibration_uncertainty": "calibration uncertainty",
    "observed_rate_cps": "observed wide-spectrum rate",
    "value_scale": "value scale",
    "writer_times": "times of the writer",
    "positron_fraction": "positron fraction",
    "slice_order": "slice order",
    "ct_series": "CT",
}
"""The row that a series gets when the override took effect on it."""

_REASONS = {  # the row that tells why an override had no effect, and how to say it
    "calibration_cps_per_mbq": ("unit", "the values are in {}"),
    "bq_per_count": ("unit", "the values are in {}"),
    "observed_rate_cps": ("unit", "the calibration file was not applied to values in {}"),
    "decay_reference_time": ("decay correction", "the decay correction is {}"),
}


class Problems:
    """What is wrong, collected so that one refusal names all that is missing."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def attempt(self, step, *arguments):
        """What a step gives; None when it refuses, and then its sentence is kept."""
        try:
            return step(*arguments)
        except DosimetryError as error:
            if str(error) not in self.texts:
                self.texts.append(str(error))
            return None

    def raise_if_any(self) -> None:
        """Raises DosimetryError with every sentence."""
        if self.texts:
            raise DosimetryError(" Also: ".join(self.texts))


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
        for key in ("ignore_series", "ignore"):
            _check_ignored(self.overrides.get(key), key)
        typed = [self.overrides, *self.overrides.get("time_points", {}).values()]
        if calibration is None and any("observed_rate_cps" in values for values in typed):
            raise DosimetryError(
                "Expected observed_rate_cps with a calibration file that holds a dead time, received it without one; name the file."
            )

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

    def note_unused(self, scans) -> None:
        """A row and a warning for each override that had no effect. scans: of each time point the UID and the labels of its series."""
        levels = {"": self.overrides, **{str(key): values for key, values in self.overrides.get("time_points", {}).items()}}
        typed = {
            (level, key)
            for level, values in levels.items()
            for key, value in values.items()
            if key in SERIES_KEYS and value is not None
        }
        won: set[tuple[str, str]] = set()
        unused: dict[tuple[str, str], list[str]] = {}
        for number, (uid, labels) in enumerate(scans, start=1):
            for key, row in _ROWS_OF_KEYS.items():
                winner = [level for level in dict.fromkeys(("", uid.split("#")[0], str(number), uid)) if (level, key) in typed][
                    -1:
                ]
                if winner and self._row_of(labels, row, "override") is None:
                    unused.setdefault((winner[0], key), []).append(labels[0])
                won |= {(level, key) for level in winner}
        for (level, key), labels in unused.items():
            for label in labels:
                self.record(f"override {key}", levels[level][key], "", "", label, NOT_USED)
            more = f" and {len(labels) - 2} more" if len(labels) > 2 else ""
            said = warned("override_not_used", key=key, value=_text(levels[level][key]), reason=self._reason(key, labels[0]))
            self.warn(f"{' and '.join(labels[:2])}{more}: {said}")
        for level, key in sorted(typed - won - self._time_frame_keys_used(typed)):
            where = f"time point {level}" if level else "all series"
            why = (
                "another one was given for each scan it could hold for"
                if key in _ROWS_OF_KEYS
                else "it chose no time frames of a dynamic or gated series"
            )
            self.record(f"override {key}", levels[level][key], "", why, where, NOT_USED)
            said = warned("override_not_used", key=key, value=_text(levels[level][key]), reason=f": {why}")
            self.warn(f"{where}: {said}")

    def _time_frame_keys_used(self, typed) -> set[tuple[str, str]]:
        """Of the overrides for time frames, which stand for all series or under a UID, those that a row tells of."""
        used = {"time_frames": any(row.what == "time frames" and row.status == "override" for row in self.rows)}
        used["frame_durations_s"] = any(
            row.what.startswith("time frame") and "frame_durations_s" in row.source for row in self.rows
        )
        return {(level, key) for level, key in typed if used.get(key) and not level.isdecimal()}

    def _row_of(self, labels, what: str, status: str = "") -> IntakeRow | None:
        return next((row for row in self.rows if row.what == what and row.where in labels and status in ("", row.status)), None)

    def _reason(self, key: str, label: str) -> str:
        what, text = _REASONS.get(key, ("", ""))
        row = self._row_of((label,), what)
        return "" if row is None else ": " + text.format(row.value)

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


def relative_number(value, name: str) -> float:
    """A typed relative uncertainty, from 0 to below 1. Raises DosimetryError."""
    number = positive_number(value, name, zero_allowed=True)
    if number >= 1:
        raise DosimetryError(f"Expected a relative {name} below 1, received {number:g}; type 0.05 for 5 %.")
    return number


def _text(value) -> str:
    if hasattr(value, "isoformat"):
        return value.isoformat(sep=" ")
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def _check_ignored(uids, key: str) -> None:
    if uids is not None and not (isinstance(uids, (list, tuple, set, frozenset)) and all(isinstance(uid, str) for uid in uids)):
        raise DosimetryError(f"Expected a list of names for the override {key}, received {uids!r}; put the name in brackets.")


def _refuse_unknown(values, known, where: str) -> None:
    if not isinstance(values, dict):
        raise DosimetryError(f"Expected an object for {where}, received {values!r}; see docs/intake.md.")
    refuse_unknown_names(values, sorted(known), where)
