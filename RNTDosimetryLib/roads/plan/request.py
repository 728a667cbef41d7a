"""What is typed for a radioembolisation: the request that a plan file holds, and the one that a measured scout gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from RNTDosimetryLib.base.documents import PATH_IF_THERE, Request
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.planning import Injection, PlanUncertainty, ScoutMeasurement, Tumour, list_products
from RNTDosimetryLib.planning.compartments import CONVENTIONAL_LUNG_MASS_G


@dataclass(frozen=True)
class OrderRequest(Record):
    """When the treatment can be; several injections are ordered one by one. administrations, calibration: local dates and times, ISO 8601. perfused_volume_ml: None takes the mass."""

    administrations: tuple[datetime, ...] = ()
    calibration: datetime | None = None
    perfused_volume_ml: float | None = None
    largest_deviation: float = 0.1


@dataclass(frozen=True)
class BodySurface(Record):
    """For the body-surface rule; see ``bsa_activity``."""

    height_m: float
    weight_kg: float
    tumour_fraction: float
    lobe_fraction: float = 1.0


@dataclass(frozen=True)
class PlanRequest(Request):
    """What was typed. Masses in g, doses in Gy, fractions as fractions.

    product: "TheraSphere" or a nuclide such as "Y-90". activity_gbq: None takes the largest activity within the limits.
    limits: as ``activity_for_limits``; None takes those of the product. impaired_liver: the product's stricter limit.
    injections: several positions instead of tumours, normal_liver_mass_g and lung_shunt_fraction; their activities are scaled with a common
    factor when limits are given and keep_activities is not set. uncertainty: of the inputs, for the sampled doses.
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
    lung_mass_g: float = CONVENTIONAL_LUNG_MASS_G
    residual_fraction: float = 0.0
    previous_lung_dose_gy: float = 0.0
    limits: dict | None = None
    impaired_liver: bool = False
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
    notes: tuple[str, ...] = ()
    scout_warnings: tuple[str, ...] = ()

    @classmethod
    def from_content(cls, data) -> "PlanRequest":
        """Request of the content of a plan file or a plan.json. Raises DosimetryError where no product is named."""
        request = super().from_content(data)
        if not request.product:
            raise DosimetryError(
                f"Expected product in the plan file, found none; name one of {', '.join(list_products())} or a nuclide."
            )
        return request


def plan_from_dict(data) -> PlanRequest:
    """Request from the content of a plan file, or of a plan.json written before. Raises DosimetryError for unknown or wrong keys."""
    return PlanRequest.from_content(data)


def request_from_scout(
    scout: ScoutMeasurement,
    product: str,
    activities_gbq: Mapping[str, float] | None = None,
    *,
    lung_shunt_fraction: float | Mapping[str, float],
    lung_mass_g: float,
    residual_fraction: float | Mapping[str, float] = 0.0,
    **typed,
) -> PlanRequest:
    """The plan file of a measured scout: segments to plan in one step.

    One territory gives a plan of one injection (activities_gbq may be None: from the limits); several give injections, whose activities
    default to the share of the scout that each territory holds, in GBq, to be scaled to the limits. typed: other fields of PlanRequest.
    """
    shared = {"product": product, "whole_normal_liver_mass_g": scout.whole_normal_mass_g, "lung_mass_g": lung_mass_g, **typed}
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
