"""From a request file and a scan of a known source to calibration.json: the verb ``calibrate``."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.checks import checked_number
from RNTDosimetryLib.base.documents import PATH, Request
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.camera import (
    Calibration,
    CalibrationSource,
    DeadTime,
    calibrate_planar,
    calibrate_point,
    calibrate_uniform,
    write_calibration,
)
from RNTDosimetryLib.camera.calibration import KINDS
from RNTDosimetryLib.intake.counts import StoredScan, read_stored_scan
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.report import Column, Table
from RNTDosimetryLib.roads.road import Road, answer_of

SCANNED = tuple(kind for kind in KINDS if kind != "typed")
_SOURCE_SMOOTHING = 2.0
_LEAST_SHARE_IN_CIRCLE = 0.9


@dataclass(frozen=True)
class CalibrationRequest(Request):
    """What was scanned. scan: DICOM file, folder of one series, or volume file, relative to the request.

    kind: "planar", "point" or "uniform". fwhm_mm: resolution, for point and uniform. volume_ml: filled, of a uniform phantom.
    region_radius_mm: circle about the center of a planar source that holds all of its counts; background_radius_mm: pixels
    farther than this are background, None takes none off. unit, start, duration_s, nuclide, decay_correction, frames: of the scan, before
    what its file says. dead_time with observed_wide_cps, the wide-spectrum rate of the scan; it is kept in the calibration. setup: words of your own, added to camera,
    collimator and window as the file names them; a scan that is to be calibrated must have the same ones.
    """

    NAME = "RNTDosimetry calibration request"
    WHAT = "a calibration request"
    PAGE = "docs/calibration.md"

    scan: str = field(metadata=PATH)
    kind: str
    source: CalibrationSource
    title: str = ""
    fwhm_mm: float | None = None
    volume_ml: float | None = None
    volume_relative_uncertainty: float | None = None
    region_radius_mm: float | None = None
    background_radius_mm: float | None = None
    unit: str | None = None
    start: datetime | None = None
    duration_s: float | None = None
    decay_correction: str | None = None
    frames: tuple[int, ...] | None = None
    dead_time: DeadTime | None = None
    observed_wide_cps: float | None = None
    setup: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        if self.kind not in SCANNED:
            raise DosimetryError(
                f"Expected kind {', '.join(SCANNED)} in the calibration request, received '{self.kind}'; choose what was scanned."
            )
        needed = {"planar": ("region_radius_mm",), "point": ("fwhm_mm",), "uniform": ("fwhm_mm", "volume_ml")}[self.kind]
        for name in ("fwhm_mm", "volume_ml", "region_radius_mm", "background_radius_mm", "duration_s", "observed_wide_cps"):
            value = getattr(self, name)
            if value is None and name in needed:
                raise DosimetryError(f"Expected {name} for a {self.kind} calibration, found none; type it in the request.")
            if value is not None:
                checked_number(value, f"a positive {name} in the calibration request", "correct it", above=True)
        if self.background_radius_mm is not None and not self.background_radius_mm >= (self.region_radius_mm or 0.0):
            raise DosimetryError(
                f"Expected background_radius_mm of at least region_radius_mm, received {self.background_radius_mm:g} and {self.region_radius_mm:g} mm."
            )
        if (self.dead_time is None) != (self.observed_wide_cps is None):
            raise DosimetryError(
                "Expected dead_time and observed_wide_cps together in the calibration request, received one of them; type both."
            )


def compute(request: CalibrationRequest, progress: Progress = silent) -> Calibration:
    """Sensitivity of the scan that a request names. Raises DosimetryError for what cannot be used."""
    typed = {key: getattr(request, key) for key in ("unit", "start", "duration_s", "decay_correction", "frames")}
    scan = read_stored_scan(request.scan, typed)
    source = request.source
    if scan.unit != "counts":
        raise DosimetryError(
            f"Expected counts in {scan.name}, received {scan.unit}: it was calibrated before; reconstruct it in counts, or type the unit."
        )
    nuclide = get_nuclide(source.nuclide).name
    if scan.nuclide and scan.nuclide != nuclide:
        raise DosimetryError(f"Expected a scan of {nuclide} in {scan.name}, received one of {scan.nuclide}; correct the source.")
    if scan.planar != (request.kind == "planar"):
        raise DosimetryError(
            f"Expected a {'planar image' if request.kind == 'planar' else 'reconstruction'} for a {request.kind} calibration, received another in {scan.name}."
        )
    dead_time = None if request.dead_time is None else request.dead_time.factor(request.observed_wide_cps)
    circle = ()
    common = {"dead_time": dead_time, "setup": {**scan.setup, **request.setup}}
    if request.kind == "planar":
        inside, background = _planar_masks(scan, request)
        circle = _circle_warnings(scan.values[0], inside, background, request.region_radius_mm)
        found = calibrate_planar(scan.values[0], source, scan.start, scan.duration_s, inside, background, **common)
    elif request.kind == "point":
        found = calibrate_point(scan.values, scan.geometry, source, scan.start, scan.duration_s, request.fwhm_mm, **common)
    else:
        found = calibrate_uniform(
            scan.values,
            scan.geometry,
            source,
            scan.start,
            scan.duration_s,
            request.volume_ml,
            request.fwhm_mm,
            request.volume_relative_uncertainty,
            **common,
        )
    return replace(found, dead_time=request.dead_time, warnings=(*scan.warnings, *circle, *found.warnings))


def calibration_table(calibration: Calibration) -> Table:
    """Sensitivity, its parts and where it belongs."""
    relative = calibration.relative_uncertainty
    rows = [
        ("nuclide", calibration.nuclide),
        ("kind", calibration.kind),
        ("sensitivity, cps/MBq", f"{calibration.sensitivity_cps_per_mbq:.5g}"),
        ("standard uncertainty", "not known" if relative is None else f"{100 * relative:.2g} %"),
        *((f"part from {cause}", f"{100 * share:.2g} %") for cause, share in calibration.parts.items()),
        *((f"part from {cause}", "not known") for cause in calibration.unknown_parts),
        ("measured", "not known" if calibration.measured is None else f"{calibration.measured:%Y-%m-%d %H:%M}"),
        ("half-life, h", f"{calibration.half_life_h:.6g}"),
        *(
            []
            if calibration.dead_time is None
            else [("dead time, s", f"{calibration.dead_time.dead_time_s:.4g}, {calibration.dead_time.model}")]
        ),
        *calibration.setup.items(),
    ]
    return Table("Camera calibration", (Column("What", align="left"), Column("Value", align="left")), tuple(rows))


def _circle_warnings(image: np.ndarray, inside: np.ndarray, background: np.ndarray | None, radius_mm: float) -> tuple[str, ...]:
    """A sentence for a circle that leaves out part of the source."""
    net = image if background is None else image - float(image[background].mean())
    share = float(net[inside].sum() / net.sum()) if net.sum() > 0 else 0.0
    if share >= _LEAST_SHARE_IN_CIRCLE:
        return ()
    return (warned("circle_leaves_out_the_source", radius=radius_mm, share=share),)


def _planar_masks(scan: StoredScan, request: CalibrationRequest) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels within the circle about the centroid of the source, and those of the background."""
    from scipy import ndimage

    image, step = scan.values[0], scan.geometry.spacing_mm[1:]
    smooth = ndimage.gaussian_filter(image, _SOURCE_SMOOTHING)
    center = ndimage.center_of_mass(np.where(smooth > 0.5 * smooth.max(), smooth, 0.0))
    axes = [(np.arange(count) - middle) * width for count, middle, width in zip(image.shape, center, step)]
    distance = np.hypot(*np.meshgrid(*axes, indexing="ij"))
    edge = min(min(middle + 0.5, count - 0.5 - middle) * width for count, middle, width in zip(image.shape, center, step))
    if edge < request.region_radius_mm:
        raise DosimetryError(
            f"Expected the planar source at least {request.region_radius_mm:.0f} mm inside the image, received {edge:.0f} mm; center it or type a smaller circle."
        )
    background = None if request.background_radius_mm is None else distance > request.background_radius_mm
    if background is not None and not background.any():
        raise DosimetryError(
            f"Expected pixels farther than {request.background_radius_mm:g} mm from the source for the background, received none; type less."
        )
    return distance <= request.region_radius_mm, background


def deliver(calibration: Calibration, folder: Path) -> list[Path]:
    """Write calibration.json."""
    return [write_calibration(calibration, folder / "calibration.json")]


CALIBRATE = Road(
    verb="calibrate",
    help="sensitivity from a scan of a known source",
    description="Calibrate a camera.",
    request=CalibrationRequest,
    compute=compute,
    deliver=deliver,
    answer=lambda calibration: answer_of(calibration_table(calibration), calibration.warnings),
)
