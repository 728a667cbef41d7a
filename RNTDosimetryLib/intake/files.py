"""One DICOM file, opened: with or without preamble, whole or cut short. What is no DICOM file is named with the reason.

A file of DICOM media begins with 128 bytes, DICM and the meta information (PS3.10 7.1); files of other exports begin with the data set.
"""

import io
import struct
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.sop_classes import WITH_PIXELS
from RNTDosimetryLib.intake.tags import readable

_PREAMBLE_BYTES, _PREFIX = 128, b"DICM"
_UNDEFINED_LENGTH = 0xFFFFFFFF
_LONG_VRS = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN", b"SQ", b"UC", b"UR", b"UT", b"SV", b"UV")
_VRS = (*_LONG_VRS, *b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_KNOWN_VRS = frozenset(vr.decode() for vr in _VRS)
_FIRST_GROUPS = (0x0002, 0x0008)
_PIXEL_GROUP = 0x7FE0
_ALWAYS_READ = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality", "SeriesDescription", "ImageType", "SeriesType",
    "CountsSource", "CorrectedImage", "NumberOfFrames", "NumberOfSlices", "NumberOfTimeSlots", "SliceVector", "AngularViewVector", "CollimatorType", "PatientID",
    "PatientName", "PatientBirthDate", "DetectorInformationSequence", "RadiopharmaceuticalInformationSequence", "RealWorldValueMappingSequence",
)  # fmt: skip
_ITEM, _DELIMITER = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
_END_OF_SEQUENCE = b"\xfe\xff\xdd\xe0\0\0\0\0"
_ARCHIVES = {".zip", ".gz", ".tgz", ".tar", ".7z", ".rar", ".bz2", ".xz"}
_FINDER = b"\0\5\x16\7"


@dataclass(frozen=True)
class LeftOut:
    """A file that is not used. reason: in words. serious: it looks like an image or a set of regions, so something is missing without it."""

    path: str
    reason: str
    serious: bool = False


@dataclass(frozen=True)
class OpenFile:
    """The data set of a file, without its pixels. bare: it has no preamble."""

    path: str
    dataset: object
    bare: bool = False


def open_header(path: Path) -> OpenFile | LeftOut:
    """The header of a file, without its pixels, or why there is none. A file that is shorter than it says is left out."""
    raw = _beginning(path)
    if isinstance(raw, LeftOut):
        return raw
    offset = _start_of_dicom(raw, path.stat().st_size)
    if offset is None:
        return _no_dicom(path, raw)
    if path.name.upper() == "DICOMDIR":
        return LeftOut(str(path), "a directory of other files")
    try:
        with readable(path.name), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of every value that is not quite to the standard
            dataset, short = _parsed(path, offset, raw)
            _decode(dataset)
    except DosimetryError as error:
        return LeftOut(str(path), f"damaged: {error}", True)
    if not dataset.get("SOPClassUID"):
        return LeftOut(str(path), short or "no (0008,0016) SOP Class UID, so it does not say what it is", True)
    if short:
        return LeftOut(str(path), short, True)
    return OpenFile(str(path), dataset, offset != _PREAMBLE_BYTES)


def open_dataset(path) -> object:
    """The whole data set of a file, pixels too. Raises DosimetryError for what is no DICOM file or cannot be read."""
    path = Path(path)
    with readable(path.name), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = _beginning(path)
        offset = None if isinstance(raw, LeftOut) else _start_of_dicom(raw, path.stat().st_size)
        if offset is None:
            raise DosimetryError(f"Expected a DICOM file, received {path.name}, which is none; choose another.")
        with _opened(path, offset) as file:
            return _read(file, offset, raw, pixels=True)


def _beginning(path: Path) -> bytes | LeftOut:
    try:
        with open(path, "rb") as file:
            raw = file.read(_PREAMBLE_BYTES + 12)
    except OSError as error:
        return LeftOut(str(path), f"it cannot be opened ({error.strerror or type(error).__name__})", True)
    return raw or LeftOut(str(path), "an empty file", not path.name.startswith("."))


def _start_of_dicom(raw: bytes, size: int) -> int | None:
    """Where DICM stands in a file, 128 or 0; -1 where the data set begins at once; None for other files."""
    if raw[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] == _PREFIX:
        return _PREAMBLE_BYTES
    if raw[:4] == _PREFIX:
        return 0
    if len(raw) < 12:
        return None
    little = struct.unpack("<HH", raw[:4])
    if little[0] in _FIRST_GROUPS and little[1] < 0x0200:
        explicit = raw[4:6] in _VRS
        return -1 if explicit or struct.unpack("<I", raw[4:8])[0] < size else None
    return -1 if struct.unpack(">H", raw[:2])[0] in _FIRST_GROUPS and raw[4:6] in _VRS else None


def _no_dicom(path: Path, raw: bytes) -> LeftOut:
    preamble, meta = raw[:_PREAMBLE_BYTES], raw[_PREAMBLE_BYTES + 4 : _PREAMBLE_BYTES + 6]
    if len(raw) < _PREAMBLE_BYTES + 12 and not raw.strip(b"\0"):
        return LeftOut(str(path), "cut short: nothing but zeros, as a DICOM file begins", True)
    if len(preamble) == _PREAMBLE_BYTES and (not preamble.strip(b"\0") or meta == b"\2\0"):
        return LeftOut(
            str(path),
            f"damaged: it begins as a DICOM file, but {raw[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4]!r} stands where DICM should",
            True,
        )
    return LeftOut(str(path), _what_else(path, raw))


def _what_else(path: Path, raw: bytes) -> str:
    if raw[:4] == _FINDER or path.name.startswith("._"):
        return "a companion file of a Mac's Finder"
    if path.suffix.lower() in _ARCHIVES:
        return "an archive; unpack it if it holds DICOM files"
    return f"no DICOM file ({path.suffix.lower() or 'no extension'})"


def _decode(dataset) -> None:
    """Decode what tells a file's kind and place, and look at the kind of every element, so that damage shows here and names the file; other values
    are decoded when they are asked for."""
    for item in dataset.values():  # raw where they were not decoded yet
        if item.VR is not None and item.VR not in _KNOWN_VRS and str(item.VR).split(" ")[0].encode() not in _VRS:
            raise DosimetryError(
                f"Expected a known value representation of {_name(item.tag)}, received {item.VR!r}; send it again."
            )
    for tag in _tags_always_read() & dataset.keys():
        dataset[tag]


@lru_cache(maxsize=1)
def _tags_always_read() -> frozenset:
    from pydicom.datadict import tag_for_keyword
    from pydicom.tag import Tag

    return frozenset(Tag(tag_for_keyword(keyword)) for keyword in _ALWAYS_READ)


def _opened(path: Path, offset: int):
    if offset == 0:  # the prefix without the 128 bytes before it
        return io.BytesIO(bytes(_PREAMBLE_BYTES) + path.read_bytes())
    return open(path, "rb")


def _read(file, offset: int, raw: bytes, pixels: bool):
    from pydicom import dcmread
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    dataset = dcmread(file, stop_before_pixels=not pixels, force=offset == -1)
    if "TransferSyntaxUID" not in dataset.file_meta:
        explicit = offset == -1 and raw[4:6] in _VRS
        big = explicit and struct.unpack(">H", raw[:2])[0] in _FIRST_GROUPS
        syntax = ExplicitVRBigEndian if big else ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def _parsed(path: Path, offset: int, raw: bytes):
    """(data set without pixels, in which element the file ends too early or "")."""
    with _opened(path, offset) as file:
        dataset = _read(file, offset, raw, pixels=False)
        if dataset.file_meta.TransferSyntaxUID.is_deflated:
            return dataset, ""
        end = file.tell()
        size = file.seek(0, 2)
        file.seek(end)
        return dataset, _end_of_header(dataset, size, file) if size - end < 8 else _end_of_pixels(dataset, size, file)


def _end_of_pixels(dataset, size: int, file) -> str:
    """Whether a file ends within the element that comes after the header, its pixels."""
    syntax = dataset.file_meta.TransferSyntaxUID
    order = "<" if syntax.is_little_endian else ">"
    group, element = struct.unpack(order + "HH", file.read(4))
    if group != _PIXEL_GROUP:
        return ""
    label = f"({group:04X},{element:04X}) Pixel Data"
    length_bytes = file.read(4) if syntax.is_implicit_VR else file.read(8)[4:]
    if len(length_bytes) < 4:
        return f"cut short in {label}"
    length, start = struct.unpack(order + "I", length_bytes)[0], file.tell()
    if length == _UNDEFINED_LENGTH:
        return "" if _fragments_end(file, size, order) else f"cut short in {label}"
    return "" if size - start >= length else f"cut short: {size - start} of {length} bytes of {label} are there"


def _fragments_end(file, size: int, order: str) -> bool:
    """Whether encapsulated pixels come to their delimiter (PS3.5 A.4)."""
    while True:
        head = file.read(8)
        if len(head) < 8:
            return False
        group, element, length = struct.unpack(order + "HHI", head)
        if (group, element) == _DELIMITER:
            return True
        if (group, element) != _ITEM or file.tell() + length > size:
            return False
        file.seek(length, 1)


def _end_of_header(dataset, size: int, file) -> str:
    """Whether the last element of a file without pixels is whole, and whether there should be pixels."""
    tags = list(dataset.keys())
    if not tags:
        return "cut short: it holds no element"
    item = dataset.get_item(tags[-1])
    if getattr(item, "is_raw", False):
        there, stated = len(item.value or b""), item.length
        if stated != _UNDEFINED_LENGTH and there < stated:
            return f"cut short: {there} of {stated} bytes of {_name(item.tag)} are there"
        if stated != _UNDEFINED_LENGTH and size > item.value_tell + stated:
            return f"cut short after {_name(item.tag)}"
    else:  # a sequence of undefined length ends with its delimiter
        file.seek(-min(8, size), 2)
        if file.read() not in (_END_OF_SEQUENCE, _END_OF_SEQUENCE[1::-1] + _END_OF_SEQUENCE[3:1:-1] + bytes(4)):
            return f"cut short in {_name(item.tag)}"
    if str(dataset.get("SOPClassUID", "")) in WITH_PIXELS:
        return f"cut short after {_name(item.tag)}: it has no pixels"
    return ""


def _name(tag) -> str:
    from pydicom.datadict import dictionary_description, dictionary_has_tag

    return f"({tag.group:04X},{tag.element:04X})" + (f" {dictionary_description(tag)}" if dictionary_has_tag(tag) else "")
