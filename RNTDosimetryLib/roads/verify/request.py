"""What is named for the verification of a radioembolisation: the request that a verification file holds."""

from dataclasses import dataclass, field

from RNTDosimetryLib.base.documents import PATH, PATH_IF_THERE, Request
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.planning import list_products
from RNTDosimetryLib.planning.verification import MODES


@dataclass(frozen=True)
class VerifyRequest(Request):
    """What was named. Paths are relative to the verification file; doses in Gy, fractions as fractions.

    image: DICOM folder with the scan after treatment, its CT and segments, or a volume file; activity: what is typed about a volume file
    (start_h, unit, decay_correction, duration_s), not needed for the mode "relative". product: as in a plan file; None takes the plan's.
    territories, tumours, others: by name a volume file of the segment, or a list of names of segments in the DICOM folder; normal liver is
    territory without tumours. liver: everything perfused, None joins territories and tumours. lungs: with their mass from ct, lung_mass_g or the plan.
    plan: a plan file or plan.json; gives planned doses, limits, net activity and lung shunt, unless they are typed here.
    planned_dose_gy: typed, by name. scout: image before treatment, for a planned map; needs plan. resolution_fwhm_mm: of the image, to correct blur.
    """

    NAME = "RNTDosimetry verification"
    WHAT = "a verification file"
    PAGE = "docs/planning_verify_file.md"

    image: str = field(metadata=PATH)
    product: str | None = None
    title: str = ""
    mode: str = "absolute"
    activity: dict = field(default_factory=dict)
    territories: dict | list = field(default_factory=dict, metadata=PATH_IF_THERE)
    tumours: dict | list = field(default_factory=dict, metadata=PATH_IF_THERE)
    others: dict | list = field(default_factory=dict, metadata=PATH_IF_THERE)
    liver: str | None = field(default=None, metadata=PATH_IF_THERE)
    lungs: str | None = field(default=None, metadata=PATH_IF_THERE)
    ct: str | None = field(default=None, metadata=PATH_IF_THERE)
    resolution_fwhm_mm: float | None = None
    method: str = "local"
    plan: str | None = field(default=None, metadata=PATH)
    planned_dose_gy: dict[str, float] = field(default_factory=dict)
    net_activity_gbq: float | None = None
    lung_shunt_fraction: float | None = None
    lung_mass_g: float | None = None
    scout: str | None = field(default=None, metadata=PATH)
    dose_constant_j_per_gbq: float | None = None
    product_file: str | None = field(default=None, metadata=PATH)

    def __post_init__(self):
        if self.mode not in MODES:
            raise DosimetryError(
                f"Expected the mode {' or '.join(MODES)} in the verification file, received '{self.mode}'; choose one of them."
            )
        if self.plan is None and not self.product:
            raise DosimetryError(
                f"Expected product or plan in the verification file, found neither; name one of {', '.join(list_products())}, a nuclide, or the plan."
            )
        if not self.territories and not self.tumours:
            raise DosimetryError(
                "Expected territories or tumours in the verification file, found neither; name the segments to report."
            )
        if self.scout is not None and (self.plan is None or not self.territories):
            raise DosimetryError(
                "Expected plan and territories with scout in the verification file, found not both; the planned map needs them."
            )
