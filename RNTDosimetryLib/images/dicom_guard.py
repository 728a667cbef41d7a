"""Damaged DICOM files: what the parser throws at them becomes one sentence with the name of the file or series."""

import struct
from contextlib import contextmanager

from RNTDosimetryLib.base.errors import DosimetryError

_DAMAGE = (
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
    NotImplementedError,
    OverflowError,
    EOFError,
    OSError,
    MemoryError,
)


@contextmanager
def readable(what: str):
    """Turn the errors of parsing a damaged file into a DosimetryError that names it; our own sentences pass through."""
    from pydicom.errors import BytesLengthException

    try:
        yield
    except DosimetryError:
        raise
    except (*_DAMAGE, struct.error, BytesLengthException) as error:
        raise DosimetryError(
            f"Expected a readable DICOM object in {what}, received a damaged one ({type(error).__name__}: {str(error)[:120]}); "
            "send it again or take it out of the folder."
        ) from error
