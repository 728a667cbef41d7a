"""The header of a MetaImage file (.mha, .mhd), as MetaIO defines it (itk.org/Wiki/ITK/MetaIO/Documentation)."""

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

_TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
_SYNONYMS = (
    ("Offset", "Position", "Origin"),
    ("TransformMatrix", "Orientation", "Rotation"),
    ("BinaryDataByteOrderMSB", "ElementByteOrderMSB"),
    ("ElementSpacing", "ElementSize"),
)
_TRUTH = {"true": True, "t": True, "1": True, "yes": True, "false": False, "f": False, "0": False, "no": False}
_DATA = "ElementDataFile"
_LOCAL = ("LOCAL", "Local", "local")
_SAME_NUMBER = 1e-6
_ANATOMY = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "I": (2, 1), "S": (2, -1)}
"""Where an axis of AnatomicalOrientation comes from: "RAI" is LPS, from right to left, anterior to posterior, inferior to superior."""


def metaimage_header(path: Path) -> VolumeHeader:
    """Header of a MetaImage file. Raises DosimetryError, with the file and the field, for what it cannot mean."""
    name = path.name
    fields, data_offset = _fields(path)
    axes = int(numbers(_needed(fields, "NDims", name), 1, name, "NDims", whole=True)[0])
    if not 1 <= axes <= 10:
        raise refused(name, "NDims from 1 to 10", str(axes), "write the file again")
    sizes = checked_sizes(numbers(_needed(fields, "DimSize", name), axes, name, "DimSize", whole=True), name, "DimSize")
    channels = int(numbers(fields.get("ElementNumberOfChannels", "1"), 1, name, "ElementNumberOfChannels", whole=True)[0])
    if channels != 1:
        raise refused(
            name, "one value per voxel on three axes", f"{axes} axes and {channels} components (ElementNumberOfChannels)", "save one volume"
        )  # fmt: skip
    kind = _TYPES.get(_needed(fields, "ElementType", name))
    if kind is None:
        raise refused(
            name, "a number per voxel (ElementType)", f"'{shown(fields['ElementType'])}'", "write the values as MET_FLOAT"
        )
    if not _truth(fields, "BinaryData", name, True):
        raise refused(name, "BinaryData = True", "numbers as text", "write the file again")
    for key, neutral in (("ElementToIntensityFunctionSlope", 1.0), ("ElementToIntensityFunctionOffset", 0.0)):
        if key in fields and numbers(fields[key], 1, name, key)[0] != neutral:
            raise refused(name, f"the values themselves ({key} {neutral:g})", shown(fields[key]), "write them as MET_FLOAT")
    if fields.get("DistanceUnits", "mm").lower() not in ("mm", "?"):
        raise refused(name, "mm in DistanceUnits", shown(fields["DistanceUnits"]), "write the place of the voxels in mm")
    if int(numbers(fields.get("HeaderSize", "0"), 1, name, "HeaderSize", whole=True)[0]) != 0:
        raise refused(name, "HeaderSize 0", shown(fields["HeaderSize"]), "write the file again")
    big = _truth(fields, "BinaryDataByteOrderMSB", name, None if np.dtype(kind).itemsize > 1 else False)
    packed = _truth(fields, "CompressedData", name, False)
    local = fields[_DATA] in _LOCAL
    return VolumeHeader(
        name=name,
        geometry=_geometry(fields, axes, sizes, name),
        dtype=little_or_big(kind, big),
        encoding="zlib" if packed else "raw",
        data_file=path if local else _data_file(path, fields[_DATA]),
        data_offset=data_offset if local else 0,
        packed_bytes=_packed_bytes(fields, name) if packed else None,
        reader="MetaImageIO",
    )


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """The fields of a header by their names, of synonyms the first, and where local voxels begin."""
    name = path.name
    lines, offset = header_lines(path, lambda line: line.partition("=")[0].strip() == _DATA, "MetaImage")
    fields: dict[str, str] = {}
    for line in lines:
        key, equals, content = line.partition("=")
        key = key.strip()
        if not line.strip():
            continue
        if not equals:
            raise refused(name, "lines of a key, = and a value", f"'{shown(line)}'", "check the kind of the file")
        if key in fields:
            raise refused(name, f"{key} once", "it twice", "keep the one that is meant")
        fields[key] = content.strip()
    if _DATA not in fields:
        raise refused(name, f"the key {_DATA}", "none: this cannot be read, or is cut short", "copy or write it again")
    if fields.get("ObjectType", "") != "Image":
        raise refused(name, "ObjectType = Image", f"'{shown(fields.get('ObjectType', ''))}'", "check the kind of the file")
    for names in _SYNONYMS:
        given = [key for key in names if key in fields]
        if len(given) > 1 and not all(_same(fields[given[0]], fields[key]) for key in given[1:]):
            raise refused(name, f"{' and '.join(given)} that agree", "two values", "keep the one that is meant")
        if given:
            fields[names[0]] = fields[given[0]]
    return fields, offset


def _same(one: str, other: str) -> bool:
    """Whether two values are the same words or numbers."""
    if one.lower() == other.lower():
        return True
    try:
        first, second = (np.array(text.split(), dtype=float) for text in (one, other))
    except ValueError:
        return one.lower() in _TRUTH and _TRUTH[one.lower()] == _TRUTH.get(other.lower())
    return first.shape == second.shape and np.allclose(first, second, rtol=_SAME_NUMBER, atol=_SAME_NUMBER)


def _needed(fields: dict, key: str, name: str) -> str:
    if key not in fields:
        raise refused(name, f"the key {key}", "none", "write the file again with it")
    return fields[key]


def _truth(fields: dict, key: str, name: str, default: bool | None) -> bool:
    text = fields.get(key)
    found = default if text is None else _TRUTH.get(text.lower())
    if found is None:
        raise refused(name, f"{key} = True or False", "none" if text is None else f"'{shown(text)}'", "write the file again")
    return found


def _packed_bytes(fields: dict, name: str) -> int | None:
    stated = fields.get("CompressedDataSize")
    return None if stated is None else int(numbers(stated, 1, name, "CompressedDataSize", whole=True)[0])


def _data_file(path: Path, named: str) -> Path:
    if named.upper().startswith("LIST") or "%" in named or (len(named.split()) > 1 and re.search(r"\s\d+\s+\d+", named)):
        raise refused(path.name, f"one data file ({_DATA})", "a list of files", "write one file")
    return neighbor_file(path, named, _DATA)


def _geometry(fields: dict, axes: int, sizes: tuple[int, int, int], name: str):
    steps = numbers(_needed(fields, "ElementSpacing", name), axes, name, "ElementSpacing")[:3]
    if min(steps) <= 0:
        raise refused(
            name,
            "a voxel size above zero on every axis (ElementSpacing)",
            ", ".join(f"{step:g}" for step in steps),
            "write the voxel size again",
        )
    missing = [key for key in ("Offset", "TransformMatrix") if key not in fields]
    if missing:
        raise refused(
            name,
            f"the place of the voxels in the patient ({', '.join(missing)})",
            "none",
            "write it with its orientation, or left and right are a guess",
        )
    origin = numbers(fields["Offset"], axes, name, "Offset")[:3]
    matrix = np.reshape(numbers(fields["TransformMatrix"], axes * axes, name, "TransformMatrix"), (axes, axes))
    direction = matrix[:3, :3].T
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-3):
        raise refused(
            name,
            "perpendicular axes of length 1 (TransformMatrix)",
            f"'{shown(fields['TransformMatrix'])}'",
            "resample the image to a regular grid",
        )
    center = numbers(fields.get("CenterOfRotation", " ".join(["0"] * axes)), axes, name, "CenterOfRotation")
    if any(center) and not np.allclose(direction, np.eye(3), atol=1e-9):
        raise refused(
            name, "CenterOfRotation 0 with rotated axes", shown(fields["CenterOfRotation"]), "write the Offset without it"
        )
    _check_anatomy(fields.get("AnatomicalOrientation", ""), direction, name)
    return checked_geometry(name, sizes, direction * np.asarray(steps), origin, "TransformMatrix and ElementSpacing")


def _check_anatomy(stated: str, direction: np.ndarray, name: str) -> None:
    """AnatomicalOrientation says in three letters where the axes come from; it must not be against the matrix."""
    if not (len(stated) == 3 and all(letter in _ANATOMY for letter in stated.upper())):
        return
    for axis, letter in enumerate(stated.upper()):
        row, sign = _ANATOMY[letter]
        if sign * direction[row, axis] <= 0:
            raise refused(
                name,
                "one orientation of the axes",
                f"AnatomicalOrientation {stated} against TransformMatrix",
                "correct one of them, or take AnatomicalOrientation out",
            )
