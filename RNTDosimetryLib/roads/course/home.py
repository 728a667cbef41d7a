"""The way home in a course: retention, dose rate and contacts of the last cycle."""

from collections.abc import Sequence

from RNTDosimetryLib.base.checks import one_of, positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.course import (
    DoseRate,
    Retention,
    contact_dose_msv,
    detectable_days,
    measured_dose_rate,
    occupancy,
    physical_retention,
    predicted_dose_rate,
    restriction_days,
    retention_from_readings,
)
from RNTDosimetryLib.course.discharge import contact_of, discharge_data
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads.course.entries import DischargeEntry
from RNTDosimetryLib.roads.course.reading import ReadCycle
from RNTDosimetryLib.roads.course.result import ContactOutcome, Discharge


def way_home(entry: DischargeEntry, cycles: Sequence[ReadCycle]) -> tuple[Discharge, list[str]]:
    """Restriction days and travel letter of the last cycle, and what was doubtful. Raises DosimetryError for what is missing."""
    last = cycles[-1] if cycles else None
    nuclide = entry.nuclide or (last.nuclide if last else "")
    activity = entry.activity_mbq or (last.activity_mbq if last else None)
    for name, value in (("nuclide", nuclide), ("activity_mbq", activity)):
        if not value:
            raise DosimetryError(f"Expected {name} of the discharge, as the last cycle names none, received none; enter it.")
    nuclide, activity = get_nuclide(nuclide).name, positive_number(activity, "activity_mbq of the discharge")
    warnings: list[str] = []
    retention = _retention(entry, nuclide, last, warnings)
    rate = _dose_rate(entry, nuclide, activity, retention)
    release_d = entry.release_h / 24
    data = discharge_data()
    clearance = entry.clearance_mbq or data["detectable_mbq"]["value"]
    return Discharge(
        nuclide=nuclide,
        activity_mbq=activity,
        release_h=entry.release_h,
        dose_rate_usv_h=rate.usv_h,
        dose_rate_low_usv_h=rate.low_usv_h,
        dose_rate_high_usv_h=rate.high_usv_h,
        dose_rate_measured=rate.measured,
        dose_rate_source=rate.source,
        dose_rate_at_release_usv_h=rate.usv_h * retention.at(release_d),
        activity_at_release_mbq=activity * retention.at(release_d),
        retention_shares=retention.shares,
        retention_rates_per_d=retention.rates_per_d,
        retention_source=retention.source,
        distance_law=entry.distance_law,
        contacts=_contacts(entry, rate, retention, release_d, warnings),
        references_usv_h={name: item["value"] for name, item in data["reference_dose_rate_usv_h_at_1_m"].items()},
        detectable_mbq=clearance,
        detectable_days=detectable_days(activity, retention, clearance),
        contact_line=entry.contact_line,
    ), warnings


def _retention(entry: DischargeEntry, nuclide: str, last: ReadCycle | None, warnings: list[str]) -> Retention:
    if entry.shares:
        return Retention(entry.shares, entry.rates_per_d)
    if entry.readings_h:
        return retention_from_readings(entry.readings_h, entry.readings_usv_h, nuclide, "dose rates at 1 m")
    if entry.whole_body_h:
        return retention_from_readings(entry.whole_body_h, entry.whole_body_mbq, nuclide, "whole-body activities")
    if entry.from_images:
        if last is None or last.result is None or not last.result.balances:
            raise DosimetryError("Expected a last cycle with results for from_images, received none; enter readings or shares.")
        warnings.append(warned("discharge_images_part"))
        balances = last.result.balances
        return retention_from_readings(
            [item.start_h for item in balances], [item.image_mbq for item in balances], nuclide, "images of the last run"
        )
    warnings.append(warned("discharge_retention_bound"))
    return physical_retention(nuclide)


def _dose_rate(entry: DischargeEntry, nuclide: str, activity_mbq: float, retention: Retention) -> DoseRate:
    """A measured dose rate wins over a predicted one."""
    if entry.readings_h:
        return measured_dose_rate(entry.readings_usv_h[0], entry.readings_h[0], retention)
    return predicted_dose_rate(nuclide, activity_mbq)


def _contacts(
    entry: DischargeEntry, rate: DoseRate, retention: Retention, release_d: float, warnings: list[str]
) -> tuple[ContactOutcome, ...]:
    countries = discharge_data()["constraints_msv"]
    found = []
    for name, entered in (entry.contacts or dict.fromkeys(discharge_data()["contacts"])).items():
        if entered is None:
            warnings.append(warned("discharge_assumed_contact", name=name))
        contact = contact_of(name, None if entered is None else entered.to_dict())
        constraint = contact.get("constraint_msv")
        if constraint is None:
            one_of(
                entry.country,
                countries,
                "the country of the discharge",
                "choose one of them, or enter constraint_msv of each contact",
            )
            one_of(contact["constraint"], countries[entry.country], "the constraint of a contact")
            constraint = countries[entry.country][contact["constraint"]]["value"]
        ordinary, restricted = (
            occupancy(contact[f"{kind}_h_per_day_at_m"], entry.distance_law) for kind in ("ordinary", "restricted")
        )
        days = restriction_days(rate.usv_h, retention, release_d, restricted, ordinary, constraint)
        if days is None:
            warnings.append(warned("discharge_no_time", name=name, constraint=constraint))
        without = contact_dose_msv(rate.usv_h, retention, release_d, release_d, restricted, ordinary)
        found.append(ContactOutcome(name, constraint, without, days, contact.get("source", "entered")))
    return tuple(found)
