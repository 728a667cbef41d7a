"""What was given, when and to whom: read from the activity series, checked for contradictions, overridden by the study file."""

import hashlib
import math
import re
from datetime import datetime

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.intake.clock import met
from RNTDosimetryLib.intake.ledger import Ledger, Problems, positive_number
from RNTDosimetryLib.intake.records import Administration, Patient
from RNTDosimetryLib.intake.series import found_unless
from RNTDosimetryLib.intake.tags import Found, element_value, seconds_between
from RNTDosimetryLib.intake.units import nuclide_from_half_life, nuclide_from_text

SMALLEST_ACTIVITY_MBQ, LARGEST_ACTIVITY_MBQ = 0.05, 100_000.0
"""Outside this range an administered activity is taken for one in the wrong unit (MBq in NM, Bq in PT)."""

BELIEVABLE = {"patient_weight_kg": (0.5, 400.0), "patient_height_m": (0.2, 2.6)}
"""Outside these a number is one in another unit, or a placeholder."""

_TIMES_AGREE_S = 60.0
_ACTIVITIES_AGREE = 0.01
_HALF_LIVES_AGREE = 0.01
_NUMBERS_AGREE = 1e-3
_SEXES = ("M", "F")


def read_administration(series_list, ledger: Ledger, problems: Problems) -> Administration | None:
    """Administration of all activity series together. What is missing or contradicts goes to ``problems``; None then."""
    before = len(problems.texts)
    nuclide = problems.attempt(_read_nuclide, series_list, ledger)
    if nuclide is not None:
        problems.attempt(_check_half_lives, series_list, nuclide, ledger)
    time = problems.attempt(_read_time, series_list, ledger)
    injected = problems.attempt(_read_injected, series_list, ledger)
    residual = 0.0 if injected is None else problems.attempt(_read_residual, ledger, injected)
    pharmaceutical = _agreed(series_list, "radiopharmaceutical", ledger)
    settled = ledger.settle(
        "radiopharmaceutical", "", pharmaceutical[0], ledger.overrides.get("radiopharmaceutical"), pharmaceutical[1]
    )
    if len(problems.texts) > before:
        return None
    return Administration(time, nuclide, str(settled or ""), injected, residual)


def read_patient(all_series, ledger: Ledger) -> Patient:
    """The patient of every series. Raises DosimetryError when the folder mixes patients."""
    identities: dict[str, str] = {}
    for series in all_series:
        found = series.find("patient_id")
        if found is not None:
            identities.setdefault(str(found.value), series.label)
    if len(identities) > 1:
        raise DosimetryError(
            f"Expected the files of one patient, received {len(identities)} different patient IDs, in {' and '.join(list(identities.values())[:2])}; "
            "put each patient in a folder of its own."
        )
    _check_same_person(all_series, ledger)
    if not identities:
        ledger.warn(warned("no_patient_id"))
    id_hash = hashlib.sha256("".join(identities).encode()).hexdigest()[:16] if identities else ""
    ledger.record("patient ID", id_hash or "none", "", "(0010,0020) Patient ID, SHA-256", "all series", "derived")
    weight = _patient_number(all_series, "patient_weight_kg", "kg", ledger)
    height = _patient_number(all_series, "patient_height_m", "m", ledger)
    entered_sex = ledger.overrides.get("patient_sex")
    if entered_sex not in (None, *_SEXES):
        raise DosimetryError(f"Expected patient_sex {' or '.join(_SEXES)}, received {entered_sex!r}; correct it.")
    found, where = _agreed(all_series, "patient_sex", ledger, entered_sex)
    sex = ledger.settle("patient sex", "", found, entered_sex, where)
    return Patient(id_hash, weight, height, "" if sex is None else str(sex))


def _check_same_person(all_series, ledger: Ledger) -> None:
    """Names and birth dates are compared as hashes; none of them is kept or shown.

    Both different: two persons under one ID, refused as two IDs are. One different is a warning: names are spelled, married and shortened,
    birth dates are corrected and shifted by those who make files anonymous, and a refusal would keep out many sound folders.
    """
    differing = [
        (words, labels)
        for words, labels in (
            ("patient names", _labels_by_hash(all_series, lambda header: _spelling(header.get("PatientName")))),
            ("birth dates", _labels_by_hash(all_series, lambda header: str(header.get("PatientBirthDate") or "").strip())),
        )
        if len(labels) > 1
    ]
    if len(differing) == 2:
        raise DosimetryError(
            f"Expected the files of one patient, received different names and birth dates under one patient ID, in {' and '.join(differing[0][1][:2])}; "
            "put each patient in a folder of its own."
        )
    for words, labels in differing:
        ledger.warn(warned("persons_differ", words=words, where=" and ".join(labels[:2])))


def _labels_by_hash(all_series, text_of) -> list[str]:
    """Label of the first series of each different text, without those that have none."""
    first: dict[str, str] = {}
    for series in all_series:
        text = text_of(series.header)
        if text:
            first.setdefault(hashlib.sha256(text.encode()).hexdigest(), series.label)
    return list(first.values())


def _spelling(name) -> str:
    """A name without case, order and marks: the same person is written DOE^JANE and Doe Jane."""
    alphabetic = str(name or "").split("=")[0]
    return " ".join(sorted(re.findall(r"\w+", alphabetic.casefold())))


def half_life_in_file_s(series) -> float | None:
    """Half-life that the writer of the series used, in seconds."""
    found = series.find("half_life_s")
    return None if found is None or found.value <= 0 else float(found.value)


def nuclide_in_file(series) -> str | None:
    """Name of the nuclide that a series states; None where it states none that is known by its name."""
    return _nuclide_of(series)[1]


def _read_nuclide(series_list, ledger: Ledger) -> str:
    from RNTDosimetryLib.nuclides import get_nuclide

    typed = ledger.overrides.get("nuclide")
    names: dict[str, tuple] = {}
    for series in series_list:
        items = series.header.get("RadiopharmaceuticalInformationSequence") or []
        if len(items) > 1 and typed is None:
            if any(_injection(item) != _injection(items[0]) for item in items[1:]):
                raise DosimetryError(
                    f"Expected one radiopharmaceutical in {series.label}, received {len(items)}: two nuclides or two injections "
                    "are not evaluated together; type nuclide, administration_time and injected_activity_mbq as overrides."
                )
            ledger.warn(warned("injection_written_twice", where=series.label, count=len(items)))
        found, name = _nuclide_of(series)
        half_life = None if typed is not None else half_life_in_file_s(series)
        if name is None and found is not None and half_life is not None:
            name = nuclide_from_half_life(str(found.value), half_life)
            if name is not None and typed is None:
                ledger.warn(warned("nuclide_by_half_life", where=series.label, text=found.value, nuclide=name, seconds=half_life))
        if name is not None:
            names.setdefault(name, (found, series.label))
    if len(names) > 1 and typed is None:
        listed = " and ".join(f"{name} in {where}" for name, (_, where) in names.items())
        raise DosimetryError(f"Expected one nuclide, received {listed}; move one of them away or name it in ignore_series.")
    if not names and typed is None:
        raise DosimetryError(
            "Expected the nuclide in Radiopharmaceutical Information of the SPECT, received none; type the override nuclide."
        )
    name, (found, where) = next(iter(names.items()), (None, (None, "all series")))
    used = get_nuclide(str(typed) if typed is not None else name).name
    if found is not None:
        found = Found(name if str(found.value) == name else f"{name} ({found.value})", found.source)
    ledger.settle("nuclide", "", found, typed, where)
    return used


def _injection(item) -> tuple[str, ...]:
    """What tells one injection from another, to find items that only repeat it (one for each energy window)."""
    paths = (
        "RadionuclideCodeSequence[0].CodeValue",
        "Radiopharmaceutical",
        "RadiopharmaceuticalStartDateTime",
        "RadionuclideTotalDose",
    )
    return tuple(str(element_value(item, path)) for path in paths)


def _nuclide_of(series):
    found = series.find("nuclide")
    name = nuclide_from_text(str(found.value)) if found is not None else None
    if name is None:
        for quantity in ("nuclide_meaning", "radiopharmaceutical"):
            other = series.find(quantity)
            name = nuclide_from_text(str(other.value)) if other is not None else None
            if name is not None:
                return other, name
    return found, name


def _check_half_lives(series_list, nuclide: str, ledger: Ledger) -> None:
    from RNTDosimetryLib.nuclides import get_nuclide

    expected = get_nuclide(nuclide).half_life_h * 3600.0
    entered = ledger.overrides.get("nuclide")
    for series in series_list:
        found = found_unless(series, "half_life_s", entered)
        if found is None:
            continue
        deviation = found.value / expected - 1.0
        if abs(deviation) > _HALF_LIVES_AGREE:
            if entered is None:
                raise DosimetryError(
                    f"Expected the half-life of {nuclide} {expected:.0f} s, received {found.value:.0f} s in {series.label}; type the override nuclide when the file is wrong."
                )
            ledger.warn(
                warned(
                    "half_life_of_another_nuclide", nuclide=nuclide, expected=expected, received=found.value, where=series.label
                )
            )
        ledger.record("half-life in file", float(found.value), "s", found.source, series.label)


def _read_time(series_list, ledger: Ledger) -> datetime:
    override = ledger.overrides.get("administration_time")
    entries = [
        (found, series) for series in series_list if (found := found_unless(series, "administration_time", override)) is not None
    ]
    typed = None
    if override is not None:
        written = (
            [found_unless(series, "acquisition_start", override) for series in series_list] if not entries else [entries[0][0]]
        )
        other = next((found.value for found in written if found is not None), None)
        typed = met(override, "administration_time", other, ledger, "administration")
    if typed is None and not entries:
        clock = next((series for series in series_list if series.find("administration_clock_time") is not None), None)
        if clock is not None:
            raise DosimetryError(
                f"Expected a date and time of administration, received a time of day without a date in {clock.label}; "
                "type the override administration_time with its date."
            )
        raise DosimetryError(
            "Expected the time of administration in Radiopharmaceutical Start DateTime of the SPECT, received none; "
            "type the override administration_time."
        )
    if typed is None:
        for found, series in entries[1:]:
            if abs(seconds_between(entries[0][0].value, found.value)) > _TIMES_AGREE_S:
                raise DosimetryError(
                    f"Expected one time of administration, received {entries[0][0].value} in {entries[0][1].label} and {found.value} "
                    f"in {series.label}; type the override administration_time."
                )
    found, where = (entries[0][0], entries[0][1].label) if entries else (None, "all series")
    return ledger.settle("administration time", "", found, typed, where)


def _read_injected(series_list, ledger: Ledger) -> float:
    override = ledger.overrides.get("injected_activity_mbq")
    typed = None if override is None else positive_number(override, "injected_activity_mbq")
    entries = [
        (found, series)
        for series in series_list
        if (found := found_unless(series, "injected_activity_mbq", override)) is not None and found.value != 0
    ]
    if typed is None and not entries:
        raise DosimetryError(
            "Expected the injected activity in Radionuclide Total Dose of the SPECT, received none; type the override injected_activity_mbq."
        )
    if typed is None:
        for found, series in entries:
            if not SMALLEST_ACTIVITY_MBQ <= found.value <= LARGEST_ACTIVITY_MBQ:
                unit = "MBq in NM" if series.header.get("Modality") == "NM" else "Bq in PT"
                raise DosimetryError(
                    f"Expected a Radionuclide Total Dose (in {unit} objects) of {SMALLEST_ACTIVITY_MBQ:g} to {LARGEST_ACTIVITY_MBQ:g} MBq, received "
                    f"{found.value:g} MBq in {series.label}; the file uses another unit: type the override injected_activity_mbq."
                )
            if not math.isclose(found.value, entries[0][0].value, rel_tol=_ACTIVITIES_AGREE):
                raise DosimetryError(
                    f"Expected one injected activity, received {entries[0][0].value:g} MBq in {entries[0][1].label} and {found.value:g} MBq "
                    f"in {series.label}; type the override injected_activity_mbq."
                )
    elif not SMALLEST_ACTIVITY_MBQ <= typed <= LARGEST_ACTIVITY_MBQ:
        raise DosimetryError(
            f"Expected injected_activity_mbq between {SMALLEST_ACTIVITY_MBQ:g} and {LARGEST_ACTIVITY_MBQ:g} MBq, received {typed:g}; check the unit."
        )
    found, where = (entries[0][0], entries[0][1].label) if entries else (None, "all series")
    return float(ledger.settle("injected activity", "MBq", found, typed, where))


def _read_residual(ledger: Ledger, injected: float) -> float:
    override = ledger.overrides.get("residual_activity_mbq")
    if override is None:
        return 0.0
    residual = positive_number(override, "residual_activity_mbq", zero_allowed=True)
    if residual >= injected:
        raise DosimetryError(
            f"Expected a residual activity below the injected {injected:g} MBq, received {residual:g} MBq; check both."
        )
    ledger.settle("residual activity", "MBq", None, residual, "all series")
    ledger.record("net activity", injected - residual, "MBq", "injected - residual", "all series", "derived")
    return residual


def _agreed(series_list, quantity: str, ledger: Ledger, entered=None):
    """First value of a quantity and its series; a warning when another series says something else."""
    first, where = None, "all series"
    for series in series_list:
        found = found_unless(series, quantity, entered)
        if found is None:
            continue
        if first is None:
            first, where = found, series.label
        elif not _same_value(found.value, first.value):
            ledger.warn(
                warned(
                    "series_disagree",
                    quantity=quantity.replace("_", " "),
                    first=first.value,
                    where=where,
                    other=found.value,
                    there=series.label,
                )
            )
    return first, where


def _same_value(one, other) -> bool:
    """Numbers that writers keep with more or fewer digits (decimal text, 32-bit floating point) are one number."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_NUMBERS_AGREE)
    return str(one) == str(other)


def _patient_number(all_series, quantity: str, unit: str, ledger: Ledger) -> float | None:
    override, limits = ledger.overrides.get(quantity), BELIEVABLE[quantity]
    found, where = _agreed(all_series, quantity, ledger, override)
    typed = None if override is None else positive_number(override, quantity)
    if typed is None and found is not None and not limits[0] <= found.value <= limits[1]:
        ledger.warn(warned("patient_number_not_believable", quantity=quantity, value=found.value, unit=unit, where=where))
        return None
    return ledger.settle(quantity.rsplit("_", 1)[0].replace("_", " "), unit, found, typed, where)
