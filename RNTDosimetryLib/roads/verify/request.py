"""What is named for the verification of a radioembolisation: the request that a verification file holds."""

from dataclasses import dataclass, field

from RNTDosimetryLib.base.documents import request_from_dict, written_request
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.planning import list_products
from RNTDosimetryLib.planning.verification import MODES

VERIFY_FORMAT = "RNTDosimetry verification"
VERIFY_VERSION = 1


@dataclass(frozen=True)
class VerifyRequest(Record):
    """What was named. Paths are relative to the verification file; doses in Gy, fractions as fractions.

    image: DICOM folder with the scan after treatment, its CT and segments, or a volume file; activity: what is typed about a volume file
    (start_h, unit, decay_correction, duration_s), not needed for the mode "relative". product: as in a plan file; None takes the plan's.
    territories, tumours, others: by name a volume file of the segment, or a list of names of segments in the DICOM folder; normal liver is
    territory without tumours. liver: everything perfused, None joins territories and tumours. lungs: with their mass from ct, lung_mass_g or the plan.
    plan: a plan file or plan.json; gives planned doses, limits, net activity and lung shunt, unless they are typed here.
    planned_dose_gy: typed, by name. scout: image before treatment, for a planned map; needs plan. resolution_fwhm_mm: of the image, to correct blur.
    """

    image: str
    product: str | None = None
    title: str = ""
    mode: str = "absolute"
    activity: dict = field(default_factory=dict)
    territories: dict | list = field(default_factory=dict)
    tumours: dict | list = field(default_factory=dict)
    others: dict | list = field(default_factory=dict)
    liver: str | None = None
    lungs: str | None = None
    ct: str | None = None
    resolution_fwhm_mm: float | None = None
    method: str = "local"
    plan: str | None = None
    planned_dose_gy: dict[str, float] = field(default_factory=dict)
    net_activity_gbq: float | None = None
    lung_shunt_fraction: float | None = None
    lung_mass_g: float | None = None
    scout: str | None = None
    dose_constant_j_per_gbq: float | None = None
    product_file: str | None = None

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

    def to_dict(self) -> dict:
        return written_request(self, VERIFY_FORMAT, VERIFY_VERSION)


def verify_request_from_dict(data) -> VerifyRequest:
    """Request from the content of a verification file, or of a verification.json written before. Raises DosimetryError for unknown or wrong keys."""
    if isinstance(data, dict) and isinstance(data.get("request"), dict):
        data = data["request"]
    return request_from_dict(VerifyRequest, VERIFY_FORMAT, VERIFY_VERSION, data, "a verification file")
