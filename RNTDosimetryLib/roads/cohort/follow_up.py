"""What became of the patients: a CSV with one row a patient."""

from dataclasses import dataclass, field
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.roads.cohort.files import read_table

_KEYS = ("patient", "study")
_TRUTH = {"1": 1, "yes": 1, "true": 1, "0": 0, "no": 0, "false": 0}


@dataclass(frozen=True)
class FollowUp:
    """One patient. months, event: together; response: 0 or 1; what is empty is None. covariates: numbers, groups: words, by column."""

    months: float | None = None
    event: int | None = None
    response: int | None = None
    covariates: dict[str, float] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)


def read_follow_up(path: str | Path) -> dict[str, FollowUp]:
    """By patient (or study). A column is one of numbers where every filled cell is one, else of words.

    Raises DosimetryError for a missing key, a patient twice, months without event, or values that are none.
    """
    rows, name = read_table(path, "a table of follow-up"), Path(path).name
    key = next((column for column in _KEYS if column in rows[0]), None)
    if key is None or (("months" in rows[0]) != ("event" in rows[0])):
        raise DosimetryError(
            f"Expected columns patient (or study), and months together with event, in {name}, received {', '.join(rows[0])}; name them so."
        )
    others = [column for column in rows[0] if column not in (*_KEYS, "months", "event", "response")]
    numeric = {column for column in others if all(_number(row[column]) is not None for row in rows if row[column])}
    found: dict[str, FollowUp] = {}
    for row in rows:
        patient = row[key]
        if not patient or patient in found:
            raise DosimetryError(
                f"Expected one row a patient in {name}, received '{patient}' {'twice' if patient else 'without a name'}; correct it."
            )
        months, event = _months(row.get("months", ""), patient, name), _truth(row.get("event", ""), "event", patient, name)
        if (months is None) != (event is None):
            raise DosimetryError(
                f"Expected months together with event for {patient} in {name}, received one of them; fill in the other or empty both."
            )
        found[patient] = FollowUp(
            months, event, _truth(row.get("response", ""), "response", patient, name),
            {column: number for column in others if column in numeric and (number := _number(row[column])) is not None},
            {column: row[column] for column in others if column not in numeric and row[column]},
        )  # fmt: skip
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _months(text: str, patient: str, name: str) -> float | None:
    value = _number(text) if text else None
    if text and (value is None or value < 0):
        raise DosimetryError(f"Expected months of zero or more for {patient} in {name}, received '{text}'; correct it.")
    return value


def _truth(text: str, what: str, patient: str, name: str) -> int | None:
    if text and text.lower() not in _TRUTH:
        raise DosimetryError(f"Expected {what} 0 or 1 for {patient} in {name}, received '{text}'; correct it or leave it empty.")
    return _TRUTH[text.lower()] if text else None
