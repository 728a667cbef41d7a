"""The user's own S values: a table of target, source and S, with the masses it was made for."""

import csv
from dataclasses import dataclass
from pathlib import Path

from RNTDosimetryLib.base.checks import non_negative_number, positive_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.dose.units import GY_G_PER_MBQ_H_MEV, GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S

COLUMNS = ("target", "source", "s_mgy_per_mbq_s", "reference_mass_g")


@dataclass(frozen=True)
class SValue(Record):
    """One S value in mGy/(MBq*s): dose to ``target`` per decay in ``source``. reference_mass_g: the target's in the phantom."""

    target: str
    source: str
    s_mgy_per_mbq_s: float
    reference_mass_g: float

    def __post_init__(self):
        where = f"S({self.target} <- {self.source})"
        non_negative_number(self.s_mgy_per_mbq_s, f"{where} in mGy/(MBq*s)", "correct the table")
        positive_number(self.reference_mass_g, f"reference mass in g of {where}", "correct the table")


@dataclass(frozen=True)
class STable(Record):
    """S values of one nuclide in one phantom. Raises DosimetryError when a pair occurs twice."""

    nuclide: str
    name: str
    values: tuple[SValue, ...]

    def __post_init__(self):
        if not isinstance(self.values, tuple) or not all(isinstance(row, SValue) for row in self.values):
            raise DosimetryError(f"Expected a tuple of SValue rows in the S table '{self.name}', received {shown(self.values)}; correct it.")
        pairs = [(row.target, row.source) for row in self.values]
        twice = sorted({pair for pair in pairs if pairs.count(pair) > 1})
        if not pairs or twice:
            what = f"the pair {twice[0]} twice" if twice else "no row"
            raise DosimetryError(f"Expected each target and source once in the S table '{self.name}', received {what}; correct the table.")

    def find(self, target: str, source: str) -> SValue:
        """The row of a pair; DosimetryError that names the known regions when there is none."""
        for row in self.values:
            if (row.target, row.source) == (target, source):
                return row
        known = sorted({row.target for row in self.values} | {row.source for row in self.values})
        raise DosimetryError(f"Expected S({target} <- {source}) in the S table '{self.name}', found none; it knows {', '.join(known)}.")


def read_s_table(path, nuclide: str) -> STable:
    """S table from a CSV file with the columns target, source, s_mgy_per_mbq_s, reference_mass_g.

    Lines that start with # are notes. Raises DosimetryError for a missing file or column and for values that are not numbers.
    """
    if not isinstance(path, (str, Path)) or not Path(path).is_file():
        raise DosimetryError(f"Expected an S table at {shown(path)}, found no file; check the path.")
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DosimetryError(f"Expected a CSV text file in UTF-8 at {path}, received another kind; save the table as CSV.") from error
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    reader = csv.DictReader(lines)
    columns = [name.strip().lower() for name in reader.fieldnames or ()]
    reader.fieldnames = columns
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise DosimetryError(f"Expected the columns {', '.join(COLUMNS)} in {path.name}, found no {', '.join(missing)}; name them so.")
    values = tuple(
        SValue(
            target=row["target"].strip(),
            source=row["source"].strip(),
            s_mgy_per_mbq_s=non_negative_number(row["s_mgy_per_mbq_s"], f"S value in {path.name}", "correct the table"),
            reference_mass_g=positive_number(row["reference_mass_g"], f"reference mass in {path.name}", "correct the table"),
        )
        for row in reader
    )
    return STable(nuclide=nuclide, name=path.stem, values=values)


def scaled_s_gy_per_mbq_h(row: SValue, mass_g: float, electron_energy_mev: float) -> tuple[float, float]:
    """S of a table row for the patient's target mass as (electron part, photon part), both in Gy/(MBq*h).

    Self-dose: electrons (and alphas) are taken as absorbed in the organ, E / m_ref, at most the whole S value, and scale with
    m_ref / m; the rest are photons and scale with (m_ref / m)^(2/3). Cross dose: unchanged.
    """
    total = row.s_mgy_per_mbq_s * GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S
    if row.target != row.source:
        return 0.0, total
    electrons = min(total, GY_G_PER_MBQ_H_MEV * electron_energy_mev / row.reference_mass_g)
    ratio = row.reference_mass_g / positive_number(mass_g, f"mass in g of {row.target}")
    return electrons * ratio, (total - electrons) * ratio ** (2 / 3)
