"""Log-normal population rates per radiopharmaceutical and tissue: Resources/kinetics/populations.json."""

import math
from dataclasses import dataclass
from functools import lru_cache

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.records import Record
from RNTDosimetryLib.resources import read_json

_STATUS_WORDS = {
    "R": "read in its source",
    "C": "computed from a source",
    "M": "from memory, not checked",
    "A": "assumed",
    "user": "given by the user",
}


def status_words(status: str) -> str:
    """How sure a stored value is, in words."""
    return _STATUS_WORDS.get(status, status)


@dataclass(frozen=True)
class RatePrior(Record):
    """Log-normal population of one biological rate: median and standard deviation of its natural logarithm.

    status: R = read in the source, C = computed from it, M = from memory, A = assumed, user = given by the user.
    """

    median_per_h: float
    log_sd: float
    source: str = ""
    status: str = "user"

    def __post_init__(self):
        if not (math.isfinite(self.median_per_h) and self.median_per_h > 0 and math.isfinite(self.log_sd) and self.log_sd > 0):
            raise DosimetryError(
                f"Expected a positive median rate and a positive log_sd, received {self.median_per_h} per hour and {self.log_sd}; "
                "give the biological rate, and 0.3 for log_sd if about 30 % spread is meant."
            )

    @classmethod
    def from_effective_half_life(cls, half_life_h: float, decay_constant_per_h: float, log_sd: float, source: str = "", status: str = "user"):
        """Population of the biological rate whose median belongs to an effective half-life in hours.

        log_sd is the spread of the effective half-life, ln(geometric standard deviation); it is carried to the
        biological rate, to first order at the median. Raises DosimetryError for a half-life not below the physical one.
        """
        rate = math.log(2.0) / half_life_h if half_life_h and half_life_h > 0 else 0.0
        if rate <= decay_constant_per_h * (1 + 1e-9):
            raise DosimetryError(
                f"Expected an effective half-life between 0 and the physical {math.log(2.0) / decay_constant_per_h:.4g} h, received "
                f"{half_life_h} h; check nuclide and half-life."
            )
        biological = rate - decay_constant_per_h
        return cls(biological, log_sd * rate / biological, source, status)

    def effective_half_life_h(self, decay_constant_per_h: float) -> float:
        return math.log(2.0) / (self.median_per_h + decay_constant_per_h)


@dataclass(frozen=True)
class PopulationPrior(Record):
    """Population rates of a tissue. clearance is None where only uptake and early clearance are known."""

    name: str
    clearance: RatePrior | None = None
    uptake: RatePrior | None = None
    early_clearance: RatePrior | None = None

    def rate(self, kind: str) -> RatePrior:
        """Population rate of a kind, the general one where this tissue has none of its own."""
        own = getattr(self, kind)
        return own if own is not None else general_rate(kind)


@lru_cache(maxsize=1)
def _populations() -> dict:
    return read_json("kinetics", "populations.json")


def general_rate(kind: str) -> RatePrior:
    """Rate that holds uptake ("uptake") or early clearance ("early_clearance") where nothing better is known."""
    entry = _populations()["general"][kind]
    return RatePrior(math.log(2.0) / entry["biological_half_life_h"], entry["log_sd"], entry["source"], entry["status"])


def list_populations() -> tuple[tuple[str, str], ...]:
    """(radiopharmaceutical, tissue) of every stored population."""
    return tuple((entry["radiopharmaceutical"], entry["tissue"]) for entry in _populations()["clearance"])


def _plain(text: str) -> str:
    return "".join(letter for letter in str(text).lower() if letter.isalnum())


def population_prior(radiopharmaceutical: str, tissue: str) -> PopulationPrior:
    """Stored population, e.g. ``population_prior("177Lu-PSMA-617", "kidney")``; case and hyphens do not matter.

    Raises DosimetryError where there is none.
    """
    data = _populations()
    for entry in data["clearance"]:
        names = [entry["tissue"], *entry.get("also", [])]
        if _plain(entry["radiopharmaceutical"]) == _plain(radiopharmaceutical) and _plain(tissue) in map(_plain, names):
            prior = RatePrior.from_effective_half_life(
                entry["effective_half_life_h"], math.log(2.0) / entry["physical_half_life_h"], entry["log_sd"], entry["source"],
                entry["status"],
            )
            return PopulationPrior(f"{entry['radiopharmaceutical']} {entry['tissue']}", clearance=prior)
    known = "; ".join(f"{pharmaceutical} {tissue_name}" for pharmaceutical, tissue_name in list_populations())
    raise DosimetryError(
        f"Expected a stored population ({known}), received {radiopharmaceutical!r} {tissue!r}; give a RatePrior of your own instead."
    )
