"""The header of a NIfTI-1 file (nifti.nimh.nih.gov, nifti1.h): both statements of the place, held against each other.

qform (method 2) is a rotation with the voxel size of pixdim; sform (method 3) any affine matrix. Both are RAS. A file may state either or both, each with a code for
its space. Readers take one of them: programs that prefer different ones put the same file into two places.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.volume_files.header import (
    VolumeHeader,
    checked_geometry,
    checked_sizes,
    largest_distance_mm,
    little_or_big,
    refuse_unreal,
    refused,
    same_place_mm,
)

_SIZE, _SIZE_2 = 348, 540
_MAGIC, _DETACHED = b"n+1\0", b"ni1\0"
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_OTHER_TYPES = {
    1: "bits",
    32: "complex numbers",
    128: "colors",
    1536: "float128",
    1792: "complex numbers",
    2048: "complex numbers",
    2304: "colors",
}
_UNITS = {1: "m", 3: "um"}
_CODES = range(6)
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_LARGEST_NORM = 1.0 + 1e-4


def nifti_header(path: Path) -> VolumeHeader:
    """Header of a single-file NIfTI (.nii, .nii.gz). Raises DosimetryError, with the file and the field, for what it cannot mean."""
    name = path.name
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path, "rb") if packed else open(path, "rb") as file:
            raw = file.read(_SIZE)
    except (OSError, EOFError, zlib.error) as error:
        raise refused(name, "a gzip stream that is whole", "a damaged one", "copy or write it again") from error
    read = _fields(raw, name)
    sizes = _sizes(read, name)
    dtype = _dtype(read, name)
    least, offset = _SIZE + 4, read["vox_offset"]
    if not math.isfinite(offset) or offset != int(offset) or offset < least:
        raise refused(name, f"vox_offset of at least {least}", f"{offset:g}", "write the file again")
    matrix = _place(read, sizes, name)
    slope, intercept = read["scl_slope"], read["scl_inter"]
    if not (math.isfinite(slope) and math.isfinite(intercept)) or (slope == 0 and intercept != 0):
        raise refused(
            name,
            "finite scl_slope and scl_inter",
            f"{slope:g} and {intercept:g}",
            "write the values as they are, with 1 and 0",
        )
    return VolumeHeader(
        name=name,
        geometry=checked_geometry(name, sizes, matrix[:3, :3], matrix[:3, 3], "sform" if read["sform_code"] else "qform"),
        dtype=dtype,
        encoding="gzip" if packed else "raw",
        data_file=path,
        data_offset=int(offset),
        wholly_packed=packed,
        scale=None if slope == 0 else (slope, intercept),
        reader="NiftiImageIO",
        notes=("volume_without_slope",) if slope == 0 and dtype.kind in "iu" else (),
    )


def _fields(raw: bytes, name: str) -> dict:
    """The fields that are used, by the names of the standard, and ``big``: the byte order."""
    if len(raw) < _SIZE:
        raise refused(name, "a NIfTI header", f"a file of {len(raw)} bytes, cut short", "copy or write it again")
    order = next((order for order in "<>" if struct.unpack(order + "i", raw[:4])[0] in (_SIZE, _SIZE_2)), None)
    if order is None:
        raise refused(name, "a NIfTI header (sizeof_hdr 348)", "another beginning", "check the kind of the file")
    if struct.unpack(order + "i", raw[:4])[0] == _SIZE_2:
        raise refused(name, "a NIfTI-1 file", "NIfTI-2, which is not read", "write it as NIfTI-1")
    if raw[344:348] == _DETACHED:
        raise refused(
            name, "header and voxels in one file (magic n+1)", "a header whose voxels lie in another file", "write one .nii file"
        )
    if raw[344:348] != _MAGIC:
        raise refused(
            name, "the magic of NIfTI", repr(raw[344:348])[1:], "an Analyze file states no orientation; write it as NIfTI"
        )

    def values(form: str, place: int) -> tuple:
        return struct.unpack_from(order + form, raw, place)

    (kind, bits), (offset, slope, intercept), (qcode, scode) = values("2h", 70), values("3f", 108), values("2h", 252)
    return {
        "big": order == ">", "dim": values("8h", 40), "pixdim": values("8f", 76), "datatype": kind, "bitpix": bits, "vox_offset": offset,
        "scl_slope": slope, "scl_inter": intercept, "xyzt_units": raw[123], "qform_code": qcode, "sform_code": scode,
        "quatern": values("3f", 256), "qoffset": values("3f", 268), "srow": values("12f", 280),
    }  # fmt: skip


def _sizes(read: dict, name: str) -> tuple[int, int, int]:
    axes = read["dim"][0]
    if not 1 <= axes <= 7:
        raise refused(name, "dim[0] from 1 to 7", str(axes), "write the file again")
    sizes = checked_sizes(read["dim"][1 : axes + 1], name, "dim")
    steps = read["pixdim"][1:4]
    if not all(math.isfinite(step) and step > 0 for step in steps):
        raise refused(
            name,
            "a voxel size above zero on every axis (pixdim)",
            ", ".join(f"{step:g}" for step in steps),
            "write the voxel size again",
        )
    unit = read["xyzt_units"] & 0x07
    if unit in _UNITS or unit > 3:
        raise refused(name, "mm in xyzt_units", _UNITS.get(unit, f"the code {unit}"), "write the place of the voxels in mm")
    return sizes


def _dtype(read: dict, name: str) -> np.dtype:
    kind = _TYPES.get(read["datatype"])
    if kind is None:
        found = _OTHER_TYPES.get(read["datatype"], f"the code {read['datatype']}")
        raise refused(name, "one number per voxel (datatype)", found, "write the values as float32")
    dtype = little_or_big(kind, read["big"])
    if read["bitpix"] != 8 * dtype.itemsize:
        raise refused(name, f"bitpix {8 * dtype.itemsize} of the datatype {dtype.name}", str(read["bitpix"]), "write it again")
    return dtype


def _place(read: dict, sizes: tuple[int, int, int], name: str) -> np.ndarray:
    """4 x 4 matrix from index (x, y, z) to LPS mm, that all statements of the header agree on."""
    for code in ("qform_code", "sform_code"):
        if read[code] not in _CODES:
            raise refused(name, f"{code} from 0 to {_CODES[-1]}", str(read[code]), "write the place of the voxels again")
    steps = read["pixdim"][1:4]
    allowed = same_place_mm(steps)
    qform = _qform(read, name) if read["qform_code"] else None
    sform = None
    if read["sform_code"]:
        sform = np.vstack([np.reshape(read["srow"], (3, 4)), [0, 0, 0, 1]]).astype(float)
        refuse_unreal(sform, name, "sform")
        apart = np.abs(np.linalg.norm(sform[:3, :3], axis=0) - steps) * np.maximum(np.asarray(sizes) - 1, 1)
        if apart.max() > allowed:
            stated = ", ".join(f"{step:.4g}" for step in np.linalg.norm(sform[:3, :3], axis=0))
            raise refused(
                name,
                "one voxel size",
                f"{stated} mm in sform and {', '.join(f'{step:.4g}' for step in steps)} mm in pixdim",
                "write the place of the voxels again",
            )
    if qform is None and sform is None:
        raise refused(
            name,
            "the place of the voxels in the patient",
            "none (qform_code and sform_code are 0)",
            "write it with its orientation, or left and right are a guess",
        )
    if qform is not None and sform is not None:
        apart = largest_distance_mm(sizes, qform, sform)
        if apart > allowed:
            raise DosimetryError(
                f"Expected one place of the voxels in {name}, received two: qform (code {read['qform_code']}) and sform (code {read['sform_code']}) are up to "
                f"{apart:.3g} mm apart; set both to the one that is meant."
            )
    return _RAS_TO_LPS @ (sform if sform is not None else qform)


def _qform(read: dict, name: str) -> np.ndarray:
    """Matrix of the quaternion (nifti1.h, method 2)."""
    b, c, d = read["quatern"]
    square, qfac = b * b + c * c + d * d, read["pixdim"][0]
    if not (math.isfinite(square) and square <= _LARGEST_NORM and all(map(math.isfinite, read["qoffset"]))):
        raise refused(
            name, "a rotation in qform (quatern_b, c, d)", f"{b:g}, {c:g}, {d:g}", "write the place of the voxels again"
        )
    if qfac not in (-1.0, 0.0, 1.0):
        raise refused(name, "pixdim[0] of 1 or -1", f"{qfac:g}", "write the place of the voxels again")
    if 1.0 - square < 1e-7:  # a half turn: as nifti1_io does, so that rounding makes no rotation
        a, scale = 0.0, 1.0 / math.sqrt(square)
        b, c, d = b * scale, c * scale, d * scale
    else:
        a = math.sqrt(1.0 - square)
    rotation = np.array([
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ])  # fmt: skip
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * np.array([*read["pixdim"][1:3], read["pixdim"][3] * (-1.0 if qfac < 0 else 1.0)])
    matrix[:3, 3] = read["qoffset"]
    return matrix
