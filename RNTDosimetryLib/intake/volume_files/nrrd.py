"""The header of a NRRD file, attached (.nrrd) or detached (.nhdr), as the format's definition says (teem.sourceforge.net/nrrd/format.html)."""

import re
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.checks import shown
from RNTDosimetryLib.intake.volume_files.header import (
    VolumeHeader,
    checked_geometry,
    checked_sizes,
    header_lines,
    little_or_big,
    neighbor_file,
    numbers,
    refused,
)

_MAGIC = re.compile(r"NRRD000[1-5]$")
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_TYPE_OF = {alias: kind for kind, aliases in _TYPES.items() for alias in aliases}
_ENCODINGS = {"raw": "raw", "gz": "gzip", "gzip": "gzip", "bz2": "bzip2", "bzip2": "bzip2"}
_SPACES = {
    "right-anterior-superior": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "left-posterior-superior": (1, 1, 1),
}
_SHORT_SPACES = {"ras": "right-anterior-superior", "las": "left-anterior-superior", "lps": "left-posterior-superior"}
_AXES_OF_SPACE = ("domain", "space", "???", "none")
_SAME_NAME = {"datafile": "data file", "lineskip": "line skip", "byteskip": "byte skip", "axismins": "axis mins", "axismaxs": "axis maxs",
              "centers": "centerings", "sampleunits": "sample units", "blocksize": "block size", "oldmin": "old min", "oldmax": "old max"}  # fmt: skip
_WITHOUT_EFFECT = {"content", "number", "min", "max", "labels", "thicknesses", "centerings", "sample units", "measurement frame"}
_FIELDS = _WITHOUT_EFFECT | {
    "type", "dimension", "sizes", "encoding", "endian", "data file", "line skip", "byte skip", "spacings", "units", "kinds", "space", "space dimension",
    "space units", "space origin", "space directions", "axis mins", "axis maxs", "block size", "old min", "old max",
}  # fmt: skip
_KEY_AND_VALUE = re.compile(r"(?:(?!: ).)*?:=")
_VECTOR = re.compile(r"none|\([^()]*\)", re.IGNORECASE)


def nrrd_header(path: Path) -> VolumeHeader:
    """Header of a NRRD file. Raises DosimetryError, with the file and the field, for what it cannot mean."""
    name = path.name
    fields, data_offset = _fields(path)
    sizes = _sizes(fields, name)
    kind = _TYPE_OF.get(" ".join(fields["type"].lower().split()))
    if kind is None:
        raise refused(name, "one number per voxel (type)", f"'{shown(fields['type'])}'", "write the values as float")
    endian = fields.get("endian", "little" if kind in ("i1", "u1") else "").lower()
    if endian not in ("little", "big"):
        raise refused(name, "endian little or big", f"'{shown(endian)}'", "write the file again")
    encoding = _ENCODINGS.get(fields["encoding"].lower())
    if encoding is None:
        raise refused(name, f"the encoding {', '.join(_ENCODINGS)}", f"'{shown(fields['encoding'])}'", "write it as raw or gzip")
    for field in ("old min", "old max"):
        if field in fields:
            raise refused(name, "the values themselves", f"quantized ones ({field})", "write them as float")
    dtype, geometry = little_or_big(kind, endian == "big"), _geometry(fields, sizes, name)
    attached = "data file" not in fields
    if attached and data_offset < 0:
        raise refused(name, "a blank line between header and voxels", "none: the file is cut short", "copy or write it again")
    data_file = path if attached else neighbor_file(path, fields["data file"], "data file")
    start = data_offset if attached else 0
    if int(numbers(fields.get("line skip", "0"), 1, name, "line skip", whole=True)[0]) != 0:
        raise refused(name, "line skip 0", shown(fields["line skip"]), "write the file again")
    skip = int(numbers(fields.get("byte skip", "0"), 1, name, "byte skip", whole=True)[0])
    if skip and (encoding != "raw" or skip < -1):
        raise refused(name, "byte skip 0, or -1 and above for raw voxels", str(skip), "write the file again")
    if skip == -1:
        needed = int(np.prod(sizes, dtype=np.int64)) * dtype.itemsize
        start = max(start, data_file.stat().st_size - needed)
    return VolumeHeader(
        name=name,
        geometry=geometry,
        dtype=dtype,
        encoding=encoding,
        data_file=data_file,
        data_offset=start + max(skip, 0),
        reader="NrrdImageIO",
    )


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """The fields of a header by their names, and where attached voxels begin (-1: no blank line came)."""
    name = path.name
    with open(path, "rb") as file:
        begins = file.read(8)
    if not _MAGIC.match(begins.decode("latin-1")):
        raise refused(name, "a NRRD file", "another beginning, so it cannot be read", "check the kind of the file")
    lines, offset = header_lines(path, lambda line: line == "", "NRRD")
    fields: dict[str, str] = {}
    for line in lines[1:]:
        if not line or line.startswith("#") or _KEY_AND_VALUE.match(line):
            continue
        field, colon, content = line.partition(": ")
        field = " ".join(field.lower().split())
        field = _SAME_NAME.get(field.replace(" ", ""), field)
        if not colon or field not in _FIELDS:
            raise refused(name, "fields that NRRD has", f"'{shown(line)}'", "take that line out or correct it")
        if field in fields:
            raise refused(name, f"{field} once", "it twice", "keep the one that is meant")
        fields[field] = content.strip()
    missing = [field for field in ("type", "dimension", "sizes", "encoding") if field not in fields]
    if missing:
        raise refused(name, f"the fields {', '.join(missing)}", "none", "write the file again")
    return fields, offset


def _sizes(fields: dict, name: str) -> tuple[int, int, int]:
    axes = int(numbers(fields["dimension"], 1, name, "dimension", whole=True)[0])
    if not 1 <= axes <= 16:
        raise refused(name, "a dimension of 1 to 16", str(axes), "write the file again")
    sizes = [int(size) for size in numbers(fields["sizes"], axes, name, "sizes", whole=True)]
    kinds = fields.get("kinds", " ".join(["???"] * axes)).lower().split()
    if len(kinds) != axes:
        raise refused(name, f"{axes} kinds", str(len(kinds)), "write the file again")
    parts = [size for size, kind in zip(sizes, kinds) if kind not in _AXES_OF_SPACE]
    if any(size > 1 for size in parts):
        raise refused(
            name,
            "one value per voxel on three axes",
            f"{axes - len(parts)} axes and {max(parts)} components (kinds)",
            "save one time point as one volume",
        )
    return checked_sizes(sizes, name, "sizes")


def _geometry(fields: dict, sizes: tuple[int, int, int], name: str):
    for field in ("space units", "units"):
        others = [unit for unit in re.findall(r'"([^"]*)"', fields.get(field, "")) if unit.strip().lower() not in ("mm", "")]
        if others:
            raise refused(name, f"mm in {field}", f"'{shown(others[0])}'", "write the place of the voxels in mm")
    if "space directions" not in fields:
        raise refused(
            name,
            "the place of the voxels in the patient (space, space directions, space origin)",
            "no space directions",
            "write it with its orientation, or left and right are a guess",
        )
    for field in ("spacings", "axis mins", "axis maxs"):
        if any(word.lower() != "nan" for word in fields.get(field, "").split()):
            raise refused(name, "space directions alone", f"{field} too", "keep the one that is meant")
    space = " ".join(fields.get("space", "").lower().split()).removesuffix("-time")
    space = _SHORT_SPACES.get(space.removesuffix("t") if len(space) == 4 else space, space)
    if space not in _SPACES:
        found = f"'{shown(fields['space'])}'" if "space" in fields else "none"
        raise refused(name, f"the space {', '.join(_SPACES)}", found, "write it in one of them, or left and right are a guess")
    signs = np.array(_SPACES[space], dtype=float)
    vectors = _VECTOR.findall(fields["space directions"])
    if _VECTOR.sub("", fields["space directions"]).strip() or len(vectors) < 3:
        raise refused(
            name, "a vector for each axis in space directions", f"'{shown(fields['space directions'])}'", "write it again"
        )
    if any(vector.lower() == "none" for vector in vectors[:3]):
        raise refused(
            name, "a direction for each axis of the volume (space directions)", "none", "write the place of the voxels again"
        )
    if "space origin" not in fields:
        raise refused(name, "a space origin", "none", "write the place of the voxels again")
    columns = [_vector(vector, name, "space directions") for vector in vectors[:3]]
    origin = _vector(fields["space origin"], name, "space origin")
    return checked_geometry(name, sizes, np.column_stack(columns) * signs[:, None], origin * signs, "space directions")


def _vector(text: str, name: str, field: str) -> np.ndarray:
    """The first three numbers of "(1,0,0)"; a fourth, of time, must not mix with them."""
    inner = re.fullmatch(r"\((.*)\)", text.strip())
    words = inner[1].split(",") if inner else []
    if len(words) not in (3, 4):
        raise refused(name, f"three numbers in brackets in {field}", f"'{shown(text)}'", "write the place of the voxels again")
    found = numbers(inner[1], len(words), name, field)
    return np.array(found[:3])
