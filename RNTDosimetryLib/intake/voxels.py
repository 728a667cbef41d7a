"""Voxels and grids of DICOM images: slices in files of their own, and NM objects with many frames."""

from collections.abc import Sequence

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.intake.files import open_dataset
from RNTDosimetryLib.intake.headers import SliceHeader
from RNTDosimetryLib.intake.tags import element_value, number_of, readable

_OFF_LATTICE = 0.1
"""Largest distance of a slice from where an even spacing puts it, as a share of that spacing: positions are rounded, and at bed joins twice."""
_ODD_GAP, _FEW_GAPS = 0.05, 2
_WHOLE_STEPS = 0.1
_LARGEST_DRIFT = 0.5
"""Of a slice within its plane, as a share of a pixel."""


def slices_grid(headers: Sequence[SliceHeader], what: str) -> tuple[ImageGeometry, np.ndarray]:
    """Grid of a stack of slices and the order of the headers along its normal (lowest position first).

    Raises DosimetryError for slices of different size or orientation, duplicate positions, a missing slice, and a stack
    that is sheared (tilted gantry).
    """
    first = headers[0]
    spacing = np.array(first.needed("spacing_mm", "PixelSpacing", 2, what))
    _check_pixels(first.shape, spacing, first.name, what)
    axes = np.array(first.needed("axes", "ImageOrientationPatient", 6, what)).reshape(2, 3)
    for header in headers[1:]:
        same = (
            header.shape == first.shape
            and np.allclose(header.needed("spacing_mm", "PixelSpacing", 2, what), spacing, rtol=1e-3)
            and np.allclose(np.reshape(header.needed("axes", "ImageOrientationPatient", 6, what), (2, 3)), axes, atol=1e-3)
        )
        if not same:
            raise DosimetryError(
                f"Expected slices of one size, spacing and orientation in {what}, received different ones ({first.name}: "
                f"{_form(first)}; {header.name}: {_form(header)}); keep one reconstruction in the series, or name files in ignore."
            )
    positions = np.array([header.needed("position_lps_mm", "ImagePositionPatient", 3, what) for header in headers])
    normal = unit_normal(axes, what)
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    step = _slice_step(along[order], [headers[index].name for index in order], what, first.thickness_mm)
    drift = positions[order] - positions[order[0]] - np.outer(along[order] - along[order[0]], normal)
    if np.abs(drift).max() > _LARGEST_DRIFT * min(spacing):
        raise DosimetryError(
            f"Expected slices stacked at right angles in {what}, received a stack that is sheared (tilted gantry) by {np.abs(drift).max():.3g} mm; "
            "resample it to a regular grid first."
        )
    return regular_grid((len(headers), *first.shape), step, spacing, positions[order[0]], axes, normal), order


def _check_pixels(shape, spacing, name: str, what: str) -> None:
    if min(shape) < 1 or min(spacing) <= 0:
        raise DosimetryError(
            f"Expected Rows and Columns of at least 1 and a positive Pixel Spacing in {what}, received {shape[0]} x {shape[1]} and {spacing[0]:g}, {spacing[1]:g} mm in {name}; "
            "repair the file, or name it in ignore."
        )


def _form(header: SliceHeader) -> str:
    def text(values) -> str:
        return " ".join(f"{value:.4g}" for value in values or ())

    return f"{header.shape[0]} x {header.shape[1]}, spacing {text(header.spacing_mm)} mm, orientation {text(header.axes)}"


def nm_grid(header, what: str, reverse: bool = False) -> tuple[ImageGeometry, np.ndarray]:
    """Grid of a reconstructed NM object and the order of its frames along the normal of the slices.

    The first slice lies at the Image Position of the first detector item; the sign of Spacing Between Slices tells on
    which side the next one lies: positive along the normal (row x column), negative against it (DICOM PS3.3 C.8.4.15).
    ``reverse``: an override for files that break this rule.
    """
    detectors = header.get("DetectorInformationSequence") or [header]
    source = detectors[0] if detectors[0].get("ImagePositionPatient") is not None else header
    axes = _numbers(source, "ImageOrientationPatient", 6, what).reshape(2, 3)
    position = _numbers(source, "ImagePositionPatient", 3, what)
    spacing = _numbers(header, "PixelSpacing", 2, what)
    _check_pixels((int(header.get("Rows", 0) or 0), int(header.get("Columns", 0) or 0)), spacing, "the object", what)
    frames = int(header.get("NumberOfFrames", 1) or 1)
    gap = header.get("SpacingBetweenSlices")
    if gap in (None, "", 0):
        gap = header.get("SliceThickness")
    if gap in (None, ""):
        raise DosimetryError(f"Expected Spacing Between Slices or Slice Thickness in {what}, received neither; repair the file.")
    step = number_of(gap, "(0018,0088) Spacing Between Slices") * (-1.0 if reverse else 1.0)
    order = _frame_order(header, frames, what)
    normal = unit_normal(axes, what)
    if step < 0:
        position = position + normal * step * (frames - 1)
        order = order[::-1]
    return regular_grid((frames, int(header.Rows), int(header.Columns)), abs(step), spacing, position, axes, normal), order


def unit_normal(axes: np.ndarray, what: str) -> np.ndarray:
    """Normal of the slices, row direction x column direction; refuses directions that are not perpendicular unit vectors."""
    if not np.allclose(axes @ axes.T, np.eye(2), atol=1e-3):
        raise DosimetryError(
            f"Expected perpendicular unit directions in Image Orientation of {what}, received {np.round(axes, 4).tolist()}; repair the file."
        )
    return np.cross(axes[0], axes[1])


def pixels_of(path: str) -> tuple[np.ndarray, object]:
    """Stored pixel values of a file as (frame, row, column), and the dataset. Raises DosimetryError when unreadable."""
    dataset = open_dataset(path)
    bits, high = dataset.get("BitsStored"), dataset.get("HighBit")
    if (
        bits is not None
        and high is not None
        and number_of(high, "(0028,0102) High Bit") != number_of(bits, "(0028,0101) Bits Stored") - 1
    ):
        raise DosimetryError(
            f"Expected a High Bit one below Bits Stored in {path}, received {high} and {bits}; send the images again."
        )
    try:
        stored = dataset.pixel_array
    except (AttributeError, ValueError, RuntimeError, NotImplementedError, KeyError, TypeError) as error:
        if not _is_compressed(dataset):  # GDCM would fill up a file that is cut off
            raise DosimetryError(f"Expected readable pixels in {path}, received: {error}; send the images again.") from error
        stored = _pixels_by_gdcm(path, error)
    _check_length(dataset, path)
    shape = (-1, int(dataset.Rows), int(dataset.Columns))
    return np.asarray(stored).reshape(shape), dataset


def _check_length(dataset, path: str) -> None:
    """Raises DosimetryError for more pixels than the header counts frames: readers drop them in silence."""
    pixels = dataset.get("PixelData")
    if pixels is None or _is_compressed(dataset):
        return
    frame = (
        int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel", 1) or 1) * int(dataset.BitsAllocated) // 8
    )
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    if len(pixels) >= (frames + 1) * frame:
        raise DosimetryError(
            f"Expected {frames * frame} bytes of (7FE0,0010) Pixel Data for {frames} frames in {path}, received {len(pixels)}; send the images again."
        )


def rescale_of(dataset) -> tuple[float, float]:
    """Rescale slope and intercept, 1 and 0 when there are none."""
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    return (
        1.0 if slope in (None, "") else number_of(slope, "(0028,1053) Rescale Slope"),
        0.0 if intercept in (None, "") else number_of(intercept, "(0028,1052) Rescale Intercept"),
    )


def load_ct_files(files, geometry: ImageGeometry, frames=()) -> np.ndarray:
    """Hounsfield units of CT slices in the order given, (z, y, x) float32. frames: of each file, 0 for single slices."""
    volume = np.empty(geometry.size, dtype=np.float32)
    if len(files) != geometry.size[0]:
        raise DosimetryError(f"Expected {geometry.size[0]} CT slices, received {len(files)}; read the folder again.")
    last = None
    for index, (path, frame) in enumerate(zip(files, frames or [0] * len(files))):
        if path != last:
            with readable(path):
                (stored, dataset), last = pixels_of(path), path
                headers = frames_as_slices(dataset) or [dataset]
        if frame >= min(len(stored), len(headers)):
            raise DosimetryError(f"Expected frame {frame + 1} in {path}, received {len(stored)} frames; read the folder again.")
        slope, intercept = rescale_of(headers[frame])
        volume[index] = stored[frame] * np.float32(slope) + np.float32(intercept)
    return volume


def _is_compressed(dataset) -> bool:
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    return syntax is not None and syntax.is_private is False and syntax.is_compressed


def _pixels_by_gdcm(path: str, error: Exception) -> np.ndarray:
    """Compressed files that pydicom cannot decode alone, read through SimpleITK without its rescaling being wanted."""
    import SimpleITK as sitk

    raise_text = f"Expected readable pixels in {path}, received: {error}; send the images uncompressed."
    reader = sitk.ImageFileReader()
    reader.SetFileName(path)
    try:
        reader.ReadImageInformation()
        rescaled = any(
            reader.HasMetaDataKey(key) and float(reader.GetMetaData(key)) != default
            for key, default in (("0028|1053", 1.0), ("0028|1052", 0.0))
        )
        array = sitk.GetArrayFromImage(reader.Execute()).astype(np.float64)
        if not rescaled:
            return array
        slope = float(reader.GetMetaData("0028|1053"))
        intercept = float(reader.GetMetaData("0028|1052")) if reader.HasMetaDataKey("0028|1052") else 0.0
    except (RuntimeError, ValueError) as second:
        raise DosimetryError(raise_text) from second
    return np.rint((array - intercept) / slope)


def _numbers(header, keyword: str, count: int, what: str) -> np.ndarray:
    value = header.get(keyword)
    if value is None or isinstance(value, str) or not hasattr(value, "__len__") or len(value) != count:
        raise DosimetryError(f"Expected {count} numbers for {keyword} in {what}, received {value}; repair the file.")
    return np.array([number_of(item, f"{keyword} of {what}") for item in value])


def _slice_step(along: np.ndarray, names: list[str], what: str, thickness: float | None) -> float:
    """Distance of the slices of an even stack: their positions are compared with the lattice through the first and the last."""
    if len(along) == 1:
        if thickness is None:
            raise DosimetryError(
                f"Expected more than one slice or a Slice Thickness in {what}, received one slice without; load a volume."
            )
        return thickness
    gaps = np.diff(along)
    usual = float(np.median(gaps))
    if usual <= 1e-3 or np.any(gaps < 0.2 * usual):
        at = int(np.argmin(gaps))
        raise DosimetryError(
            f"Expected each slice of {what} once, received duplicate slices at {along[at]:.2f} mm along the stack ({names[at]} and {names[at + 1]}); "
            "keep one reconstruction or time frame, or name files in ignore."
        )
    step = float(along[-1] - along[0]) / (len(along) - 1)
    if np.abs(along - along[0] - step * np.arange(len(along))).max() > _OFF_LATTICE * step:
        raise DosimetryError(_why_uneven(along, gaps, usual, names, what))
    return step


def _why_uneven(along: np.ndarray, gaps: np.ndarray, usual: float, names: list[str], what: str) -> str:
    """What is wrong with a stack that is not evenly spaced: single slices are missing, or it goes over into another spacing."""
    odd = np.flatnonzero(np.abs(gaps / usual - 1) > _ODD_GAP)
    steps = gaps[odd] / usual
    if 0 < len(odd) <= _FEW_GAPS and np.all(steps > 1.5) and np.all(np.abs(steps - np.rint(steps)) <= _WHOLE_STEPS):
        return (
            f"Expected slices of {what} every {usual:.3f} mm, received a gap of {gaps[odd[0]]:.3f} mm after {along[odd[0]]:.2f} mm ({names[odd[0]]} to {names[odd[0] + 1]}): a slice is missing; "
            "send the complete series, or name a file that is of another in ignore."
        )
    values, counts = np.unique(np.round(gaps, 2), return_counts=True)
    seen = ", ".join(f"{value:g} mm ({count} times)" for value, count in list(zip(values, counts))[:4])
    return (
        f"Expected slices of {what} at one spacing, received different spacings: {seen}{' and more' if len(values) > 4 else ''}; "
        "send the missing slices if some are missing, else resample the series to one spacing."
    )


def _frame_order(header, frames: int, what: str) -> np.ndarray:
    vector = header.get("SliceVector")
    if vector is None or not hasattr(vector, "__len__"):
        return np.arange(frames)
    slices = np.array([int(item) for item in vector])
    if sorted(slices.tolist()) != list(range(1, frames + 1)):
        raise DosimetryError(
            f"Expected one frame for each slice in {what}, received {frames} frames with slice numbers {slices.min()} to {slices.max()}; "
            "gated, dynamic and multi-window objects are not read as one volume."
        )
    return np.argsort(slices)


def regular_grid(size, step, spacing, origin, axes, normal) -> ImageGeometry:
    """Grid of a stack of slices: step between slices, (row, column) spacing, position of the first voxel."""
    direction = np.column_stack([axes[0], axes[1], normal])
    direction = direction / np.linalg.norm(direction, axis=0)
    return ImageGeometry(
        size=size,
        spacing_mm=(float(step), float(spacing[0]), float(spacing[1])),
        origin_lps_mm=tuple(float(p) for p in origin),
        direction=tuple(tuple(float(c) for c in row) for row in direction),
    )


_MACROS = (
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "FrameContentSequence",
    "TemporalPositionSequence",
    "CardiacSynchronizationSequence",
    "RespiratorySynchronizationSequence",
    "RadiopharmaceuticalUsageSequence",
    "CTImageFrameTypeSequence",
    "PETFrameTypeSequence",
    "UnassignedSharedConvertedAttributesSequence",
    "UnassignedPerFrameConvertedAttributesSequence",
)
_LEFT_OUT = {
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "PixelData",
    "FloatPixelData",
    "DoubleFloatPixelData",
}


def frames_as_slices(header) -> list:
    """One flat header for each frame: the object's own elements, with those of the frame's functional groups on top.

    Frame acquisition times become Acquisition DateTime and Actual Frame Duration (ms), and a parametric map's Rescale Type
    counts as Units, so that the readers of classic slices work on frames too.
    """
    from pydicom.dataset import Dataset

    common = Dataset()
    for element in header:
        if element.keyword not in _LEFT_OUT:
            common.add(element)
    shared = element_value(header, "SharedFunctionalGroupsSequence[0]")
    slices = []
    for group in header.get("PerFrameFunctionalGroupsSequence") or []:
        flat = Dataset()
        flat.update(common)
        for source in (shared, group):
            if source is not None:
                _take_macros(flat, source)
        slices.append(flat)
    return slices


def _take_macros(flat, source) -> None:
    for macro in _MACROS:
        for element in element_value(source, f"{macro}[0]") or ():
            flat.add(element)
    if "RealWorldValueMappingSequence" in source:
        put(flat, "RealWorldValueMappingSequence", source.RealWorldValueMappingSequence)
    if flat.get("FrameAcquisitionDateTime"):
        put(flat, "AcquisitionDateTime", flat.FrameAcquisitionDateTime)
    if flat.get("FrameAcquisitionDuration") is not None:
        put(flat, "ActualFrameDuration", round(float(flat.FrameAcquisitionDuration)))


def put(flat, keyword: str, value) -> None:
    """Set an element of a header that shares its elements with others: a new element, never another value in the old one."""
    if keyword in flat:
        delattr(flat, keyword)
    setattr(flat, keyword, value)
