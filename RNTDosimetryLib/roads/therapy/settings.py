"""How a study is computed: every setting declared once, with the step of the road that reads it first."""

from dataclasses import dataclass

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.settings import check_settings, setting
from RNTDosimetryLib.images.resampling import rigid_matrix

STEPS = ("register", "measure", "fit", "dose")
"""The steps that are computed, in their order; each reads what those before it gave."""


@dataclass(frozen=True)
class StudySettings(Record):
    """How to compute. The defaults are stated in every report.

    Raises DosimetryError for a value that a setting cannot have.
    """

    model: str = setting(
        "auto", "Time-activity model", "Time-activity model of the regions",
        step="fit", parameter="model", more="`auto` chooses by AICc, see [kinetics](kinetics.md); `hanscheid` takes a single scan without a half-life",
    )  # fmt: skip
    voxel_model: str = setting(
        "shared", "Voxel curves", "How the time curve of a voxel is found",
        choices={"shared": "Rates of the region", "mono": "Own mono-exponential", "auto": "Own best model"},
        step="dose", section="doseAdvanced", parameter="voxelModel",
    )  # fmt: skip
    dose_method: str = setting(
        "kernel", "Dose map", "Kernel: electron and photon dose around each voxel. Local: electrons where they are emitted, photons left out",
        choices={"kernel": "Kernel (electrons and photons)", "local": "Local deposition (electrons)"},
        step="dose", section="dose", parameter="doseMethod",
    )  # fmt: skip
    density_g_ml: float = setting(
        1.04, "Density", "For the mass of the regions and the dose map; soft tissue is 1.04 g/mL",
        unit="g/mL", least=0.05, most=3.0, decimals=3, step="measure", section="regionsAdvanced", parameter="densityGPerMl", remedy="soft tissue is 1.04",
    )  # fmt: skip
    density_from_ct: bool = setting(
        False, "Density from CT", "Density of every voxel of the dose map from the CT of the reference, instead of one density",
        step="dose", section="doseAdvanced", parameter="densityFromCt", more="`density_g_ml` then serves the masses only",
    )  # fmt: skip
    register: bool = setting(
        True, "Register", "Align the scans onto the reference, on which the regions were drawn", step="register"
    )
    register_by: str = setting(
        "ct", "Register by", "What of the scans is aligned",
        choices={"ct": "their CTs; a scan without one is taken as aligned, with a warning", "activity": "the activity images themselves"},
        step="register", more="See [registration](registration.md)",
    )  # fmt: skip
    registrations: tuple[tuple[tuple[float, ...], ...], ...] | None = setting(
        None,
        "Known registrations",
        "Known 4 x 4 LPS matrices, one for each scan, from the reference to the scan",
        step="register",
    )
    map_follows_regions: bool = setting(
        False, "Map follows regions",
        "Scale the voxels of every region to its recovery-corrected activity; without it blur lowers the map in small regions",
        step="dose", section="doseAdvanced", parameter="mapFollowsRegions", more="What blur carried out of a region stays outside",
    )  # fmt: skip
    lesions_out_of_organs: bool = setting(
        True, "Organs without lesions", "Report an organ that lesions lie in a second time, without them",
        step="measure", section="regionsAdvanced", parameter="lesionsOutOfOrgans",
    )  # fmt: skip
    calibration_uncertainty: float = setting(
        0.0, "Calibration uncertainty", "1 sigma of the camera calibration, relative, common to all scans and added once",
        least=0.0, most=0.99, step="measure", section="regionsAdvanced", parameter="calibrationUncertaintyPercent", shown_times=100.0, shown_unit="%",
        remedy="0.05 means 5 %", more="0 is not stated, with a warning",
    )  # fmt: skip
    scan_uncertainty: float = setting(
        0.03, "Scan uncertainty",
        "How well a scan of the same activity repeats, 1 sigma, relative, beside the noise of its voxels: repositioning and reconstruction",
        least=0.0, most=0.99, step="measure", section="regionsAdvanced", parameter="scanUncertaintyPercent", shown_times=100.0, shown_unit="%",
        remedy="0.03 means 3 %",
    )  # fmt: skip
    spect_resolution_fwhm_mm: float | None = setting(
        None, "Image resolution", "Full width at half maximum of the activity images, for the uncertainty of the outlines; 0 in the panel leaves it out",
        unit="mm", least=0.01, most=99.0, step="measure", section="regionsAdvanced", parameter="spectResolutionMm",
        more="See [regions and activity](regions_and_activity.md)",
    )  # fmt: skip
    alignment_uncertainty_mm: float | None = setting(
        None, "Alignment uncertainty", "How far a region may lie beside its place in a later scan, 1 sigma along each axis; 0 in the panel takes it from the registration",
        unit="mm", least=0.01, most=50.0, step="measure", section="regionsAdvanced", parameter="alignmentUncertaintyMm",
        more="Left out, it follows from the method and the correlation of the CTs: see [registration](registration.md)",
    )  # fmt: skip

    def __post_init__(self):
        check_settings(self)
        for matrix in self.registrations or ():
            rigid_matrix(matrix, "registrations of the settings")
