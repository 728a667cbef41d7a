"""DICOM identifiers of the phantom patient: from the settings alone, so the same patient has the same ones each time."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from RNTDosimetryLib.phantom.settings import PhantomSettings

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_OID, "RNTDosimetry phantom patient")


def make_uid(settings: PhantomSettings, *parts) -> str:
    """UID of a name-based UUID (root 2.25, DICOM PS3.5 B.2) of the settings and the parts."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, repr((sorted(settings.to_dict().items()), parts))).int}"


def implementation_uid() -> str:
    """The program that writes the files."""
    return f"2.25.{_NAMESPACE.int}"


@dataclass(frozen=True)
class Session:
    """One time point in DICOM: its study, frame of reference and start."""

    settings: PhantomSettings
    index: int
    name: str
    study_start: datetime

    def uid(self, *parts) -> str:
        return make_uid(self.settings, self.index, *parts)

    @property
    def study_uid(self) -> str:
        return self.uid("study")

    @property
    def frame_of_reference_uid(self) -> str:
        """Shared by the CT and the SPECT of the time point, and by nothing else."""
        return self.uid("frame of reference")
