"""The ground that every room stands on: errors, records, checks, progress, documents, provenance, resources. Knows no physics."""

from RNTDosimetryLib.base.documents import RESEARCH_ONLY
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Cancelled
from RNTDosimetryLib.base.records import Record

__all__ = [
    "Cancelled",
    "DosimetryError",
    "RESEARCH_ONLY",
    "Record",
]
