"""Limits of a course as data with their conditions, tissues by the names of regions, and what populations receive."""

from dataclasses import dataclass
from functools import lru_cache

from RNTDosimetryLib.base.checks import one_of
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.dose import radiobiology_sets

LESION = "lesion"


@dataclass(frozen=True)
class CourseLimit(Record):
    """A limit of one region over the course. quantity: "dose" or "bed". alpha_beta_gy: of a BED limit. session: holds for each radioembolisation by itself."""

    region: str
    quantity: str
    value_gy: float
    label: str
    alpha_beta_gy: float | None = None
    condition: str = ""
    status: str = "entered"
    source: str = "entered"
    session: bool = False

    @property
    def name(self) -> str:
        return f"{self.region} {self.label}"

    @property
    def bed_ratio_gy(self) -> float | None:
        """alpha/beta where the limit is a BED, None where it is a dose."""
        return self.alpha_beta_gy if self.quantity == "bed" else None


@lru_cache(maxsize=1)
def shipped_limits() -> dict[str, dict]:
    """The shipped limits by name, each with tissue, dose_gy or bed_gy, condition, status and source."""
    return read_json("course", "limits.json")["limits"]


@lru_cache(maxsize=1)
def rules() -> dict[str, float]:
    """What is assumed where nothing was entered, by name."""
    return {name: item["value"] for name, item in read_json("course", "rules.json").items()}


@lru_cache(maxsize=1)
def _tissues() -> dict:
    return read_json("course", "tissues.json")


def tissue_of(region: str, kind: str = "organ") -> str:
    """Tissue of a region by its name, "lesion" for a lesion, "" for what is not known."""
    if kind == LESION:
        return LESION
    lower = region.lower()
    return next((name for name, item in _tissues()["tissues"].items() if any(word in lower for word in item["words"])), "")


def pairs() -> dict[str, list[str]]:
    """Regions that are also looked at together, by the name of both."""
    return _tissues()["pairs"]


def radiobiology_of(tissue: str) -> dict | None:
    """Shipped alpha/beta and repair half-time of a tissue with their status; None where there are none."""
    name = _tissues()["lesion_radiobiology"] if tissue == LESION else _tissues()["tissues"].get(tissue, {}).get("radiobiology")
    return None if name is None else {"set": name, **radiobiology_sets()[name]}


@dataclass(frozen=True)
class PopulationUptake(Record):
    """Absorbed dose per activity between patients: mean and standard deviation, Gy/GBq; sd None where not known."""

    gy_per_gbq: float
    sd: float | None
    source: str = "entered"


def population(agent: str) -> dict[str, PopulationUptake]:
    """Uptakes of an agent by tissue. Raises DosimetryError for an agent without data."""
    known = read_json("course", "populations.json")["populations"]
    one_of(agent, known, "a population", "choose one of them, or enter gy_per_gbq and sd by tissue")
    return {
        tissue: PopulationUptake(item["gy_per_gbq"], item["sd"], f"{agent}, {item['source']}")
        for tissue, item in known[agent].items()
    }
