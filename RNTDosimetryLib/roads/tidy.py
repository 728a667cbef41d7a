"""The tidy table: one row a study, cycle and region, with units in the names and a dictionary of its columns."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.report import Column, Table, table_csv


def _column(unit: str, meaning: str, **default):
    return field(metadata={"unit": unit, "meaning": meaning}, **default)


@dataclass(frozen=True)
class RegionRow(Record):
    """One region of one cycle of one study. None: not known or not there, never 0.

    samples: the measured curve, (time in h, activity in MBq, its random uncertainty in MBq or None); not a column of the CSV.
    """

    study: str = _column("", "name of the study: its folder")
    region: str = _column("", "name of the region")
    patient: str = _column("", "patient, as named in the list of studies; else the name of the study", default="")
    cycle: int | None = _column("", "number of the cycle, from 1", default=None)
    kind: str = _column("", "organ, lesion or other", default="")
    site: str = _column("", "organ or site that the region belongs to", default="")
    nuclide: str = _column("", "nuclide of the therapy", default="")
    radiopharmaceutical: str = _column("", "as stated in the files", default="")
    administered_activity_mbq: float | None = _column("MBq", "administered activity", default=None)
    scans: int | None = _column("", "number of scans measured", default=None)
    volume_ml: float | None = _column("mL", "volume of the region", default=None)
    mass_g: float | None = _column("g", "mass of the region", default=None)
    recovery_coefficient: float | None = _column("", "measured over true concentration; 1 for no correction", default=None)
    tia_mbq_h: float | None = _column("MBq h", "time-integrated activity", default=None)
    tia_uncertainty_mbq_h: float | None = _column("MBq h", "its standard uncertainty (k = 1)", default=None)
    tia_coefficient_h: float | None = _column("h", "time-integrated activity over administered activity", default=None)
    effective_half_life_h: float | None = _column("h", "effective half-life of the last phase", default=None)
    effective_half_life_uncertainty_h: float | None = _column("h", "its standard uncertainty", default=None)
    model: str = _column("", "time-activity model", default="")
    dose_gy: float | None = _column("Gy", "absorbed dose: self-dose and photons from elsewhere", default=None)
    dose_uncertainty_gy: float | None = _column("Gy", "its standard uncertainty", default=None)
    dose_per_activity_gy_per_gbq: float | None = _column("Gy/GBq", "absorbed dose over administered activity", default=None)
    dose_per_activity_uncertainty_gy_per_gbq: float | None = _column(
        "Gy/GBq", "its standard uncertainty, without that of the administered activity", default=None
    )
    self_dose_gy: float | None = _column("Gy", "self-dose by the S value of a sphere of the mass", default=None)
    local_dose_gy: float | None = _column("Gy", "local deposition of electrons and alphas", default=None)
    map_mean_gy: float | None = _column("Gy", "mean of the dose map, without recovery correction", default=None)
    bed_gy: float | None = _column("Gy", "biologically effective dose, where its parameters were entered", default=None)
    eqd2_gy: float | None = _column("Gy", "the same as dose in fractions of 2 Gy", default=None)
    warnings: str = _column("", "warnings of the region, apart by |", default="")
    note: str = _column("", "why there is no dose, where there is none", default="")
    samples: tuple[tuple[float, float, float | None], ...] = ()


COLUMNS = tuple(item for item in fields(RegionRow) if item.metadata)


def tidy_table(rows: Iterable[RegionRow]) -> Table:
    """The rows with the names of the fields as headings."""
    return Table(
        "",
        tuple(Column(item.name, align="left" if item.type in ("str", str) else "right") for item in COLUMNS),
        tuple(tuple(_cell(getattr(row, item.name)) for item in COLUMNS) for row in rows),
    )


def _cell(value):
    return None if value == "" else value


def tidy_csv(rows: Iterable[RegionRow]) -> str:
    """cohort.csv, or results.csv of one study: names of columns as in ``RegionRow``, CRLF, empty where there is no value."""
    return table_csv(tidy_table(rows))


def data_dictionary() -> dict[str, dict[str, str]]:
    """Unit and meaning of every column, by name."""
    return {item.name: {"unit": item.metadata["unit"], "meaning": item.metadata["meaning"]} for item in COLUMNS}


def dictionary_table() -> Table:
    rows = tuple((item.name, item.metadata["unit"] or None, item.metadata["meaning"]) for item in COLUMNS)
    return Table(
        "Columns of cohort.csv and results.csv", tuple(Column(name, align="left") for name in ("Column", "Unit", "Meaning")), rows
    )
