"""From a request file and a sphere phantom scan to recovery.json and its plot: the verb ``recovery``."""

import math
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from RNTDosimetryLib.base.checks import checked_number
from RNTDosimetryLib.base.documents import PATH, Request, write_text
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.camera import (
    DetectedSphere,
    RecoveryCurve,
    apply_calibration,
    detect_spheres,
    fit_recovery,
    measure_sphere_recovery,
    read_calibration,
    write_recovery,
)
from RNTDosimetryLib.camera.recovery import MODELS
from RNTDosimetryLib.images import ActivityImage
from RNTDosimetryLib.intake.counts import StoredScan, read_stored_scan
from RNTDosimetryLib.measurement.uncertainty import FWHM_PER_SIGMA
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.nuclides.decay import acquisition_average_factor
from RNTDosimetryLib.report import Column, Table, measured
from RNTDosimetryLib.roads.camera.report import recovery_plot
from RNTDosimetryLib.roads.road import Road, answer_of

_LONGEST_WAIT_HALF_LIVES = 10.0
_RESOLUTION_AGREES_WITHIN = 0.15


@dataclass(frozen=True)
class RecoveryRequest(Request):
    """What was scanned. scan, calibration_file: relative to the request; the file is for a scan in counts, and must be left out otherwise.

    concentration_mbq_ml: in the spheres at ``measured``, by dose calibrator and volume. diameters_mm: inner, of every sphere.
    centers_lps_mm: (x, y, z) in their order; None finds the spheres in the image. background_mbq_ml: around the spheres at the same
    time, 0 for a cold phantom; None measures it. model: "auto", "gaussian" or "logistic". unit, start, duration_s, decay_correction: of the
    scan, before what its file says. setup: words of your own, added to those of the file and the calibration.
    """

    NAME = "RNTDosimetry recovery request"
    WHAT = "a recovery request"
    PAGE = "docs/recovery.md"

    scan: str = field(metadata=PATH)
    nuclide: str
    concentration_mbq_ml: float
    measured: datetime
    diameters_mm: tuple[float, ...]
    fwhm_mm: float
    title: str = ""
    calibration_file: str | None = field(default=None, metadata=PATH)
    concentration_relative_uncertainty: float | None = None
    background_mbq_ml: float | None = None
    centers_lps_mm: tuple[tuple[float, float, float], ...] | None = None
    least_distance_mm: float = 40.0
    model: str = "auto"
    unit: str | None = None
    start: datetime | None = None
    duration_s: float | None = None
    decay_correction: str | None = None
    setup: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        get_nuclide(self.nuclide)
        for name in ("concentration_mbq_ml", "fwhm_mm", "least_distance_mm"):
            checked_number(getattr(self, name), f"a positive {name} in the recovery request", "correct it", above=True)
        if self.background_mbq_ml is not None:
            checked_number(self.background_mbq_ml, "background_mbq_ml in the recovery request", "0 for a cold phantom")
        if self.model not in (*MODELS, "auto"):
            raise DosimetryError(
                f"Expected the model {', '.join(MODELS)} or auto in the recovery request, received '{self.model}'; choose one."
            )
        if self.centers_lps_mm is not None and len(self.centers_lps_mm) != len(self.diameters_mm):
            raise DosimetryError(
                f"Expected a center for each of the {len(self.diameters_mm)} spheres, received {len(self.centers_lps_mm)}; type them all or none."
            )


def compute(request: RecoveryRequest, progress: Progress = silent) -> RecoveryCurve:
    """Recovery curve of the scan that a request names. Raises DosimetryError for what cannot be used."""
    typed = {key: getattr(request, key) for key in ("unit", "start", "duration_s", "decay_correction")}
    scan = read_stored_scan(request.scan, typed)
    nuclide = get_nuclide(request.nuclide).name
    if scan.nuclide and scan.nuclide != nuclide:
        raise DosimetryError(f"Expected a scan of {nuclide} in {scan.name}, received one of {scan.nuclide}; correct the nuclide.")
    if scan.planar:
        raise DosimetryError(f"Expected a reconstruction in {scan.name}, received a planar image; choose the SPECT.")
    image, setup = _image(scan, request)
    to_scan = 1e6 * _decay_to(request, scan.start)
    if request.centers_lps_mm is None:
        spheres = detect_spheres(image, request.diameters_mm, request.fwhm_mm, request.least_distance_mm)
    else:
        spheres = tuple(
            DetectedSphere(center, diameter, 0.0) for center, diameter in zip(request.centers_lps_mm, request.diameters_mm)
        )
    surroundings = None if request.background_mbq_ml is None else request.background_mbq_ml * to_scan
    found = measure_sphere_recovery(
        image,
        spheres,
        request.concentration_mbq_ml * to_scan,
        request.fwhm_mm,
        request.concentration_relative_uncertainty,
        surroundings,
    )
    curve = fit_recovery(
        found.volumes_ml,
        found.recoveries,
        found.uncertainties,
        request.model,
        found.systematic_relative_uncertainty,
        {**setup, **request.setup, "nuclide": nuclide},
    )
    unknown = ()
    if found.systematic_relative_uncertainty is None:
        unknown = (warned("concentration_uncertainty_not_known"),)
    return replace(
        curve,
        title=request.title,
        warnings=tuple(
            dict.fromkeys(
                (*image.warnings, *found.warnings, *unknown, *_resolution_warnings(curve, request.fwhm_mm, scan), *curve.warnings)
            )
        ),
    )


def recovery_table(curve: RecoveryCurve) -> Table:
    """Measured and fitted recovery of every sphere."""
    spread = curve.uncertainties or (None,) * len(curve.volumes_ml)
    rows = [
        (2.0 * (3000.0 * volume / (4.0 * math.pi)) ** (1.0 / 3.0), volume, measured(value, u), float(curve.value([volume])[0]))
        for volume, value, u in sorted(zip(curve.volumes_ml, curve.recoveries, spread))
    ]
    parameters = ", ".join(f"{name} {value:.4g}" for name, value in curve.parameters.items())
    columns = (Column("Diameter", "mm"), Column("Volume", "mL"), Column("Measured"), Column("Curve"))
    return Table("Recovery coefficients", columns, tuple(rows), note=f"Curve: {curve.model}, {parameters}.")


def _image(scan: StoredScan, request: RecoveryRequest) -> tuple[ActivityImage, dict[str, str]]:
    """The scan in Bq/mL at its start, by the calibration file when it is in counts, and words about the camera."""
    if scan.unit == "counts":
        if request.calibration_file is None:
            raise DosimetryError(
                f"Expected a calibration_file for {scan.name}, which is in counts, found none; name one in the request."
            )
        calibration = read_calibration(request.calibration_file)
        setup = {**scan.setup, **request.setup}
        image = apply_calibration(
            scan.values, scan.geometry, calibration, request.nuclide, scan.duration_s, 0.0, scan.start, setup, name=scan.name
        )
        return replace(image, warnings=(*scan.warnings, *image.warnings)), {**calibration.setup, **setup}
    if request.calibration_file is not None:
        raise DosimetryError(
            f"Expected counts in {scan.name} for the calibration file, received Bq/mL: it was calibrated before; take calibration_file out of the request."
        )
    nuclide = get_nuclide(request.nuclide)
    factor = float(acquisition_average_factor(nuclide.decay_constant_per_h / 3600.0, scan.duration_s))
    image = ActivityImage(
        scan.name, scan.geometry, scan.values * factor, nuclide.name, 0.0, scan.start, scan.duration_s, warnings=scan.warnings
    )
    return image, scan.setup


def _resolution_warnings(curve: RecoveryCurve, fwhm_mm: float, scan: StoredScan) -> tuple[str, ...]:
    """A wrong concentration or calibration looks like another resolution. The typed one may or may not hold the blur of the voxels."""
    fitted = curve.parameters.get("fwhm_mm")
    with_voxels = math.hypot(fwhm_mm, FWHM_PER_SIGMA * max(scan.geometry.spacing_mm) / math.sqrt(12.0))
    if fitted is None or (1 - _RESOLUTION_AGREES_WITHIN) * fwhm_mm <= fitted <= (1 + _RESOLUTION_AGREES_WITHIN) * with_voxels:
        return ()
    return (warned("spheres_fit_another_resolution", fitted=fitted, entered=fwhm_mm),)


def _decay_to(request: RecoveryRequest, start: datetime) -> float:
    """Share of the concentration left at the start of the scan."""
    if (request.measured.tzinfo is None) != (start.tzinfo is None):
        raise DosimetryError(
            "Expected the times of filling and scan both with or both without a timezone, received a mixture; type them alike."
        )
    half_life_h = get_nuclide(request.nuclide).half_life_h
    hours = (start - request.measured).total_seconds() / 3600.0
    if abs(hours) > _LONGEST_WAIT_HALF_LIVES * half_life_h:
        raise DosimetryError(
            f"Expected a scan within {_LONGEST_WAIT_HALF_LIVES:g} half-lives of the filling, received {hours / 24:.1f} days; check the dates."
        )
    return 0.5 ** (hours / half_life_h)


def deliver(curve: RecoveryCurve, folder: Path) -> list[Path]:
    """Write recovery.json and recovery.svg."""
    plot = recovery_plot(curve, curve.title or "Recovery coefficient")
    return [write_recovery(curve, folder / "recovery.json"), write_text(folder / "recovery.svg", plot)]


RECOVERY = Road(
    verb="recovery",
    help="recovery curve from a sphere phantom scan",
    description="Measure a recovery curve.",
    request=RecoveryRequest,
    compute=compute,
    deliver=deliver,
    answer=lambda curve: answer_of(recovery_table(curve), curve.warnings),
)
