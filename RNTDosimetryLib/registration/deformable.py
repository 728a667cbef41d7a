"""Optional deformable (B-spline) alignment of two images of one kind, after the rigid one.

Mean squares, not mutual information: values of one kind compare as they are, and it is several times faster.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.resampling import (
    ResampledActivity,
    geometry_of_sitk,
    resample_array,
    rigid_matrix,
    sitk_transform,
    to_sitk,
)
from RNTDosimetryLib.images.volumes import ActivityImage, CtImage
from RNTDosimetryLib.registration.quality import body_mask, dilate
from RNTDosimetryLib.registration.search import mask_on_grid, one_thread

SMALLEST_CONTROL_SPACING_MM = 30.0
LARGEST_DISPLACEMENT_MM = 50.0
CONSERVED = ("concentration", "activity")

_WORKING_SPACING_MM = 5.0
_HOUNSFIELD_RANGE = (-500.0, 400.0)
_SEED = 20240305
_ITERATIONS = (30, 15)
_LEVELS_SHRINK, _LEVELS_SMOOTHING_MM = (2, 1), (5.0, 0.0)
_SAMPLES = 25_000
_LEAST_OVERLAP = 0.3
_SPECT_BODY_SHARE = 0.02
_BRIGHT_PERCENTILE = 99.5
_FEWEST_VOXELS = 1000
_LEAST_VOLUME_RATIO, _MOST_VOLUME_RATIO = 0.3, 3.0


@dataclass(frozen=True, eq=False)
class DeformableRegistration(Record):
    """T(p) = rigid(p + u(p)): from points of the fixed image to the same tissue in the moving one, LPS mm.

    coefficients: (3, z, y, x) control points of the cubic B-spline of u, in mm. rigid_matrix: 4 x 4. correlation_rigid,
    correlation_deformed: normalized cross correlation of both images in the body before and after. volume_ratio_min,
    volume_ratio_max: Jacobian determinant of p + u(p) in the body; below 0 tissue would fold. displacement_*_mm: |u| in the body.
    """

    rigid_matrix: tuple[tuple[float, ...], ...]
    domain: ImageGeometry
    control_spacing_mm: float
    correlation_rigid: float
    correlation_deformed: float
    volume_ratio_min: float
    volume_ratio_max: float
    displacement_mean_mm: float
    displacement_max_mm: float
    coefficients: np.ndarray = field(metadata=NOT_WRITTEN, repr=False)
    method: str = "B-spline after rigid, mean squares, 2 levels"
    warnings: tuple[str, ...] = ()

    def transform(self):
        """SimpleITK transform from fixed to moving points."""
        import SimpleITK as sitk

        # The transform that was added last is applied first.
        return sitk.CompositeTransform([sitk_transform(np.asarray(self.rigid_matrix)), _spline_of(self)])

    def moving_points(self, points_lps_mm) -> np.ndarray:
        """Points (n, 3) of the fixed image in the moving one."""
        transform = self.transform()
        return np.array([transform.TransformPoint([float(value) for value in point]) for point in np.atleast_2d(points_lps_mm)])


def register_deformable(
    fixed, moving, rigid=None, control_spacing_mm: float = 75.0, fixed_mask=None, moving_mask=None
) -> DeformableRegistration:
    """B-spline that brings a moving CT to a fixed CT, or a moving activity image to a fixed one.

    rigid: 4 x 4 LPS matrix (RigidRegistration.matrix) to start from; none for images of one session. control_spacing_mm: distance
    of the control points; smaller follows smaller organs and needs more contrast. The metric is taken in the body of the
    fixed image (CT) or where it has activity (SPECT), or in fixed_mask and moving_mask, each a Region or True and False on the
    grid of its image; outside of fixed_mask the deformation is not checked and should not be used. The same input gives the same result. Rigid alignment stays the
    default: deformation can move a lesion onto an organ, so look at the result. Raises DosimetryError for images of two
    kinds or without a common part, for results that fold tissue, and for shifts above 50 mm.
    """

    if type(fixed) is not type(moving) or not isinstance(fixed, (CtImage, ActivityImage)):
        raise DosimetryError(
            f"Expected two CTs or two activity images, received {type(fixed).__name__} and {type(moving).__name__}; register like with like."
        )
    if not SMALLEST_CONTROL_SPACING_MM <= control_spacing_mm < math.inf:
        raise DosimetryError(
            f"Expected control points {SMALLEST_CONTROL_SPACING_MM:g} mm apart or more, received {control_spacing_mm} mm; 75 mm is usual."
        )
    matrix = rigid_matrix(rigid, "the rigid start")
    looked_at = mask_on_grid(fixed_mask, fixed.geometry, "fixed_mask"), mask_on_grid(moving_mask, moving.geometry, "moving_mask")
    with one_thread():
        fixed_small, moving_small = _working_image(fixed), _working_image(moving)
        domain = geometry_of_sitk(fixed_small)
        mask, moving_view = _mask(fixed, fixed_small, looked_at[0]), _moving_view(moving, looked_at[1], moving_small)
        _check_overlap(fixed, moving, domain, mask, matrix)
        spline = _spline(domain, control_spacing_mm)
        for level in range(len(_ITERATIONS)):
            spline = _run(fixed_small, moving_small, mask, moving_view, spline, matrix, level)
        field_mm, ratio = _displacement(spline, domain)
    length = np.linalg.norm(field_mm, axis=-1)[mask]
    low, high = float(ratio[mask].min()), float(ratio[mask].max())
    if low <= 0 or length.max() > LARGEST_DISPLACEMENT_MM:
        raise DosimetryError(
            f"Expected a deformation within {LARGEST_DISPLACEMENT_MM:g} mm that folds no tissue, received {length.max():.0f} mm and a volume ratio down to {low:.2f}; "
            "use the rigid registration or control points farther apart."
        )
    warnings = []
    if low < _LEAST_VOLUME_RATIO or high > _MOST_VOLUME_RATIO:
        warnings.append(warned("deformation_changes_volumes", name=moving.name, low=low, high=high))
    result = DeformableRegistration(
        rigid_matrix=tuple(tuple(float(value) for value in row) for row in matrix),
        domain=domain,
        control_spacing_mm=float(control_spacing_mm),
        correlation_rigid=0.0,
        correlation_deformed=0.0,
        volume_ratio_min=low,
        volume_ratio_max=high,
        displacement_mean_mm=float(length.mean()),
        displacement_max_mm=float(length.max()),
        coefficients=np.asarray(spline.GetParameters()).reshape(3, *spline.GetCoefficientImages()[0].GetSize()[::-1]),
    )
    before, after = (
        _correlation(fixed_small, moving_small, mask, transform) for transform in (sitk_transform(matrix), result.transform())
    )
    if after < before:
        warnings.append(warned("deformation_fits_worse", name=moving.name, before=before, after=after))
    return replace(result, correlation_rigid=before, correlation_deformed=after, warnings=tuple(warnings))


def deform_activity(
    image: ActivityImage, target_geometry: ImageGeometry, registration: DeformableRegistration, conserve: str = "concentration"
) -> ResampledActivity:
    """Activity image on a grid of the fixed image, by linear interpolation through the deformation.

    conserve: "concentration" keeps the Bq/mL of the tissue, so that totals change where it was squeezed or stretched, for dose
    maps and pictures; "activity" keeps the activity of the tissue, by the volume ratio (Jacobian determinant) of each
    voxel, for the activity of regions over time. Raises DosimetryError for another word and when the grids do not meet.
    """
    if conserve not in CONSERVED:
        raise DosimetryError(f"Expected conserve to be one of {', '.join(CONSERVED)}, received {conserve!r}; choose one of them.")
    transform = registration.transform()
    values = _resampled(to_sitk(image.concentration_bq_ml, image.geometry), target_geometry, transform, linear=True)
    inside = (
        _resampled(
            to_sitk(np.ones(image.geometry.size, dtype=np.uint8), image.geometry), target_geometry, transform, linear=False
        )
        > 0
    )
    if not inside.any():
        raise DosimetryError(
            f"Expected '{image.name}' to overlap the target grid, received no common voxel; check the registration."
        )
    if conserve == "activity":
        values = values * _displacement(_spline_of(registration), target_geometry)[1].astype(np.float32)
    coverage = float(np.count_nonzero(inside)) / inside.size
    return ResampledActivity(replace(image, geometry=target_geometry, concentration_bq_ml=values), inside, coverage)


def _working_image(image):
    """Image averaged to about 5 mm: Hounsfield units in a limited range, or the square root of the activity, so that the background
    counts, scaled so that two scans at different times compare."""
    import SimpleITK as sitk

    if isinstance(image, CtImage):
        values = np.clip(image.hounsfield, *_HOUNSFIELD_RANGE)
    else:
        values = np.sqrt(np.maximum(image.concentration_bq_ml, 0.0))
        brightest = float(np.percentile(values, _BRIGHT_PERCENTILE))
        values = values * (np.ptp(_HOUNSFIELD_RANGE) / brightest if brightest > 0 else 1.0)
    factors = [
        min(max(1, int(_WORKING_SPACING_MM / step + 0.25)), size)
        for step, size in zip(image.geometry.spacing_mm, image.geometry.size)
    ]
    return sitk.Cast(sitk.BinShrink(to_sitk(values.astype(np.float32), image.geometry), factors[::-1]), sitk.sitkFloat32)


def _mask(image, small, given: np.ndarray | None) -> np.ndarray:
    """Where the images are compared, (z, y, x) bool on the working grid: what was given, or the body with a margin."""
    import SimpleITK as sitk

    if given is not None:
        return _on_working_grid(image, given, small)
    values = sitk.GetArrayFromImage(small)
    body = body_mask(values) if isinstance(image, CtImage) else values**2 > _SPECT_BODY_SHARE * float((values**2).max())
    if np.count_nonzero(body) < _FEWEST_VOXELS:
        raise DosimetryError(
            f"Expected a body of {_FEWEST_VOXELS} or more voxels of 5 mm in '{image.name}', received {np.count_nonzero(body)}; check the image."
        )
    return dilate(body)


def _on_working_grid(image, mask: np.ndarray, small) -> np.ndarray:
    found = resample_array(mask.astype(np.uint8), image.geometry, geometry_of_sitk(small), linear=False) > 0
    if np.count_nonzero(found) < _FEWEST_VOXELS:
        raise DosimetryError(
            f"Expected a mask of {_FEWEST_VOXELS} or more voxels of 5 mm in '{image.name}', received {np.count_nonzero(found)}; draw it larger."
        )
    return found


def _moving_view(moving, mask: np.ndarray | None, small):
    """Mask image of the moving image, None for everywhere."""
    return None if mask is None else to_sitk(_on_working_grid(moving, mask, small).astype(np.uint8), geometry_of_sitk(small))


def _spline(domain: ImageGeometry, control_spacing_mm: float):
    import SimpleITK as sitk

    frame = to_sitk(np.zeros(domain.size, dtype=np.uint8), domain)
    mesh = [max(1, round(size * step / control_spacing_mm)) for size, step in zip(domain.size, domain.spacing_mm)]
    return sitk.BSplineTransformInitializer(frame, mesh[::-1], order=3)


def _spline_of(registration: DeformableRegistration):
    spline = _spline(registration.domain, registration.control_spacing_mm)
    spline.SetParameters(registration.coefficients.ravel().tolist())
    return spline


def _run(fixed, moving, mask: np.ndarray, moving_view, spline, matrix: np.ndarray, level: int):
    """One level of the search; gives the improved spline."""
    import SimpleITK as sitk

    mask_image = sitk.GetImageFromArray(mask.astype(np.uint8))
    mask_image.CopyInformation(fixed)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetMetricFixedMask(mask_image)
    if moving_view is not None:
        method.SetMetricMovingMask(moving_view)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(min(1.0, _SAMPLES * _LEVELS_SHRINK[level] ** 3 / fixed.GetNumberOfPixels()), _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsLBFGSB(
        gradientConvergenceTolerance=1e-6, numberOfIterations=_ITERATIONS[level], maximumNumberOfCorrections=5
    )
    method.SetShrinkFactorsPerLevel([_LEVELS_SHRINK[level]])
    method.SetSmoothingSigmasPerLevel([_LEVELS_SMOOTHING_MM[level]])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetMovingInitialTransform(sitk_transform(matrix))
    method.SetInitialTransform(sitk.BSplineTransform(spline), inPlace=True)
    return sitk.BSplineTransform(method.Execute(fixed, moving).Downcast())


def _check_overlap(fixed, moving, domain: ImageGeometry, mask: np.ndarray, matrix: np.ndarray) -> None:
    inside = resample_array(np.ones(moving.geometry.size, dtype=np.uint8), moving.geometry, domain, matrix, linear=False) > 0
    overlap = np.count_nonzero(inside & mask) / np.count_nonzero(mask)
    if overlap < _LEAST_OVERLAP:
        raise DosimetryError(
            f"Expected '{fixed.name}' and '{moving.name}' to overlap after the rigid alignment, received {overlap:.0%} of the body in both; register rigidly first."
        )


def _displacement(spline, domain: ImageGeometry) -> tuple[np.ndarray, np.ndarray]:
    """(z, y, x, 3) displacement in mm, and its volume ratio (Jacobian determinant)."""
    import SimpleITK as sitk

    converter = sitk.TransformToDisplacementFieldFilter()
    converter.SetReferenceImage(to_sitk(np.zeros(domain.size, dtype=np.uint8), domain))
    field_image = converter.Execute(spline)
    ratio = sitk.DisplacementFieldJacobianDeterminant(field_image)
    return sitk.GetArrayFromImage(field_image), sitk.GetArrayFromImage(ratio)


def _resampled(image, target: ImageGeometry, transform, linear: bool, outside: float = 0.0) -> np.ndarray:
    import SimpleITK as sitk

    reference = to_sitk(np.zeros(target.size, dtype=np.uint8), target)
    interpolator = sitk.sitkLinear if linear else sitk.sitkNearestNeighbor
    return sitk.GetArrayFromImage(sitk.Resample(image, reference, transform, interpolator, outside))


def _correlation(fixed, moving, mask: np.ndarray, transform) -> float:
    import SimpleITK as sitk

    domain = geometry_of_sitk(fixed)
    missing = -1e6
    other = _resampled(moving, domain, transform, linear=True, outside=missing)
    common = mask & (other > 0.5 * missing)
    x, y = (values[common].astype(np.float64) for values in (sitk.GetArrayFromImage(fixed), other))
    if x.size < 2:
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / norm if norm > 0 else 0.0
