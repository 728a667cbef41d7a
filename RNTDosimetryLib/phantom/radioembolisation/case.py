"""The radioembolisation phantom: a trunk with two tumours in two territories, what was injected where, and the protocol."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.phantom.body import Anatomy, read_anatomy
from RNTDosimetryLib.phantom.settings import SIZES

LUNGS = "lungs"
_POINTS_PER_REGION = 900_000


@dataclass(frozen=True)
class TareSettings(Record):
    """Which radioembolisation case. The same settings give the same images, bit for bit.

    blur: camera point spread. noise: counting noise, and noise in CT. extrahepatic_fraction: share of the scout in the stomach.
    lung_shunt_factor: on the shunts of the protocol, 0 for no shunt. size: "full" or "small".
    """

    seed: int = 1
    blur: bool = True
    noise: bool = True
    extrahepatic_fraction: float = 0.0
    lung_shunt_factor: float = 1.0
    size: str = "full"

    def __post_init__(self):
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise DosimetryError(f"Expected a seed that is an integer of 0 or more, received {self.seed!r}; choose one.")
        if self.size not in SIZES:
            raise DosimetryError(f"Expected size to be one of {', '.join(SIZES)}, received {self.size!r}; choose one.")
        if not 0 <= self.extrahepatic_fraction < 0.5 or not 0 <= self.lung_shunt_factor <= 5:
            raise DosimetryError(
                "Expected an extrahepatic fraction below 0.5 and a shunt factor up to 5, received "
                f"{self.extrahepatic_fraction} and {self.lung_shunt_factor}; choose smaller ones."
            )


@dataclass(frozen=True)
class TarePosition(Record):
    """One injection: activity_mbq leaves the catheter (what stays in vial and lines is taken off), tnr by tumour."""

    name: str
    activity_mbq: float
    residual_fraction: float
    lung_shunt_fraction: float
    extrahepatic_fraction: float
    tnr: dict[str, float]


@lru_cache(maxsize=1)
def tare_protocol() -> dict:
    """``Resources/phantom/tare_protocol.json``."""
    return read_json("phantom", "tare_protocol.json")


def tare_anatomy() -> Anatomy:
    """The trunk of ``Resources/phantom/tare_anatomy.json``."""
    return read_anatomy("tare_anatomy.json")


def tare_geometry(size: str, kind: str) -> ImageGeometry:
    """Grid "ct", "spect" or "pet" of a size preset."""
    grid = tare_protocol()["grids"][size][kind]
    half = (np.asarray(grid["size"]) - 1) / 2 * np.asarray(grid["spacing_mm"])
    origin = np.asarray(grid["center_lps_mm"]) - half[::-1]
    return ImageGeometry(tuple(grid["size"]), tuple(grid["spacing_mm"]), tuple(np.round(origin, 6)))


def start_of(part: str) -> datetime:
    """When the scout ("scout") or the treatment ("treatment") was given."""
    return datetime.fromisoformat(tare_protocol()[part]["start"])


def tare_positions(part: str, settings: TareSettings) -> tuple[TarePosition, ...]:
    """The injections of the scout ("scout") or of the treatment ("treatment")."""
    data = tare_protocol()[part]
    found = []
    for name, row in data["positions"].items():
        activity = data["activity_mbq"] * row["share"] if part == "scout" else 1000.0 * row["activity_gbq"]
        residual = row.get("residual_fraction", 0.0)
        found.append(
            TarePosition(
                name=name,
                activity_mbq=activity * (1 - residual),
                residual_fraction=residual,
                lung_shunt_fraction=row["lung_shunt_fraction"] * settings.lung_shunt_factor,
                extrahepatic_fraction=settings.extrahepatic_fraction if part == "scout" else 0.0,
                tnr=dict(row["tnr"]),
            )
        )
    return tuple(found)


def tare_activities_mbq(part: str, settings: TareSettings) -> dict[str, float]:
    """Activity of every region when it was given, MBq; injections add."""
    volumes, protocol = tare_volumes_ml(), tare_protocol()
    activities = dict.fromkeys(tare_anatomy().drawn_regions, 0.0)
    for position in tare_positions(part, settings):
        members = protocol["territories"][position.name]
        weights = {name: volumes[name] * position.tnr.get(name, 1.0) for name in members}
        in_liver = position.activity_mbq * (1 - position.lung_shunt_fraction - position.extrahepatic_fraction)
        for name, weight in weights.items():
            activities[name] += in_liver * weight / sum(weights.values())
        activities[LUNGS] += position.activity_mbq * position.lung_shunt_fraction
        activities[protocol["extrahepatic_region"]] += position.activity_mbq * position.extrahepatic_fraction
    return activities


def tare_concentrations_bq_ml(part: str, settings: TareSettings) -> dict[str, float]:
    """Concentration of every region when it was given, Bq/mL."""
    volumes = tare_volumes_ml()
    return {name: 1e6 * activity / volumes[name] for name, activity in tare_activities_mbq(part, settings).items()}


@lru_cache(maxsize=1)
def tare_volumes_ml() -> dict[str, float]:
    """Volume of every drawn region by counting about 900 000 points in its bounding box (error below 0.2 %)."""
    return {name: tare_anatomy().counted_volume_ml(name, _POINTS_PER_REGION) for name in tare_anatomy().drawn_regions}


def tare_masses_g() -> dict[str, float]:
    """Mass of every drawn region."""
    anatomy = tare_anatomy()
    return {name: volume * anatomy.region_density_g_ml(name) for name, volume in tare_volumes_ml().items()}
