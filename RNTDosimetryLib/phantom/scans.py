"""One time point at a time: CT and SPECT as arrays with their grids, in the pose of that day."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.volumes import ActivityImage, CtImage, Region
from RNTDosimetryLib.phantom.body import index_to_patient, load_anatomy
from RNTDosimetryLib.phantom.camera import blurred_map, ct_image, true_map, with_counting_noise
from RNTDosimetryLib.phantom.course import load_kinetics, phantom_nuclide, random_stream, scan_pose
from RNTDosimetryLib.phantom.dicom import Session
from RNTDosimetryLib.phantom.settings import PhantomSettings, ScanPlan, load_protocol

BQ_PER_MBQ = 1.0e6


@dataclass(frozen=True)
class PhantomScan(Record):
    """One time point as the scanner stores it.

    spect_bq_ml: (z, y, x) float32, as stored: mean over the acquisition times ``decay_factor``. decay_factor: 1 for decay
    correction NONE. reference_to_scan: 4 x 4 LPS matrix. ct: in the same frame as SPECT.
    """

    name: str
    index: int
    start_h: float
    duration_s: float
    acquisition_start: datetime
    ct_start: datetime
    decay_correction: str
    decay_factor: float
    reference_to_scan: tuple[tuple[float, ...], ...]
    ct: CtImage
    spect_geometry: ImageGeometry
    spect_bq_ml: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)

    def activity_image(self) -> ActivityImage:
        """Concentration at the start of the acquisition, as intake should find it: physical decay taken out."""
        nuclide = phantom_nuclide()
        to_start = duration_factor(nuclide.decay_constant_per_h, self.duration_s) / self.decay_factor
        return ActivityImage(
            name=self.name,
            geometry=self.spect_geometry,
            concentration_bq_ml=self.spect_bq_ml * np.float32(to_start),
            nuclide=nuclide.name,
            start_h=self.start_h,
            acquisition_start=self.acquisition_start,
            duration_s=self.duration_s,
            frame_of_reference_uid=self.ct.frame_of_reference_uid,
        )


def duration_factor(decay_constant_per_h: float, duration_s: float) -> float:
    """Activity at the start over its mean during an acquisition, for physical decay: x / (1 - exp(-x))."""
    exponent = decay_constant_per_h * duration_s / 3600.0
    return float(exponent / -np.expm1(-exponent))


def stored_decay_factor(decay_correction: str, decay_constant_per_h: float, scan: ScanPlan) -> float:
    """Factor of the stored value over the mean during the acquisition, by the decay correction dialect."""
    if decay_correction == "NONE":
        return 1.0
    factor = duration_factor(decay_constant_per_h, scan.duration_s)
    return factor if decay_correction == "START" else factor * float(np.exp(decay_constant_per_h * scan.start_h))


def simulate_scan(settings: PhantomSettings, index: int) -> PhantomScan:
    """CT and SPECT of time point ``index`` (0 is the first)."""
    anatomy, protocol = load_anatomy(), load_protocol()
    scan = protocol.scans[index]
    pose = scan_pose(settings, protocol, index)
    kind = "reference" if index == 0 else "follow_up"
    start = protocol.acquisition_start(scan)
    decay_factor = stored_decay_factor(settings.decay_correction, phantom_nuclide().decay_constant_per_h, scan)
    geometry = protocol.geometry(settings.size, "spect")
    return PhantomScan(
        name=scan.name,
        index=index,
        start_h=scan.start_h,
        duration_s=scan.duration_s,
        acquisition_start=start,
        ct_start=start - timedelta(seconds=protocol.ct_before_spect_s),
        decay_correction=settings.decay_correction,
        decay_factor=decay_factor,
        reference_to_scan=tuple(tuple(float(v) for v in row) for row in pose),
        ct=CtImage(
            name=f"CT {scan.name}",
            geometry=protocol.geometry(settings.size, f"ct_{kind}"),
            hounsfield=ct_image(
                anatomy,
                protocol.geometry(settings.size, f"ct_{kind}"),
                protocol.ct_blur_fwhm_mm,
                protocol.ct_noise_hu[kind],
                random_stream(settings, "ct", index) if settings.noise else None,
                pose,
            ),
            frame_of_reference_uid=session_of(settings, index).frame_of_reference_uid,
        ),
        spect_geometry=geometry,
        spect_bq_ml=acquire_spect(settings, scan, index, geometry, pose) * np.float32(decay_factor),
    )


def session_of(settings: PhantomSettings, index: int) -> Session:
    """DICOM identity of a time point; its study starts with the CT."""
    protocol = load_protocol()
    scan = protocol.scans[index]
    return Session(settings, index, scan.name, protocol.acquisition_start(scan) - timedelta(seconds=protocol.ct_before_spect_s))


def acquire_spect(settings: PhantomSettings, scan: ScanPlan, index: int, geometry: ImageGeometry, pose: np.ndarray) -> np.ndarray:
    """Mean concentration over the acquisition as the camera sees it, Bq/mL, (z, y, x) float32, without decay correction."""
    anatomy, protocol = load_anatomy(), load_protocol()
    values = mean_concentrations_bq_ml(scan)
    if settings.blur:
        image = blurred_map(anatomy, values, geometry, protocol.psf_fwhm_mm, pose)
    else:
        image = true_map(anatomy, values, geometry, pose)
    if not settings.noise:
        return image
    return with_counting_noise(
        image,
        geometry.voxel_volume_ml,
        scan.duration_s,
        protocol.sensitivity_cps_per_mbq,
        random_stream(settings, "spect", index),
    )


def simulate_scans(settings: PhantomSettings | None = None) -> Iterator[PhantomScan]:
    """All time points, one after the other, so that only one is in memory."""
    settings = PhantomSettings() if settings is None else settings
    for index in range(len(load_protocol().scans)):
        yield simulate_scan(settings, index)


def mean_concentrations_bq_ml(scan: ScanPlan) -> dict[str, float]:
    """True mean concentration of each region over an acquisition, Bq/mL."""
    kinetics = load_kinetics(load_protocol().activity_gbq)
    return {
        name: BQ_PER_MBQ * item.mean_concentration_mbq_ml(scan.start_h, scan.duration_s / 3600.0)
        for name, item in kinetics.items()
    }


def phantom_regions(settings: PhantomSettings | None = None, geometry: ImageGeometry | None = None) -> tuple[Region, ...]:
    """The drawn regions as masks (voxel center inside) in the reference pose, on the grid of the first CT or on another.

    The liver is without its lesions: regions never overlap.
    """
    settings = PhantomSettings() if settings is None else settings
    anatomy, protocol = load_anatomy(), load_protocol()
    geometry = protocol.geometry(settings.size, "ct_reference") if geometry is None else geometry
    labels = anatomy.labels(index_to_patient(geometry), geometry.size)
    kinetics = load_kinetics(protocol.activity_gbq)
    return tuple(
        Region(
            name=name,
            geometry=geometry,
            occupancy=anatomy.region_mask(labels, name),
            kind=kinetics[name].kind,
            density_g_ml=anatomy.region_density_g_ml(name),
        )
        for name in anatomy.drawn_regions
    )
