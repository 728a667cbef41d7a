"""A PNG encoder for 8-bit grey and RGB pictures (PNG specification, ISO/IEC 15948), with zlib only."""

import base64
import struct
import zlib

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPE = {1: 0, 3: 2}


def png_bytes(pixels: np.ndarray) -> bytes:
    """PNG file of a picture, (rows, columns) grey or (rows, columns, 3) RGB, uint8; row 0 is the top."""
    array = np.asarray(pixels)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.size == 0 or (array.ndim == 3 and array.shape[2] != 3):
        raise DosimetryError(f"Expected a grey or RGB picture of 8-bit pixels, received {array.dtype} of shape {array.shape}.")
    rows, columns = array.shape[:2]
    channels = 1 if array.ndim == 2 else 3
    flat = np.ascontiguousarray(array).reshape(rows, columns * channels)
    lines = np.hstack([np.full((rows, 1), 2, np.uint8), np.diff(flat, axis=0, prepend=np.zeros((1, flat.shape[1]), np.uint8))])
    header = struct.pack(">IIBBBBB", columns, rows, 8, _COLOUR_TYPE[channels], 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)) + _chunk(b"IEND", b"")


def png_data_uri(pixels: np.ndarray) -> str:
    """The picture as a ``data:`` address, for pages that must hold everything themselves."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(pixels)).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
