"""What is entered for a radioembolisation: the request that a plan file holds, and the one that a measured scout gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from RNTDosimetryLib.base.documents import PATH, PATH_IF_THERE, Request
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.planning import (
    Compartments,
    Injection,
    PlanUncertainty,
    Product,
    ScoutMeasurement,
    TreatmentConditions,
    Tumour,
    join_injections,
    list_products,
)
from RNTDosimetryLib.planning.compartments import ONLY


@dataclass(frozen=True)
class OrderRequest(Record):
    """When the treatment can be; several injections are ordered one by one. administrations, calibration: local dates and times, ISO 8601. perfused_volume_ml: None takes the mass."""

    administrations: tuple[datetime, ...] = ()
    calibration: datetime | None = None
    perfused_volume_ml: float | None = None
    largest_deviation: float = 0.1


@dataclass(frozen=True)
class BodySurface(Record):
    """For the body-surface rule; see ``bsa_activity``. tumour_fraction: of what is treated, so for a lobe the tumour in the lobe over the lobe."""

    height_m: float
    weight_kg: float
    tumour_fraction: float
    lobe_fraction: float = 1.0


@dataclass(frozen=True)
class ScoutFiles(Record):
    """Where the scout lies. Paths are relative to the plan file.

    image: a folder of DICOM files (CT, SPECT, segments) or a volume file in any unit. territories, tumours, others: by name a volume file of the
    segment (0 outside, 1 inside), or a list of names of segments in the DICOM folder. liver, lungs: a file or a name. ct: a volume file,
    not needed with a DICOM folder. resolution_fwhm_mm: of the image; without it blur is not corrected.
    activities_gbq: by territory; without it the activities are scaled to the limits.
    """

    image: str = field(default="", metadata=PATH)
    territories: dict | list = field(default_factory=dict, metadata=PATH_IF_THERE)
    tumours: dict | list = field(default_factory=dict, metadata=PATH_IF_THERE)
    others: dict | list = field(default_factory=dict, metadata=PATH_IF_THERE)
    liver: str | None = field(default=None, metadata=PATH_IF_THERE)
    lungs: str | None = field(default=None, metadata=PATH_IF_THERE)
    ct: str | None = field(default=None, metadata=PATH)
    resolution_fwhm_mm: float | None = None
    activities_gbq: dict | None = None
    density_g_ml: float | None = None

    def __post_init__(self):
        if not self.image:
            raise DosimetryError("Expected image in 'scout' of the plan file, found none; name a DICOM folder or a volume file.")


@dataclass(frozen=True)
class PlanRequest(Request):
    """What was entered. Masses in g, doses in Gy, fractions as fractions.

    product: "TheraSphere" or a nuclide such as "Y-90". activity_gbq: None takes the largest activity within the limits.
    limits: as ``activity_for_limits``; None takes those of the product under the ``conditions``. keep_product_limits: entered limits take the place of
    the product's of the same compartment, and the others stay. lung_mass_g: None takes the convention, and says so.
    injections: several positions instead of tumours, normal_liver_mass_g and lung_shunt_fraction; their activities are scaled with a common
    factor when limits are given and keep_activities is not set. uncertainty: of the inputs, for the sampled doses.
    scout: images and segments, measured when the plan is computed; what is entered beside it wins over what is measured.
    notes, scout_warnings: where the numbers come from, and what was doubtful there.
    """

    NAME = "RNTDosimetry plan"
    WHAT = "a plan file"
    PAGE = "docs/planning_plan_file.md"

    product: str = ""
    title: str = ""
    activity_gbq: float | None = None
    tumours: tuple[Tumour, ...] = ()
    normal_liver_mass_g: float | None = None
    whole_normal_liver_mass_g: float | None = None
    lung_shunt_fraction: float | None = None
    lung_mass_g: float | None = None
    residual_fraction: float = 0.0
    previous_lung_dose_gy: float = 0.0
    limits: dict | None = None
    keep_product_limits: bool = False
    conditions: TreatmentConditions | None = None
    dose_constant_j_per_gbq: float | None = None
    product_file: str | None = field(default=None, metadata=PATH_IF_THERE)
    injections: tuple[Injection, ...] = ()
    keep_activities: bool = False
    tumour_masses_g: dict[str, float] = field(default_factory=dict)
    perfused_normal_liver_mass_g: float | None = None
    uncertainty: PlanUncertainty | None = None
    samples: int = 20000
    seed: int = 1
    order: OrderRequest | None = None
    body_surface: BodySurface | None = None
    scout: ScoutFiles | None = None
    notes: tuple[str, ...] = ()
    scout_warnings: tuple[str, ...] = ()

    @classmethod
    def from_content(cls, data) -> "PlanRequest":
        """Request of the content of a plan file or a plan.json. Raises DosimetryError where no product is named."""
        if isinstance(data, Mapping) and isinstance(data.get(cls.HELD_AS), Mapping):
            data = data[cls.HELD_AS]
        request = super().from_content(_present(data) if isinstance(data, Mapping) else data)
        if not request.product:
            raise DosimetryError(
                f"Expected product in the plan file, found none; name one of {', '.join(list_products())} or a nuclide."
            )
        return request

    @classmethod
    def from_dict(cls, data) -> "PlanRequest":
        return super().from_dict(_present(data) if isinstance(data, Mapping) else data)

    @property
    def activity_is_entered(self) -> bool:
        return self.keep_activities if self.injections else self.activity_gbq is not None

    def compartments(self, product: Product | None = None) -> Compartments:
        """What the activities are shared among; 1 GBq where no activity was entered. product: where it has been read, None for a nuclide.

        Raises DosimetryError for what is missing or does not fit together.
        """
        return join_injections(
            product or self.product,
            self.injections or (self._only_injection(),),
            tumour_masses_g=self.tumour_masses_g or None,
            perfused_normal_liver_mass_g=self.perfused_normal_liver_mass_g,
            whole_normal_liver_mass_g=self.whole_normal_liver_mass_g,
            lung_mass_g=self.lung_mass_g,
            previous_lung_dose_gy=self.previous_lung_dose_gy,
            dose_constant_j_per_gbq=self.dose_constant_j_per_gbq,
            product_file=self.product_file,
        )

    def _only_injection(self) -> Injection:
        for name in ("normal_liver_mass_g", "lung_shunt_fraction"):
            if getattr(self, name) is None:
                raise DosimetryError(f"Expected {name} in the plan, found none; type it, 0 if there is none.")
        activity = 1.0 if self.activity_gbq is None else self.activity_gbq
        return Injection(ONLY, activity, self.tumours, self.normal_liver_mass_g, self.lung_shunt_fraction, self.residual_fraction)

    def refuse_both_forms(self) -> None:
        """DosimetryError for what stands inside the injections and outside too."""
        if not self.injections:
            return
        if self.tumours or self.normal_liver_mass_g is not None or self.lung_shunt_fraction is not None:
            raise DosimetryError(
                "Expected tumours, masses and shunt inside each injection, received them outside too; keep one of them."
            )
        if self.activity_gbq is not None or self.residual_fraction:
            raise DosimetryError(
                "Expected activity_gbq and residual_fraction inside each injection, received one of them outside; type them for each injection."
            )


def _present(data: Mapping) -> dict[str, Any]:
    """Content with what older files call otherwise: a liver that is not impaired was never asked for there."""
    content = dict(data)
    impaired = content.pop("impaired_liver", None)
    if impaired is not None and not isinstance(impaired, bool):
        raise DosimetryError(f"Expected true or false for impaired_liver in the plan file, received {impaired!r}; correct it.")
    if impaired and not content.get("conditions"):
        content["conditions"] = {"impaired_liver": True}
    return content


def plan_from_dict(data) -> PlanRequest:
    """Request from the content of a plan file, or of a plan.json written before. Raises DosimetryError for unknown or wrong keys."""
    return PlanRequest.from_content(data)


def request_from_scout(
    scout: ScoutMeasurement,
    product: str,
    activities_gbq: Mapping[str, float] | None = None,
    *,
    lung_shunt_fraction: float | Mapping[str, float],
    lung_mass_g: float | None,
    residual_fraction: float | Mapping[str, float] = 0.0,
    **entered,
) -> PlanRequest:
    """The plan file of a measured scout: segments to plan in one step.

    One territory gives a plan of one injection (activities_gbq may be None: from the limits); several give injections, whose activities
    default to the share of the scout that each territory holds, in GBq, to be scaled to the limits. entered: other fields of PlanRequest.
    """
    shared = {"product": product, "whole_normal_liver_mass_g": scout.whole_normal_mass_g, "lung_mass_g": lung_mass_g, **entered}
    given = activities_gbq or {item.name: item.share for item in scout.territories}
    injections = scout.injections(given, lung_shunt_fraction, residual_fraction)
    if len(injections) > 1:
        return PlanRequest(
            injections=injections,
            tumour_masses_g=scout.tumour_masses_g,
            perfused_normal_liver_mass_g=scout.perfused_normal_mass_g,
            **shared,
        )
    only = injections[0]
    return PlanRequest(
        activity_gbq=only.activity_gbq if activities_gbq else None,
        tumours=only.tumours,
        normal_liver_mass_g=only.normal_liver_mass_g,
        lung_shunt_fraction=only.lung_shunt_fraction,
        residual_fraction=only.residual_fraction,
        **shared,
    )
