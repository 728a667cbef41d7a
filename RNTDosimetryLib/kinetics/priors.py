"""Log-normal population rates per radiopharmaceutical and tissue: Resources/kinetics/populations.json."""

import math
from dataclasses import dataclass
from functools import lru_cache

from RNTDosimetryLib.base.checks import SMALLEST_NUMBER, any_number, one_of, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json

_STATUS_WORDS = {
    "R": "read in its source",
    "C": "computed from a source",
    "M": "from memory, not checked",
    "A": "assumed",
    "user": "given by the user",
}


GENERAL_RATES = ("uptake", "early_clearance")
"""Kinds of rates that a general population holds where a tissue has none of its own."""
LARGEST_HALF_LIFE_LOG_SD = 2.0
_LARGEST_RATE_LOG_SD = 80.0
_RATE_REMEDY = "give the biological rate, and 0.3 for log_sd if about 30 % spread is meant"


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
        median = any_number(self.median_per_h, "median_per_h", _RATE_REMEDY)
        log_sd = any_number(self.log_sd, "log_sd", _RATE_REMEDY)
        if not (median >= SMALLEST_NUMBER and SMALLEST_NUMBER <= log_sd <= _LARGEST_RATE_LOG_SD):
            raise DosimetryError(
                f"Expected a positive median rate and a positive log_sd, at most {_LARGEST_RATE_LOG_SD:g}, received {median} per hour and "
                f"{log_sd}; {_RATE_REMEDY}."
            )
        object.__setattr__(self, "median_per_h", median)
        object.__setattr__(self, "log_sd", log_sd)

    @classmethod
    def from_effective_half_life(
        cls, half_life_h: float, decay_constant_per_h: float, log_sd: float, source: str = "", status: str = "user"
    ):
        """Population of the biological rate whose median belongs to an effective half-life in hours.

        log_sd is the spread of the effective half-life, ln(geometric standard deviation); it is carried to the
        biological rate, to first order at the median. Raises DosimetryError for a half-life not below the physical one.
        """
        half_life_h = any_number(half_life_h, "half_life_h", "give the median effective half-life in hours")
        decay_constant_per_h = any_number(decay_constant_per_h, "decay_constant_per_h", "give that of the nuclide, per hour")
        if not decay_constant_per_h > 0:
            raise DosimetryError(
                f"Expected a positive decay_constant_per_h, received {decay_constant_per_h}; give that of the nuclide."
            )
        log_sd = checked_log_sd(log_sd, "log_sd")
        rate = math.log(2.0) / half_life_h if half_life_h > SMALLEST_NUMBER else 0.0
        if rate <= decay_constant_per_h * (1 + 1e-9):
            raise DosimetryError(
                f"Expected an effective half-life between 0 and the physical {math.log(2.0) / decay_constant_per_h:.4g} h, received "
                f"{half_life_h} h; check nuclide and half-life."
            )
        biological = rate - decay_constant_per_h
        if log_sd * rate / biological > _LARGEST_RATE_LOG_SD:
            raise DosimetryError(
                f"Expected an effective half-life clearly below the physical {math.log(2.0) / decay_constant_per_h:.4g} h, received {half_life_h} "
                "h; fit the model 'physical' where nothing leaves."
            )
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

    def __post_init__(self):
        for kind in ("clearance", *GENERAL_RATES):
            if not isinstance(getattr(self, kind), (RatePrior, type(None))):
                raise DosimetryError(
                    f"Expected a RatePrior for {kind}, received {shown(getattr(self, kind))}; make one with RatePrior(...)."
                )

    def rate(self, kind: str) -> RatePrior:
        """Population rate of a kind, the general one where this tissue has none of its own."""
        own = getattr(self, one_of(kind, GENERAL_RATES, "the kind of rate"))
        return own if own is not None else general_rate(kind)


def as_population(prior) -> PopulationPrior | None:
    """The population in what a caller gives as ``prior``: one, the population of a clearance rate alone, or None."""
    if prior is None or isinstance(prior, PopulationPrior):
        return prior
    if isinstance(prior, RatePrior):
        return PopulationPrior("given by the user", clearance=prior)
    raise DosimetryError(
        f"Expected a PopulationPrior or RatePrior as prior, received {shown(prior)}; use population_prior(...) or RatePrior(...)."
    )


def checked_log_sd(value, name: str) -> float:
    """Spread of the logarithm of an effective half-life; DosimetryError unless it is positive and plausible."""
    log_sd = any_number(value, name, "0.25 is a spread of about 25 %")
    if not SMALLEST_NUMBER <= log_sd <= LARGEST_HALF_LIFE_LOG_SD:
        raise DosimetryError(
            f"Expected a positive {name}, at most {LARGEST_HALF_LIFE_LOG_SD:g}, received {shown(value)}; 0.25 is a spread of about 25 %."
        )
    return log_sd


@lru_cache(maxsize=1)
def _populations() -> dict:
    return read_json("kinetics", "populations.json")


def general_rate(kind: str) -> RatePrior:
    """Rate that holds uptake ("uptake") or early clearance ("early_clearance") where nothing better is known."""
    entry = _populations()["general"][one_of(kind, GENERAL_RATES, "the kind of rate")]
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
                entry["effective_half_life_h"],
                math.log(2.0) / entry["physical_half_life_h"],
                entry["log_sd"],
                entry["source"],
                entry["status"],
            )
            return PopulationPrior(f"{entry['radiopharmaceutical']} {entry['tissue']}", clearance=prior)
    known = "; ".join(f"{pharmaceutical} {tissue_name}" for pharmaceutical, tissue_name in list_populations())
    raise DosimetryError(
        f"Expected a stored population ({known}), received '{shown(radiopharmaceutical)}' '{shown(tissue)}'; give a RatePrior of your own instead."
    )
