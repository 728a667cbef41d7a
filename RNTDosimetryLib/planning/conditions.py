"""Limits and goals of a product with the conditions they hold under: rules as data, and what is known of the treatment and the patient."""

from collections.abc import Mapping
from dataclasses import dataclass

from RNTDosimetryLib.base.checks import checked_kind, checked_number, one_of, positive_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record

SCENARIOS = ("segmentectomy", "lobectomy", "unilobar", "bilobar")
DISEASES = ("HCC", "ICC", "mCRC")
MAX, MIN = "max", "min"
_MOST_BILIRUBIN_MG_DL = 50.0
_KEYS = {
    "what", "at_most_gy", "at_least_gy", "scenario", "bilirubin_above_mg_dl", "bilirubin_at_most_mg_dl", "impaired_liver", "disease", "status", "source",
}  # fmt: skip


@dataclass(frozen=True)
class TreatmentConditions(Record):
    """What the limits of a product depend on; None where it was not given.

    scenario: "segmentectomy", "lobectomy", "unilobar" or "bilobar". bilirubin_mg_dl: total bilirubin. impaired_liver: pre-treated, or of impaired
    function. disease: "HCC", "ICC" or "mCRC". Raises DosimetryError for other words, and for a bilirubin that can only be in umol/L.
    """

    scenario: str | None = None
    bilirubin_mg_dl: float | None = None
    impaired_liver: bool | None = None
    disease: str | None = None

    def __post_init__(self):
        if self.scenario is not None:
            one_of(self.scenario, SCENARIOS, "the scenario", "choose one of them, or leave it out")
        if self.disease is not None:
            one_of(self.disease, DISEASES, "the disease", "choose one of them, or leave it out")
        if self.bilirubin_mg_dl is not None:
            checked_number(
                self.bilirubin_mg_dl, "total bilirubin in mg/dL", "1 mg/dL is 17.1 umol/L", 0.0, _MOST_BILIRUBIN_MG_DL, above=True
            )
        if self.impaired_liver is not None and not isinstance(self.impaired_liver, bool):
            raise DosimetryError(
                f"Expected true or false for an impaired liver, received {self.impaired_liver!r}; leave it out if it is not known."
            )


@dataclass(frozen=True)
class LimitRule(Record):
    """One limit ("max") or goal ("min") of a product, of one kind of compartment, with what it holds for; empty holds for all.

    up_to_gy: the upper end of a goal that is stated as a range. bilirubin: "above" or "at most" bilirubin_mg_dl. status: "read", "computed" or "unchecked".
    """

    what: str
    kind: str
    dose_gy: float
    up_to_gy: float | None = None
    scenarios: tuple[str, ...] = ()
    bilirubin: str = ""
    bilirubin_mg_dl: float | None = None
    impaired_liver: bool | None = None
    diseases: tuple[str, ...] = ()
    status: str = ""
    source: str = ""

    @property
    def condition(self) -> str:
        """In words; empty without conditions."""
        parts = [" or ".join(self.scenarios)] if self.scenarios else []
        if self.bilirubin:
            parts.append(f"bilirubin {self.bilirubin} {self.bilirubin_mg_dl:g} mg/dL")
        if self.impaired_liver is not None:
            parts.append("liver pre-treated or impaired" if self.impaired_liver else "liver not pre-treated or impaired")
        if self.diseases:
            parts.append(" or ".join(self.diseases))
        if self.up_to_gy is not None:
            parts.append(f"goal {self.dose_gy:g} to {self.up_to_gy:g} Gy")
        return ", ".join(parts)

    def missing(self, known: TreatmentConditions) -> tuple[str, ...]:
        """Keys of the conditions that this rule asks for and that were not given."""
        asked = {
            "scenario": bool(self.scenarios),
            "bilirubin_mg_dl": bool(self.bilirubin),
            "impaired_liver": self.impaired_liver is not None,
            "disease": bool(self.diseases),
        }
        return tuple(name for name, needed in asked.items() if needed and getattr(known, name) is None)

    def can_hold(self, known: TreatmentConditions) -> bool:
        """Whether nothing that was given contradicts it."""
        if self.scenarios and known.scenario is not None and known.scenario not in self.scenarios:
            return False
        if self.diseases and known.disease is not None and known.disease not in self.diseases:
            return False
        if self.impaired_liver is not None and known.impaired_liver is not None and known.impaired_liver != self.impaired_liver:
            return False
        if self.bilirubin and known.bilirubin_mg_dl is not None:
            return (known.bilirubin_mg_dl > self.bilirubin_mg_dl) == (self.bilirubin == "above")
        return True


def read_rule(row: Mapping, kinds: tuple[str, ...]) -> LimitRule:
    """A rule as it stands in a product file. kinds: of compartments. Raises DosimetryError for what is none."""
    checked_kind(row, Mapping, "a limit of a product")
    unknown = sorted(set(row) - _KEYS)
    if unknown:
        raise DosimetryError(
            f"Expected only {', '.join(sorted(_KEYS))} in a limit of a product, received also {', '.join(unknown)}; check the spelling."
        )
    if ("at_most_gy" in row) == ("at_least_gy" in row) or {"bilirubin_above_mg_dl", "bilirubin_at_most_mg_dl"} <= set(row):
        raise DosimetryError(
            f"Expected at_most_gy or at_least_gy, and one condition on bilirubin at most, in a limit of a product, received {', '.join(row)}; "
            "make two limits of it."
        )
    kind = MAX if "at_most_gy" in row else MIN
    value = row["at_most_gy"] if kind == MAX else row["at_least_gy"]
    doses = [positive_number(dose, "dose in Gy of a product's limit") for dose in (value if isinstance(value, list) else [value])]
    if len(doses) > (1 if kind == MAX else 2) or doses != sorted(doses):
        raise DosimetryError(
            f"Expected one dose for a limit and one or a rising pair for a goal, received {value}; correct the product file."
        )
    side = next((word for word in ("above", "at_most") if f"bilirubin_{word}_mg_dl" in row), "")
    return LimitRule(
        what=one_of(row.get("what"), kinds, "what a product's limit is of"),
        kind=kind,
        dose_gy=doses[0],
        up_to_gy=doses[1] if len(doses) > 1 else None,
        scenarios=tuple(one_of(word, SCENARIOS, "the scenarios of a product's limit") for word in row.get("scenario", ())),
        bilirubin=side.replace("_", " "),
        bilirubin_mg_dl=positive_number(row[f"bilirubin_{side}_mg_dl"], "bilirubin in mg/dL of a product's limit")
        if side
        else None,
        impaired_liver=row.get("impaired_liver"),
        diseases=tuple(one_of(word, DISEASES, "the diseases of a product's limit") for word in row.get("disease", ())),
        status=str(row["status"]),
        source=str(row["source"]),
    )
