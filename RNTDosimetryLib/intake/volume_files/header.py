"""What the header of a volume file says, in one shape for NIfTI, NRRD and MetaImage, and the checks that all three share.

The header is read by code of our own before any reader of images sees the file: those take what a header leaves out for granted (a voxel of 1 mm, the
origin 0), choose silently between two statements, fill up what a file cut short lacks, and end the whole program on a line that is too long.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.checks import shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry

MOST_VOXELS = 2**29
"""1024 x 1024 x 512: four times a whole-body CT. What says more is a mistake or a bomb."""
_BYTES_PER_VOXEL = 12
"""Memory that a volume takes at least: its values as read, and as float64."""
_LONGEST_LINE, _LONGEST_TEXT_HEADER = 64 * 1024, 4 * 1024 * 1024
_LARGEST_RATIO = {"gzip": 1032, "zlib": 1032}
"""Deflate makes at most 258 bytes of 2 bits; no honest file says more (zlib.net, technical details)."""
_FARTHEST_MM = 1e6
_SAME_PLACE_MM, _SAME_PLACE_VOXELS = 0.2, 0.2
"""Two statements of one place may differ so much at a corner: a quaternion in single precision near a half turn is 6e-4 rad off."""


@dataclass(frozen=True)
class VolumeHeader:
    """What a header says of its voxels. size: (z, y, x). dtype: with its byte order. encoding: raw, gzip, zlib or bzip2.

    data_file: where the voxels lie, from byte ``data_offset`` (of the unpacked stream where ``wholly_packed``); packed_bytes: length of a packed
    part, None to the end. scale: (slope, intercept) that the reader applies, None where the values are as stored.
    notes: what the header leaves open and the standard decides, by the code of its warning.
    """

    name: str
    geometry: ImageGeometry
    dtype: np.dtype
    encoding: str
    data_file: Path
    data_offset: int
    packed_bytes: int | None = None
    wholly_packed: bool = False
    scale: tuple[float, float] | None = None
    reader: str = ""
    notes: tuple[str, ...] = ()

    @property
    def data_bytes(self) -> int:
        return int(np.prod(self.geometry.size, dtype=np.int64)) * self.dtype.itemsize


def refused(name: str, expected: str, received: str, remedy: str) -> DosimetryError:
    return DosimetryError(f"Expected {expected} in {name}, received {received}; {remedy}.")


def checked_sizes(sizes: Sequence[int], name: str, field: str) -> tuple[int, int, int]:
    """Size (x, y, z) of a header that may have more axes of one sample. Raises DosimetryError for anything but three axes, and for a bomb."""
    sizes = [int(size) for size in sizes]
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    if len(sizes) != 3:
        raise refused(
            name, "one value per voxel on three axes", f"{len(sizes)} axes ({field})", "save one time point as one volume"
        )
    if min(sizes) < 1:
        raise refused(name, f"at least one voxel on every axis ({field})", shown(sizes), "write the file again")
    voxels = sizes[0] * sizes[1] * sizes[2]
    if voxels > MOST_VOXELS or voxels * _BYTES_PER_VOXEL > _memory_bytes():
        raise refused(
            name,
            f"a volume that fits into the memory and has up to {MOST_VOXELS} voxels",
            f"{sizes[0]} x {sizes[1]} x {sizes[2]} ({field})",
            "check the file, or resample it to a coarser grid",
        )
    return sizes[0], sizes[1], sizes[2]


def _memory_bytes() -> float:
    """Memory of this computer, where it says so."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return float("inf")


def checked_geometry(name: str, sizes: Sequence[int], matrix: np.ndarray, origin: Sequence[float], field: str) -> ImageGeometry:
    """Grid of a header. sizes: (x, y, z). matrix: 3 x 3, LPS, column j the step along axis j in mm.

    Raises DosimetryError, with the file and the field, for numbers that are not finite, no voxel size, sheared axes.
    """
    matrix, place = np.asarray(matrix, dtype=float), np.asarray(origin, dtype=float)
    refuse_unreal([*matrix.ravel(), *place], name, field)
    steps = np.linalg.norm(matrix, axis=0)
    if not np.all(steps > 0):
        raise refused(
            name,
            f"a voxel size above zero on every axis ({field})",
            ", ".join(f"{step:g}" for step in steps),
            "write the voxel size again",
        )
    direction = matrix / steps
    try:
        return ImageGeometry(sizes[::-1], steps[::-1], place, direction)
    except DosimetryError as error:
        raise DosimetryError(f"{name}, {field}: {error}") from error


def refuse_unreal(values, name: str, field: str) -> None:
    """DosimetryError for NaN, infinity, and a place a kilometer away."""
    if not np.all(np.abs(np.asarray(values, dtype=float)) <= _FARTHEST_MM):
        raise refused(
            name, f"numbers in mm in {field}", "NaN, infinity or a place a kilometer away", "write the place of the voxels again"
        )


def largest_distance_mm(sizes: Sequence[int], one: np.ndarray, other: np.ndarray) -> float:
    """How far two 4 x 4 matrices place a corner of a volume apart."""
    last = np.asarray(sizes) - 1
    corners = np.array([[x, y, z, 1] for x in (0, last[0]) for y in (0, last[1]) for z in (0, last[2])]).T
    return float(np.linalg.norm(((one - other) @ corners)[:3], axis=0).max())


def same_place_mm(spacing) -> float:
    """How far two statements of one place may be apart."""
    return min(_SAME_PLACE_MM, _SAME_PLACE_VOXELS * float(min(spacing)))


# --- text headers


def header_lines(path: Path, last, what: str) -> tuple[list[str], int]:
    """Lines of a text header and where the data begin. last: true of the line that ends the header.

    Raises DosimetryError for a line or a header that is too long, before anything else reads it, and for one that does not end.
    """
    lines: list[str] = []
    with open(path, "rb") as file:
        while line := file.readline(_LONGEST_LINE + 1):
            if len(line) > _LONGEST_LINE or file.tell() > _LONGEST_TEXT_HEADER:
                raise refused(
                    path.name,
                    f"a {what} header with lines of up to {_LONGEST_LINE} bytes",
                    f"a longer one (line {len(lines) + 1})",
                    "write the file again without it",
                )
            if b"\0" in line:
                raise refused(path.name, f"text in the {what} header", f"other bytes (line {len(lines) + 1})", "write it again")
            lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
            if last(lines[-1]):
                return lines, file.tell()
    return lines, -1


def numbers(text: str, count: int, name: str, field: str, whole: bool = False) -> list[float]:
    """Numbers of a header field. Raises DosimetryError for another count, and for what is no finite number."""
    words = text.replace(",", " ").split()
    found = []
    for word in words:
        try:
            number = int(word) if whole else float(word)
        except ValueError:
            number = float("nan")
        found.append(number)
    if len(found) != count or not np.all(np.isfinite(found)):
        kind = "whole numbers" if whole else "numbers"
        raise refused(name, f"{count} {kind} in {field}", f"'{shown(text)}'", "write the header again")
    return found


def neighbor_file(path: Path, named: str, field: str) -> Path:
    """The data file that a detached header names, in the header's own folder.

    Raises DosimetryError for a path into another folder (also by a link), for anything that is no plain file, and for none.
    """
    plain = named.removeprefix("./")
    if not plain or plain in (".", "..") or re.search(r"[/\\:\0]", plain):
        raise refused(path.name, f"the name of a file beside it ({field})", f"'{shown(named)}'", "put both files into one folder")
    place = path.parent / plain
    if not os.path.lexists(place):
        raise DosimetryError(f"Expected the file '{plain}' beside {path.name} ({field}), found none; check the path.")
    try:
        usable = place.resolve(strict=True).parent == path.parent.resolve() and os.path.isfile(place)
    except (OSError, RuntimeError, ValueError):
        usable = False
    if not usable:
        raise DosimetryError(
            f"Expected a plain file '{plain}' beside {path.name} ({field}), received a folder, a device or a link to another folder; put both files into one folder."
        )
    return place


def with_checked_bytes(header: VolumeHeader) -> VolumeHeader:
    """The header itself; DosimetryError where the bytes on disk cannot be the voxels it declares, before any is unpacked."""
    try:
        there = header.data_file.stat().st_size
    except OSError as error:
        raise refused(header.name, "a data file that can be read", str(error.strerror), "check the file") from error
    packed = there if header.wholly_packed else there - header.data_offset
    if header.packed_bytes is not None:
        if packed < header.packed_bytes:
            raise cut_short(header, f"{max(packed, 0)} of {header.packed_bytes} packed bytes")
        if packed > header.packed_bytes:
            raise too_long(header, f"{packed} packed bytes instead of {header.packed_bytes}")
    if packed <= 0:
        raise cut_short(header, f"0 of {header.data_bytes} bytes")
    if header.encoding == "raw":
        if packed < header.data_bytes:
            raise cut_short(header, f"{packed} of {header.data_bytes} bytes")
        if packed > header.data_bytes:
            raise too_long(header, f"{packed} bytes instead of {header.data_bytes}")
    ratio = _LARGEST_RATIO.get(header.encoding)
    if ratio is not None and header.data_bytes > ratio * packed:
        raise cut_short(header, f"{packed} packed bytes that cannot become {header.data_bytes}")
    return header


def cut_short(header: VolumeHeader, received: str) -> DosimetryError:
    size = " x ".join(str(side) for side in header.geometry.size[::-1])
    return refused(
        header.name,
        f"all voxels of {size} {header.dtype.name}",
        f"a file that is cut short or says another size ({received})",
        "copy or write it again",
    )


def too_long(header: VolumeHeader, received: str) -> DosimetryError:
    size = " x ".join(str(side) for side in header.geometry.size[::-1])
    return refused(
        header.name,
        f"the voxels of {size} {header.dtype.name} and nothing else",
        f"more than the header says ({received})",
        "write it again",
    )


def little_or_big(kind: str, big: bool) -> np.dtype:
    return np.dtype(kind).newbyteorder(">" if big else "<")
