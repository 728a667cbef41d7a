"""What kind of phantom patient to make, and the protocol it is scanned with."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.images.geometry import ImageGeometry

SPECT_FORMATS = ("NM", "PT")
CONTOUR_FORMATS = ("SEG", "RTSTRUCT")
DECAY_CORRECTIONS = ("NONE", "START", "ADMIN")
NM_SCALINGS = ("RWVM", "RESCALE")
SIZES = ("full", "small")


@dataclass(frozen=True)
class PhantomSettings(Record):
    """Which phantom patient. The same settings give the same files, byte for byte.

    seed: of noise, motion and identifiers. blur: camera point spread and voxel averaging; without it each SPECT voxel is
    the true concentration at its center. noise: Poisson counts in SPECT and noise in CT. motion: each time point after the
    first has its own shift and rotation. spect_format: "NM" (one multi-frame object) and/or "PT" (slices).
    contour_format: "SEG" and/or "RTSTRUCT", on the first CT. decay_correction: of the stored SPECT values: "NONE" mean over the
    acquisition, "START" at its start, "ADMIN" at the administration. nm_scaling: how an NM object gives Bq/mL, real world value
    map or rescale. size: "full" for demos, "small" for quick tests.
    """

    seed: int = 1
    blur: bool = True
    noise: bool = True
    motion: bool = True
    spect_format: tuple[str, ...] = ("NM",)
    contour_format: tuple[str, ...] = ("SEG",)
    decay_correction: str = "NONE"
    nm_scaling: str = "RWVM"
    size: str = "full"

    def __post_init__(self):
        for name in ("spect_format", "contour_format"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise DosimetryError(f"Expected a seed that is an integer of 0 or more, received {self.seed!r}; choose one.")
        _check_subset(self.spect_format, SPECT_FORMATS, "spect_format")
        _check_subset(self.contour_format, CONTOUR_FORMATS, "contour_format")
        for name, allowed in (("decay_correction", DECAY_CORRECTIONS), ("nm_scaling", NM_SCALINGS), ("size", SIZES)):
            if getattr(self, name) not in allowed:
                raise DosimetryError(
                    f"Expected {name} to be one of {', '.join(allowed)}, received {getattr(self, name)!r}; choose one."
                )


def _check_subset(values: tuple, allowed: tuple, name: str) -> None:
    if not values or not set(values) <= set(allowed):
        raise DosimetryError(f"Expected {name} to be one or more of {', '.join(allowed)}, received {values!r}; choose from them.")


@dataclass(frozen=True)
class ScanPlan(Record):
    """One time point: hours from the start of administration to the start of acquisition, and its duration."""

    name: str
    start_h: float
    duration_s: float


@dataclass(frozen=True)
class Protocol:
    """Administration, scans, camera, CT and grids, from ``Resources/phantom/protocol.json``."""

    patient: dict
    administration_start: datetime
    administration_duration_min: float
    activity_gbq: float
    sensitivity_cps_per_mbq: float
    psf_fwhm_mm: float
    scans: tuple[ScanPlan, ...]
    ct_before_spect_s: float
    ct_noise_hu: dict
    ct_blur_fwhm_mm: float
    motion: dict
    grids: dict = field(repr=False)

    def geometry(self, size: str, kind: str) -> ImageGeometry:
        """Grid "spect", "ct_reference" or "ct_follow_up" of a size preset."""
        grid = self.grids[size][kind]
        half = (np.asarray(grid["size"]) - 1) / 2 * np.asarray(grid["spacing_mm"])
        origin = np.asarray(grid["center_lps_mm"]) - half[::-1]
        return ImageGeometry(tuple(grid["size"]), tuple(grid["spacing_mm"]), tuple(np.round(origin, 6)))

    def acquisition_start(self, scan: ScanPlan) -> datetime:
        return self.administration_start + timedelta(hours=scan.start_h)


@lru_cache(maxsize=1)
def load_protocol() -> Protocol:
    """The protocol of ``Resources/phantom/protocol.json``."""
    data = read_json("phantom", "protocol.json")
    return Protocol(
        patient=data["patient"],
        administration_start=datetime.fromisoformat(data["administration"]["start"]),
        administration_duration_min=float(data["administration"]["duration_min"]),
        activity_gbq=float(data["administration"]["activity_gbq"]),
        sensitivity_cps_per_mbq=float(data["camera"]["sensitivity_cps_per_mbq"]),
        psf_fwhm_mm=float(data["camera"]["psf_fwhm_mm"]),
        scans=tuple(ScanPlan.from_dict(scan) for scan in data["scans"]),
        ct_before_spect_s=float(data["ct_before_spect_s"]),
        ct_noise_hu=data["ct_noise_hu"],
        ct_blur_fwhm_mm=float(data["ct_blur_fwhm_mm"]),
        motion=data["motion"],
        grids=data["grids"],
    )
