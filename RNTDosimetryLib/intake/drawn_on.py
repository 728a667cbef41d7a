"""Which image of a folder regions were drawn on: by the instances they name, by the series, by the frame of reference (PS3.3 C.8.8.5, C.8.20.2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.intake.records import Series, TimePoint
from RNTDosimetryLib.intake.series import FoundSeries


@dataclass(frozen=True)
class DrawnOn:
    """An image that regions may be drawn on. time_point: that it belongs to. on_activity: it lies in the frame of the SPECT and not of its CT.
    named: the file names it, and not only its frame of reference."""

    time_point: int
    geometry: ImageGeometry
    on_activity: bool
    named: bool = True


@dataclass(frozen=True)
class References:
    """What a region names: instances and series of images, and its frame of reference, each what is most special first."""

    instances: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    frame: str = ""


class ImagesOfFolder:
    """The images of a folder by every UID that regions may name them by."""

    def __init__(self, points: Sequence[TimePoint], cts: Sequence[Series], found: Iterable[FoundSeries]):
        self._series: dict[str, DrawnOn] = {}
        self._frames: dict[str, DrawnOn] = {}
        self._instances = {
            str(item.header.get("SOPInstanceUID", "") or ""): series.uid for series in found for item in series.objects
        }
        for index, point in enumerate(points):
            if point.ct is not None:
                self._series.setdefault(point.ct.uid, DrawnOn(index, point.ct.geometry, False))
                self._frames.setdefault(point.ct.frame_of_reference_uid, DrawnOn(index, point.ct.geometry, False, False))
        for index, point in enumerate(points):
            own = DrawnOn(index, point.activity.geometry, True)
            for uid in (point.series_uid.split("#")[0], point.series_instance_uid):
                self._series.setdefault(uid, own)
            frame = point.activity.frame_of_reference_uid
            self._frames.setdefault(frame, DrawnOn(index, point.activity.geometry, True, False))
        for ct in cts:  # a CT that goes with no scan, in the frame of one that does
            near = self._frames.get(ct.frame_of_reference_uid) if ct.frame_of_reference_uid else None
            if near is not None:
                self._series.setdefault(ct.uid, DrawnOn(near.time_point, ct.geometry, near.on_activity))
        for known in (self._series, self._frames):
            known.pop("", None)

    def find(self, names: References) -> DrawnOn | None:
        """The image, None when none of the folder is meant."""
        by_instance = (self._series.get(self._instances.get(uid, "")) for uid in names.instances)
        by_series = (self._series.get(uid) for uid in names.series)
        for found in (*by_instance, *by_series):
            if found is not None:
                return found
        return self._frames.get(names.frame)
