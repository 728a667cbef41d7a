"""Grid and values of a volume file: its header is checked first, then its bytes, and only then SimpleITK reads the voxels."""

import bz2
import contextlib
import gzip
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import checked_path
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.resampling import geometry_of_sitk
from RNTDosimetryLib.intake.volume_files.header import (
    VolumeHeader,
    cut_short,
    largest_distance_mm,
    refused,
    same_place_mm,
    too_long,
    with_checked_bytes,
)
from RNTDosimetryLib.intake.volume_files.metaimage import metaimage_header
from RNTDosimetryLib.intake.volume_files.nifti import nifti_header
from RNTDosimetryLib.intake.volume_files.nrrd import nrrd_header

_HEADERS = {
    ".nrrd": nrrd_header,
    ".nhdr": nrrd_header,
    ".nii": nifti_header,
    ".nii.gz": nifti_header,
    ".mha": metaimage_header,
    ".mhd": metaimage_header,
}
SUFFIXES = tuple(_HEADERS)
_CHUNK = 1 << 20


@dataclass(frozen=True)
class StoredVolume:
    """Grid and values (z, y, x) of a volume file, in the unit of the file. notes: codes of warnings that a use as image deserves."""

    geometry: ImageGeometry
    values: np.ndarray
    notes: tuple[str, ...] = ()

    def warnings(self, name: str) -> tuple[str, ...]:
        return tuple(warned("volume_without_slope", name=name) for _note in self.notes)


def load_volume_file(path) -> tuple[ImageGeometry, np.ndarray]:
    """Grid and values (z, y, x) of a volume file, in the unit of the file.

    Raises DosimetryError when the file is missing, of another kind, not a volume, cut short or damaged, where its header contradicts itself or states no
    place of the voxels, and for NaN or infinite voxels (docs/file_formats.md).
    """
    read = read_volume(path)
    return read.geometry, read.values


def read_volume(path) -> StoredVolume:
    """``load_volume_file`` with what has to be said of the file."""
    path = checked_path(path, "a volume file")
    if not os.path.isfile(path):
        raise DosimetryError(f"Expected a volume file at {path}, found none; check the path.")
    header = volume_header(path)
    stored = checked_voxels(header)
    if stored.bad:
        raise _not_finite(path.name, stored.bad)
    geometry, values = _voxels(path, header)
    bad = int(values.size - np.count_nonzero(np.isfinite(values)))
    if bad:
        raise _not_finite(path.name, bad)
    as_stored = values.dtype == header.dtype.newbyteorder("=") and header.scale in (None, (1.0, 0.0))
    if as_stored and zlib.crc32(np.ascontiguousarray(values, header.dtype)) != stored.checksum:
        raise refused(path.name, "the voxels as they are stored", "others from the reader of this format", "write the file again")
    return StoredVolume(geometry, values, header.notes)


def volume_header(path: Path) -> VolumeHeader:
    """The checked header of a volume file; no voxel is read. Raises DosimetryError, with the file and the field."""
    suffix = next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), None)
    if suffix is None:
        raise DosimetryError(f"Expected a volume file ({', '.join(SUFFIXES)}), received {path.name}; convert it first.")
    try:
        return with_checked_bytes(_HEADERS[suffix](path))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise refused(path.name, "a volume that can be read", f"an error of the disk ({reason})", "check the file") from error


@dataclass(frozen=True)
class StoredBytes:
    """What the stored voxels are. bad: how many are NaN or infinite. checksum: CRC-32 of their bytes."""

    bad: int
    checksum: int


def checked_voxels(header: VolumeHeader) -> StoredBytes:
    """The voxels as they are stored, in pieces: a reader may turn NaN into zero, and another stream into other voxels. Nothing is kept in memory.

    Raises DosimetryError for a stream that is damaged, or that holds less or more than the header says.
    """
    needed, skip = header.data_bytes, header.data_offset if header.wholly_packed else 0
    there, bad, checksum, rest = -skip, 0, 0, b""
    try:
        for chunk in _unpacked(header):
            start, there = there, there + len(chunk)
            if there > needed:
                raise too_long(header, f"more than {needed} bytes")
            voxels = chunk[max(0, -start) :]
            checksum = zlib.crc32(voxels, checksum)
            if header.dtype.kind == "f":
                joined = rest + voxels
                whole = len(joined) - len(joined) % header.dtype.itemsize
                bad += int(np.count_nonzero(~np.isfinite(np.frombuffer(joined[:whole], header.dtype))))
                rest = joined[whole:]
    except (EOFError, zlib.error, OSError) as error:
        raise refused(
            header.name,
            f"a whole {header.encoding} stream",
            f"one that is cut short or damaged after {max(there, 0)} of {needed} bytes",
            "copy or write it again",
        ) from error
    if there < needed:
        raise cut_short(header, f"{max(there, 0)} of {needed} bytes")
    return StoredBytes(bad, checksum)


def _unpacked(header: VolumeHeader) -> Iterator[bytes]:
    """The bytes of the voxels in pieces."""
    with open(header.data_file, "rb") as file:
        if not header.wholly_packed:
            file.seek(header.data_offset)
        if header.encoding == "zlib":
            yield from _inflated(file)
            return
        stream = file
        if header.encoding == "gzip":
            stream = gzip.GzipFile(fileobj=file)
        elif header.encoding == "bzip2":
            stream = bz2.BZ2File(file)
        while chunk := stream.read(_CHUNK):
            yield chunk


def _inflated(file) -> Iterator[bytes]:
    unpack = zlib.decompressobj(47)  # zlib or gzip, as MetaIO takes both
    while not unpack.eof:
        packed = unpack.unconsumed_tail or file.read(_CHUNK)
        chunk = unpack.decompress(packed, _CHUNK)
        if not packed and not chunk and not unpack.eof:
            raise EOFError
        yield chunk
    if unpack.unused_data or file.read(1):
        raise zlib.error("more after the end")


def _voxels(path: Path, header: VolumeHeader) -> tuple[ImageGeometry, np.ndarray]:
    """Grid and values (z, y, x) as SimpleITK reads them; DosimetryError where it understands another place, size or number of values."""
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetImageIO(header.reader)
    try:
        with _without_twin(path) as place:
            reader.SetFileName(str(place))
            image = reader.Execute()
    except (RuntimeError, MemoryError, UnicodeError) as error:
        raise refused(path.name, "a readable volume", "one that cannot be read", "write the file again") from error
    while image.GetDimension() > 3 and image.GetSize()[-1] == 1:
        image = image[(*[slice(None)] * (image.GetDimension() - 1), 0)]
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise refused(
            path.name,
            "one value per voxel on three axes",
            f"{image.GetDimension()} axes and {image.GetNumberOfComponentsPerPixel()} components",
            "save one time point as one volume",
        )
    found = geometry_of_sitk(image)
    sizes = header.geometry.size[::-1]
    if found.size != header.geometry.size or largest_distance_mm(
        sizes, found.index_to_lps, header.geometry.index_to_lps
    ) > same_place_mm(header.geometry.spacing_mm):
        raise refused(
            path.name, "one understanding of its header", "two places of its voxels", "write the place of the voxels again"
        )
    return found, sitk.GetArrayFromImage(image)


@contextlib.contextmanager
def _without_twin(path: Path) -> Iterator[Path]:
    """The file itself, or a copy of it where a .nii lies beside a .nii.gz: the reader would take the voxels of that one."""
    lower, stem = path.name.lower(), path.name[: -len(".nii.gz")]
    if not (lower.endswith(".nii.gz") and any(os.path.lexists(path.with_name(stem + suffix)) for suffix in (".nii", ".NII"))):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copy(path, Path(folder, "volume.nii.gz")))


def _not_finite(name: str, bad: int) -> DosimetryError:
    return DosimetryError(
        f"Expected finite voxel values in {name}, received {bad} NaN or infinite voxels; repair the image first."
    )
