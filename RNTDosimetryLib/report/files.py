"""Files of results: written whole or not at all, and recognised again by their hash."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from RNTDosimetryLib.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.records import to_plain

RESEARCH_ONLY = "For research only. Not a medical device."


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Path of a temporary file beside ``path`` that takes its place when the block ends well, and is removed when not.

    So a reader sees the old file or the whole new one. The suffix is kept, because some writers choose the format by it.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise DosimetryError(
            f"Expected an existing folder for {path.name}, received {path.parent}; create it or choose another one."
        )
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> Path:
    """Writes UTF-8 text as it is (no change of line ends), whole or not at all. Returns the path."""
    with replacing(path) as temporary:
        try:
            temporary.write_bytes(text.encode("utf-8"))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise DosimetryError(f"Expected to write {Path(path).name} into {Path(path).parent}, received: {reason}; make room or choose another folder.") from error
    return Path(path)


def json_text(data) -> str:
    """JSON of plain data or records: keys in the order given, numbers at full precision, newline at the end.

    Raises DosimetryError for NaN, infinity and objects that are not data.
    """
    return json.dumps(to_plain(data), ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def write_json(path: str | Path, data) -> Path:
    """Writes ``json_text(data)``; nothing is written when the data are refused."""
    return write_text(path, json_text(data))


def write_dose_nrrd(
    path: str | Path,
    values: np.ndarray,
    geometry: ImageGeometry,
    unit: str = "Gy",
    quantity: str = "Absorbed dose",
    attributes: Mapping[str, str] | None = None,
) -> Path:
    """Writes a map, (z, y, x), as compressed NRRD (float32) with its unit and quantity in the header.

    The header has ``quantity``, ``measurement unit``, ``notice`` and the ``attributes`` as key and value.
    Raises DosimetryError when the shape differs from the geometry or a voxel is not finite.
    """
    import SimpleITK as sitk

    array = checked_map(values, geometry, quantity).astype(np.float32)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(geometry.spacing_mm[::-1])
    image.SetOrigin(geometry.origin_lps_mm)
    image.SetDirection([component for row in geometry.direction for component in row])
    header = {"quantity": quantity, "measurement unit": unit, "notice": RESEARCH_ONLY, **(attributes or {})}
    for key, value in header.items():
        image.SetMetaData(str(key), " ".join(str(value).split()))
    path = Path(path)
    if path.suffix != ".nrrd":
        raise DosimetryError(f"Expected a file name that ends in .nrrd, received {path.name}; rename it.")
    with replacing(path) as temporary:
        try:
            sitk.WriteImage(image, str(temporary), True)
        except RuntimeError as error:
            raise DosimetryError(f"Expected to write {path.name} into {path.parent}, received an error of the disk; make room or choose another folder.") from error
    return path


def checked_map(values: np.ndarray, geometry: ImageGeometry, what: str) -> np.ndarray:
    """The map as an array, (z, y, x); raises DosimetryError when it does not fit its geometry or is not finite."""
    array = np.asarray(values)
    if array.shape != geometry.size:
        raise DosimetryError(
            f"Expected {what} of shape {geometry.size} (z, y, x), received {array.shape}; give the geometry of this very map."
        )
    if array.dtype.kind not in "fiub" or not np.all(np.isfinite(array)):
        raise DosimetryError(
            f"Expected finite numbers in {what}, received NaN, infinity or another type; it must not be written."
        )
    return array


def sha256_of_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    path = Path(path)
    if not path.is_file():
        raise DosimetryError(f"Expected a file to hash, found none at {path}; check the path.")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_array(array: np.ndarray) -> str:
    """SHA-256 of an array's type, shape and values, hexadecimal; independent of memory order and byte order."""
    array = np.asarray(array)
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{little.dtype.str}{array.shape}".encode())
    digest.update(little.tobytes())
    return digest.hexdigest()
