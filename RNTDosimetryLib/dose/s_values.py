"""Self-dose of spheres: absorbed fractions and S values from the dose-point kernel of a nuclide."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.checks import density_number, non_negative_number, positive_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.dose.decay import GY_G_PER_MBQ_H_MEV, GY_PER_MBQ_H_FROM_MGY_PER_MBQ_S, JOULE_PER_MEV
from RNTDosimetryLib.dose.kernels import DosePointKernel, dose_point_kernel
from RNTDosimetryLib.nuclides import Nuclide, source_nuclide

SMALLEST_MASS_G, LARGEST_MASS_G = 1e-3, 1e5
_MGY_G_PER_MBQ_S_MEV = JOULE_PER_MEV * 1e6 * 1e3 * 1e3


@dataclass(frozen=True)
class SphereDose(Record):
    """Self-dose of a sphere with uniform activity in infinite water of the same density.

    electron_fraction: of the energy of electrons and alphas without bremsstrahlung; photon_fraction: of photons and
    bremsstrahlung; each is absorbed in the sphere divided by emitted, None when nothing of it is emitted.
    """

    nuclide: str
    mass_g: float
    density_g_ml: float
    radius_mm: float
    electron_absorbed_mev: float
    photon_absorbed_mev: float
    electron_fraction: float | None
    photon_fraction: float | None
    s_value_mgy_per_mbq_s: float


def sphere_s_value(nuclide: str | Nuclide, mass_g: float, density_g_ml: float = 1.0, *, progeny: bool = True) -> float:
    """Absorbed dose to a sphere per decay in it, in mGy/(MBq*s): S = sum(E phi) / m.

    progeny: in equilibrium with the nuclide, as in every dose, or False for the nuclide alone.
    Raises DosimetryError for an unknown nuclide, or a mass or density that cannot be.
    """
    return sphere_dose(nuclide, mass_g, density_g_ml, progeny=progeny).s_value_mgy_per_mbq_s


def sphere_dose(nuclide: str | Nuclide, mass_g: float, density_g_ml: float = 1.0, *, progeny: bool = True) -> SphereDose:
    """S value of a sphere with its absorbed fractions; mass in g, density in g/mL, progeny as ``sphere_s_value``.

    The chance that a point at distance r from a uniform point of a sphere of radius R lies in it is
    1 - 3r/4R + r^3/16R^3 for r < 2R; the kernel is averaged with it, which is exact for a homogeneous medium.
    """
    mass = positive_number(mass_g, "mass in g", "type the mass of the organ or lesion")
    density = density_number(density_g_ml)
    if not SMALLEST_MASS_G <= mass <= LARGEST_MASS_G:
        raise DosimetryError(
            f"Expected a sphere of {SMALLEST_MASS_G} g to {LARGEST_MASS_G / 1000:.0f} kg, received {mass:g} g; "
            "the kernels cover no other size."
        )
    kernel = dose_point_kernel(nuclide, progeny=progeny)
    radius_mm = 10.0 * (3.0 * mass / (4.0 * np.pi * density)) ** (1.0 / 3.0)
    electron, photon = absorbed_in_sphere(kernel, radius_mm * density)
    return SphereDose(
        nuclide=kernel.nuclide,
        mass_g=mass,
        density_g_ml=density,
        radius_mm=float(radius_mm),
        electron_absorbed_mev=electron,
        photon_absorbed_mev=photon,
        electron_fraction=electron / kernel.electron_total_mev if kernel.electron_total_mev else None,
        photon_fraction=photon / kernel.photon_total_mev if kernel.photon_total_mev else None,
        s_value_mgy_per_mbq_s=(electron + photon) * _MGY_G_PER_MBQ_S_MEV / mass,
    )


def absorbed_in_sphere(kernel: DosePointKernel, radius_mm: float) -> tuple[float, float]:
    """Energy per decay absorbed in a sphere of unit-density water, of electrons with alphas and of photons, in MeV."""
    edges = kernel.radius_mm
    middle = 0.5 * (edges[1:] + edges[:-1])
    ratio = np.minimum(middle / radius_mm, 2.0)
    stays = 1.0 - 0.75 * ratio + ratio**3 / 16.0
    at_origin = float(kernel.electron_within_mev[0])
    electron = at_origin + float(np.sum(np.diff(kernel.electron_within_mev) * stays))
    return electron, float(np.sum(np.diff(kernel.photon_within_mev) * stays))


@dataclass(frozen=True)
class SValueUncertainty(Record):
    """Relative standard uncertainty of an S value at a given mass. parts: by name, relative to the S value; ``relative`` is their root sum of squares."""

    relative: float
    parts: dict[str, float]


def s_value_uncertainty(
    nuclide: str | Nuclide,
    mass_g: float,
    density_g_ml: float = 1.0,
    *,
    reference_mass_g: float | None = None,
    progeny: bool = True,
) -> SValueUncertainty:
    """What a sphere S value does not know, by part: decay data, kernel, an organ's shape for a sphere, scaling from another mass.

    The shape changes the photon part and what electrons carry out; scaling, when there is a reference mass, is compared with the sphere of
    the mass itself. The relative uncertainties of the parts are data with source: Resources/dose/s_value_uncertainty.json. The mass itself
    is not in it. Raises DosimetryError as ``sphere_dose``.
    """
    sphere = sphere_dose(nuclide, mass_g, density_g_ml, progeny=progeny)
    source = source_nuclide(nuclide, progeny)
    data = read_json("dose", "s_value_uncertainty.json")
    electrons, photons = sphere.electron_absorbed_mev, sphere.photon_absorbed_mev
    emitted = electrons / sphere.electron_fraction if sphere.electron_fraction else electrons
    alphas = source.alpha_energy_mev
    total = electrons + photons
    parts = {
        "decay data": float(
            np.linalg.norm(
                [
                    (electrons - alphas) * data["spectrum_electrons"]["relative"],
                    alphas * data["spectrum_alphas"]["relative"],
                    photons * data["spectrum_photons"]["relative"],
                ]
            )
            / total
        ),
        "kernel": data["kernel"]["relative"],
        "shape": ((emitted - electrons) * data["shape_electron_escape"]["relative"] + photons * data["shape_photons"]["relative"])
        / total,
    }
    if reference_mass_g is not None:
        reference = sphere_dose(nuclide, reference_mass_g, density_g_ml, progeny=progeny)
        ratio = sphere.mass_g / reference.mass_g
        scaled = reference.electron_absorbed_mev + reference.photon_absorbed_mev * ratio ** (1 / 3)
        parts["mass scaling"] = abs(scaled / total - 1)
    return SValueUncertainty(float(np.linalg.norm(list(parts.values()))), parts)


def s_value_relative_uncertainty(nuclide: str | Nuclide, mass_g: float, density_g_ml: float = 1.0, **options) -> float:
    """Relative standard uncertainty of a sphere S value at a given mass; arguments and parts as ``s_value_uncertainty``."""
    return s_value_uncertainty(nuclide, mass_g, density_g_ml, **options).relative


def density_relative_uncertainty(density_g_ml: float) -> float:
    """Relative standard uncertainty of a mass density from CT, by kind of matter; data with source as ``s_value_uncertainty``."""
    density = density_number(density_g_ml)
    steps = read_json("dose", "s_value_uncertainty.json")["density"]["steps"]
    return next(step["relative"] for step in steps if density <= step["up_to_g_ml"])


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
            raise DosimetryError(
                f"Expected a tuple of SValue rows in the S table '{self.name}', received {shown(self.values)}; correct it."
            )
        pairs = [(row.target, row.source) for row in self.values]
        twice = sorted({pair for pair in pairs if pairs.count(pair) > 1})
        if not pairs or twice:
            what = f"the pair {twice[0]} twice" if twice else "no row"
            raise DosimetryError(
                f"Expected each target and source once in the S table '{self.name}', received {what}; correct the table."
            )

    def find(self, target: str, source: str) -> SValue:
        """The row of a pair; DosimetryError that names the known regions when there is none."""
        for row in self.values:
            if (row.target, row.source) == (target, source):
                return row
        known = sorted({row.target for row in self.values} | {row.source for row in self.values})
        raise DosimetryError(
            f"Expected S({target} <- {source}) in the S table '{self.name}', found none; it knows {', '.join(known)}."
        )


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
        raise DosimetryError(
            f"Expected a CSV text file in UTF-8 at {path}, received another kind; save the table as CSV."
        ) from error
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    reader = csv.DictReader(lines)
    columns = [name.strip().lower() for name in reader.fieldnames or ()]
    reader.fieldnames = columns
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise DosimetryError(
            f"Expected the columns {', '.join(COLUMNS)} in {path.name}, found no {', '.join(missing)}; name them so."
        )
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
