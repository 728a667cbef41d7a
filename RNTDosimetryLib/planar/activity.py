"""Activity of a region from two opposite planar views: geometric mean, attenuation, scatter, background and overlap."""

import math
from dataclasses import dataclass, field

import numpy as np

from RNTDosimetryLib.base.checks import checked_kind, checked_number
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.camera.calibration import Calibration
from RNTDosimetryLib.camera.dead_time import DeadTimeFactor
from RNTDosimetryLib.images.resampling import occupancy_on_grid
from RNTDosimetryLib.images.volumes import CtImage, Region
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.nuclides.decay import acquisition_average_factor

_MOSTLY_COVERED = 0.5
_DEEP_PATH = 4.0
_UNEQUAL_VIEWS = 20.0


@dataclass(frozen=True)
class PlanarView(Record):
    """One planar image: raw counts (y, x) in the photopeak window and, for scatter, in the windows below and above it.

    Widths in keV. lower, upper: None without that window; scatter above the peak is then taken as zero, and without a
    lower window no scatter is taken off. dead_time: factor of this acquisition, None without correction.
    """

    counts: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    duration_s: float
    lower: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN, repr=False)
    upper: np.ndarray | None = field(default=None, metadata=NOT_WRITTEN, repr=False)
    peak_width_kev: float | None = None
    lower_width_kev: float | None = None
    upper_width_kev: float | None = None
    dead_time: DeadTimeFactor | None = None

    def __post_init__(self):
        if not (math.isfinite(self.duration_s) and self.duration_s > 0):
            raise DosimetryError(f"Expected a positive duration of the planar image in s, received {self.duration_s}; type it.")
        for name in ("counts", "lower", "upper"):
            given = getattr(self, name)
            if given is None:
                continue
            values = np.asarray(given, dtype=np.float64)
            if values.ndim != 2 or values.shape != np.shape(self.counts) or not np.all(np.isfinite(values)) or values.min() < 0:
                raise DosimetryError(
                    f"Expected counts of zero or more on (y, x) for {name} of the planar image, received others; give raw counts."
                )
            object.__setattr__(self, name, values)
        for window, width in (("lower", self.lower_width_kev), ("upper", self.upper_width_kev)):
            widths = (self.peak_width_kev, width)
            if getattr(self, window) is not None and not all(value is not None and value > 0 for value in widths):
                raise DosimetryError(
                    f"Expected the widths in keV of the photopeak and the {window} window, received {widths}; type them."
                )
        if self.upper is not None and self.lower is None:
            raise DosimetryError(
                "Expected a lower scatter window together with the upper one, received the upper alone; give both or none."
            )

    def primary(self) -> tuple[np.ndarray, np.ndarray]:
        """Counts without scatter and their variance, (y, x).

        Two or three energy windows (Ogawa 1991): scatter in the peak is a trapezoid between the count densities of the windows at
        its sides, S = (C_lower/w_lower + C_upper/w_upper) w_peak / 2.
        """
        counts, variance = self.counts.copy(), self.counts.copy()
        for values, width in ((self.lower, self.lower_width_kev), (self.upper, self.upper_width_kev)):
            if values is not None:
                share = 0.5 * self.peak_width_kev / width
                counts -= share * values
                variance += share**2 * values
        return counts, variance

    def mirrored(self) -> "PlanarView":
        """Left and right exchanged: the view from behind as seen from the front."""
        flip = {
            name: None if (values := getattr(self, name)) is None else np.fliplr(values) for name in ("counts", "lower", "upper")
        }
        widths = (self.peak_width_kev, self.lower_width_kev, self.upper_width_kev)
        return PlanarView(flip["counts"], self.duration_s, flip["lower"], flip["upper"], *widths, self.dead_time)


@dataclass(frozen=True)
class PhotonPath(Record):
    """What the photons of a region pass between the two heads.

    mu_per_cm: effective linear attenuation coefficient (narrow beam when scatter is taken off). body_mm, organ_mm: thickness of
    the body and of the region along the view. transmission: of the whole body there, measured (image with over image without the
    patient); used instead of exp(-mu body). depth_mm: from the front to the middle of the region, only for the background; None
    takes the share of the thickness. Uncertainties are 1 sigma, absolute, None when not known.
    """

    mu_per_cm: float
    body_mm: float
    organ_mm: float
    transmission: float | None = None
    depth_mm: float | None = None
    mu_uncertainty_per_cm: float | None = None
    body_uncertainty_mm: float | None = None
    organ_uncertainty_mm: float | None = None
    transmission_uncertainty: float | None = None

    def __post_init__(self):
        values = (self.mu_per_cm, self.body_mm, self.organ_mm)
        if (
            not all(math.isfinite(value) and value >= 0 for value in values)
            or self.mu_per_cm > 1
            or not 0 < self.organ_mm <= self.body_mm
        ):
            raise DosimetryError(
                f"Expected an attenuation coefficient from 0 to 1 per cm and a region no thicker than the body, received {values}; check the units."
            )
        if self.transmission is not None and not 0 < self.transmission <= 1:
            raise DosimetryError(
                f"Expected a transmission above 0 and up to 1, received {self.transmission}; divide the images again."
            )
        uncertainties = (
            self.mu_uncertainty_per_cm,
            self.body_uncertainty_mm,
            self.organ_uncertainty_mm,
            self.transmission_uncertainty,
        )
        if any(value is not None and not 0 <= value < math.inf for value in uncertainties):
            raise DosimetryError(
                f"Expected uncertainties of zero or more on the photon path, received {uncertainties}; leave out what is not known."
            )
        if self.depth_mm is not None and not self.organ_mm / 2 - 1e-9 <= self.depth_mm <= self.body_mm - self.organ_mm / 2 + 1e-9:
            raise DosimetryError(
                f"Expected a region within the body, received its middle at {self.depth_mm} mm of {self.body_mm} mm; check the depth."
            )

    @property
    def attenuation_factor(self) -> float:
        """1/sqrt(T): what the geometric mean must be multiplied by for a thin region at any depth."""
        if self.transmission is not None:
            return 1.0 / math.sqrt(self.transmission)
        return math.exp(self.mu_per_cm * self.body_mm / 20.0)

    @property
    def self_attenuation_factor(self) -> float:
        """x / sinh x with x = mu l / 2, l the thickness of the region."""
        x = self.mu_per_cm * self.organ_mm / 20.0
        return x / math.sinh(x) if x > 1e-6 else 1.0

    def relative_parts(self) -> dict[str, float | None]:
        """Relative uncertainties of the two factors together, by cause."""
        x = self.mu_per_cm * self.organ_mm / 20.0
        # d ln(x/sinh x)/dx
        slope = 1.0 / x - 1.0 / math.tanh(x) if x > 1e-4 else -x / 3.0
        parts: dict[str, float | None] = {
            "organ thickness": _times(abs(slope) * self.mu_per_cm / 20.0, self.organ_uncertainty_mm)
        }
        if self.transmission is not None:
            parts["transmission"] = _times(0.5 / self.transmission, self.transmission_uncertainty)
            parts["attenuation coefficient"] = _times(abs(slope) * self.organ_mm / 20.0, self.mu_uncertainty_per_cm)
        else:
            parts["body thickness"] = _times(self.mu_per_cm / 20.0, self.body_uncertainty_mm)
            parts["attenuation coefficient"] = _times(
                abs(self.body_mm + slope * self.organ_mm) / 20.0, self.mu_uncertainty_per_cm
            )
        return parts

    def background_shares(self) -> tuple[float, float]:
        """Share of the counts of a column of background beside the region that is also seen in front and behind it, per view.

        A uniform background with attenuation; without a depth the share of the thickness, 1 - l/t, for both views.
        """
        if self.depth_mm is None or self.mu_per_cm * self.body_mm < 1e-6:
            share = 1.0 - self.organ_mm / self.body_mm
            return share, share
        mu = self.mu_per_cm / 10.0
        column = -math.expm1(-mu * self.body_mm)
        front, behind = self.depth_mm - self.organ_mm / 2.0, self.body_mm - self.depth_mm - self.organ_mm / 2.0
        taken = [math.exp(-mu * start) * -math.expm1(-mu * self.organ_mm) / column for start in (front, behind)]
        return 1.0 - taken[0], 1.0 - taken[1]


@dataclass(frozen=True)
class PlanarActivity(Record):
    """One region in one pair of views, at the start of acquisition.

    value: in ``unit``, MBq with a calibration, else counts per second of the corrected geometric mean. random_uncertainty: counting,
    in the same unit. systematic_parts: relative, by cause, common to all times of a region; None where not known.
    """

    region: str
    time_h: float
    value: float
    unit: str
    anterior_cps: float
    posterior_cps: float
    geometric_mean_cps: float
    attenuation_factor: float
    self_attenuation_factor: float
    random_uncertainty: float
    systematic_parts: dict[str, float | None]
    warnings: tuple[str, ...] = ()

    @property
    def systematic_relative_uncertainty(self) -> float | None:
        """All parts in squares; None when one is not known."""
        return _squares(self.systematic_parts)


@dataclass(frozen=True)
class PlanarCurve(Record):
    """Planar values of one region over time, as ``kinetics.hybrid_curve`` takes them: times_h, values, uncertainties (random)."""

    region: str
    times_h: tuple[float, ...]
    values: tuple[float, ...]
    uncertainties: tuple[float, ...]
    unit: str
    systematic_relative_uncertainty: float | None
    warnings: tuple[str, ...] = ()


def conjugate_activity(
    anterior: PlanarView,
    posterior: PlanarView,
    inside,
    path: PhotonPath,
    region: str,
    start_h: float,
    nuclide,
    calibration: Calibration | None = None,
    background=None,
    covered=None,
    mirror_posterior: bool = True,
) -> PlanarActivity:
    """Activity of a region from anterior and posterior counts.

    inside, background, covered: (y, x) masks as seen from the front. background: beside the region; its mean per pixel times the
    share of ``path`` is taken off. covered: pixels of the region that another organ also fills; the mean of the free pixels is taken
    for them. mirror_posterior: False when the posterior image is already stored as seen from the front. A = sqrt(I_A I_P) / sqrt(T)
    x (mu l/2)/sinh(mu l/2) / S (MIRD pamphlet 16), S counts per second and MBq of one head in air.
    Raises DosimetryError for masks that do not fit, a region without free pixels or without counts above its background,
    and another nuclide.
    """
    record = get_nuclide(nuclide)
    if calibration is not None and calibration.nuclide != record.name:
        raise DosimetryError(
            f"Expected a calibration for {record.name}, received one for {calibration.nuclide}; choose the right file."
        )
    views = (anterior, posterior.mirrored() if mirror_posterior else posterior)
    if views[0].counts.shape != views[1].counts.shape:
        raise DosimetryError(
            f"Expected two views of one size, received {views[0].counts.shape} and {views[1].counts.shape}; bring them to one matrix."
        )
    masks = _masks(views[0].counts.shape, inside, background, covered, region)
    warnings: list[str] = []
    rates, relative_variances = [], []
    for name, view, share in zip(("anterior", "posterior"), views, path.background_shares()):
        rate, variance = _net_rate(view, *masks, share)
        if rate <= 0:
            raise DosimetryError(
                f"Expected counts of {region} above its background in the {name} view, received {rate:.3g} cps; move the background or leave this time out."
            )
        rate *= float(acquisition_average_factor(record.decay_constant_per_h / 3600.0, view.duration_s))
        rates.append(rate)
        relative_variances.append(variance)
        warnings += () if view.dead_time is None else view.dead_time.warnings
    warnings += _doubts(region, rates, path, masks)
    mean = math.sqrt(rates[0] * rates[1])
    parts: dict[str, float | None] = dict(path.relative_parts())
    for name, view in zip(("anterior", "posterior"), views):
        if view.dead_time is not None:
            parts[f"dead time {name}"] = _times(0.5, view.dead_time.relative_uncertainty)
    value = mean * path.attenuation_factor * path.self_attenuation_factor
    if calibration is not None:
        value /= calibration.sensitivity_cps_per_mbq
        parts["calibration"] = calibration.relative_uncertainty
        warnings += calibration.warnings
    return PlanarActivity(
        region=region,
        time_h=float(start_h),
        value=value,
        unit="cps" if calibration is None else "MBq",
        anterior_cps=rates[0],
        posterior_cps=rates[1],
        geometric_mean_cps=mean,
        attenuation_factor=path.attenuation_factor,
        self_attenuation_factor=path.self_attenuation_factor,
        random_uncertainty=value * 0.5 * math.sqrt(sum(relative_variances)),
        systematic_parts=parts,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def planar_curve(points) -> PlanarCurve:
    """Curve of one region from its planar values, in order of time. Raises DosimetryError for none, or for different regions or units."""
    ordered = sorted(points, key=lambda item: item.time_h)
    if not ordered:
        raise DosimetryError("Expected at least one planar value for a curve, received none; measure the region first.")
    if len({(item.region, item.unit) for item in ordered}) > 1:
        raise DosimetryError("Expected planar values of one region in one unit, received several; make one curve for each.")
    if len({item.time_h for item in ordered}) < len(ordered):
        raise DosimetryError(
            f"Expected one planar value at each time of '{ordered[0].region}', received two at one; keep one of each."
        )
    systematic = [item.systematic_relative_uncertainty for item in ordered]
    return PlanarCurve(
        region=ordered[0].region,
        times_h=tuple(item.time_h for item in ordered),
        values=tuple(item.value for item in ordered),
        uncertainties=tuple(item.random_uncertainty for item in ordered),
        unit=ordered[0].unit,
        systematic_relative_uncertainty=None if None in systematic else max(systematic),
        warnings=tuple(dict.fromkeys(text for item in ordered for text in item.warnings)),
    )


def _masks(shape, inside, background, covered, region: str):
    """(inside, background or None, free pixels of the region)."""
    masks = [None if mask is None else np.asarray(mask, dtype=bool) for mask in (inside, background, covered)]
    if any(mask is not None and mask.shape != shape for mask in masks) or not masks[0].any():
        raise DosimetryError(
            f"Expected masks of {region} of shape {shape} with pixels inside, received others; draw them on this image."
        )
    if masks[1] is not None and (not masks[1].any() or np.any(masks[1] & masks[0])):
        raise DosimetryError(f"Expected a background beside {region} and apart from it, received another; draw it anew.")
    free = masks[0] if masks[2] is None else masks[0] & ~masks[2]
    if not free.any():
        raise DosimetryError(f"Expected pixels of {region} that no other organ covers, received none; use SPECT for this region.")
    return masks[0], masks[1], free


def _net_rate(view: PlanarView, inside, background, free, share: float) -> tuple[float, float]:
    """Counts per second of the whole region above its background, and their relative variance."""
    counts, variance = view.primary()
    pixels, used = int(np.count_nonzero(inside)), int(np.count_nonzero(free))
    scale = pixels / used
    total, noise = scale * float(counts[free].sum()), scale**2 * float(variance[free].sum())
    if background is not None:
        scale = share * pixels / np.count_nonzero(background)
        total -= scale * float(counts[background].sum())
        noise += scale**2 * float(variance[background].sum())
    factor = 1.0 if view.dead_time is None else view.dead_time.factor
    return total * factor / view.duration_s, noise / total**2 if total > 0 else 0.0


def _doubts(region: str, rates, path: PhotonPath, masks) -> list[str]:
    texts = []
    covered = 1.0 - np.count_nonzero(masks[2]) / np.count_nonzero(masks[0])
    if covered > _MOSTLY_COVERED:
        texts.append(f"{region}: {warned('planar_overlap', share=covered)}")
    if masks[1] is None:
        texts.append(f"{region}: {warned('planar_without_background')}")
    if max(rates) / min(rates) > _UNEQUAL_VIEWS:
        texts.append(f"{region}: {warned('planar_views_differ', factor=max(rates) / min(rates))}")
    if math.log(path.attenuation_factor) * 2 > _DEEP_PATH:
        texts.append(f"{region}: {warned('planar_thick', share=path.attenuation_factor ** (-2))}")
    return texts


def _times(factor: float, uncertainty: float | None) -> float | None:
    return None if uncertainty is None else factor * uncertainty


def _squares(parts: dict[str, float | None]) -> float | None:
    values = list(parts.values())
    return None if None in values else math.sqrt(sum(value**2 for value in values))


_SMALLEST_SHARE = 0.2
_UPRIGHT = 0.95


def photon_path(ct: CtImage, region: Region, mu_per_cm: float, **uncertainties) -> PhotonPath:
    """Path of a region from CT: thicknesses as water, 1 + HU/1000 times the length, so that ``mu_per_cm`` is that of water.

    Body and region are averaged over the rays from front to back that meet the region, each ray weighted by its length in the region.
    uncertainties: those of ``PhotonPath`` by name. Raises DosimetryError for a CT whose rows are not from front to back, for a region off
    the CT, and for a coefficient that is none.
    """
    checked_kind(ct, CtImage, "the CT")
    checked_kind(region, Region, "the region")
    mu_per_cm = checked_number(mu_per_cm, "an attenuation coefficient per cm", "water has about 0.13 at 208 keV", 0.0, 1.0)
    direction = np.asarray(ct.geometry.direction)
    if abs(direction[1, 1]) < _UPRIGHT:
        raise DosimetryError(
            "Expected a CT whose columns run from front to back of the patient, received a tilted one; resample it first."
        )
    share = occupancy_on_grid(region, ct.geometry)
    if not share.any():
        raise DosimetryError(f"Expected region '{region.name}' on the CT, received one outside it; check that they are aligned.")
    water = np.maximum(0.0, 1.0 + np.asarray(ct.hounsfield, dtype=np.float64) / 1000.0) * ct.geometry.spacing_mm[1]
    if direction[1, 1] < 0:
        water, share = water[:, ::-1], share[:, ::-1]
    inside = (share * water).sum(axis=1)
    met = inside > _SMALLEST_SHARE * inside.max()
    weight = inside[met] / inside[met].sum()
    before = np.cumsum(water, axis=1) - water / 2.0
    depth = (share * water * before).sum(axis=1)[met] / inside[met]
    body, organ, middle = (float((weight * values).sum()) for values in (water.sum(axis=1)[met], inside[met], depth))
    middle = min(max(middle, organ / 2.0), body - organ / 2.0)
    return PhotonPath(mu_per_cm, body, organ, depth_mm=middle, **uncertainties)
