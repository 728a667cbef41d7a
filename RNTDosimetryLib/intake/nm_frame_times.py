"""Index vectors of Nuclear Medicine objects (PS3.3 C.8.4.8), and when and how long each of their time frames was taken."""

from dataclasses import dataclass

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake.tags import element_value, number_of, tag_label

_DYNAMIC = ("PhaseVector", "TimeSliceVector", "RotationVector")
_GATED = ("RRIntervalVector", "TimeSlotVector")
_ONE_ONLY = {"EnergyWindowVector": "energy windows", "DetectorVector": "detectors", "AngularViewVector": "angular views"}


@dataclass(frozen=True)
class IndexVectors:
    """keys: of each frame, the numbers that tell its time frame (empty for a static object). names: of these numbers. slices: slice number of
    each frame, empty when the file has none. kind: "dynamic", "gated" or ""."""

    keys: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    slices: tuple[int, ...]
    kind: str

    @property
    def source(self) -> str:
        return " + ".join(tag_label(name) for name in self.names)


def index_vectors(header, where: str) -> IndexVectors:
    """The vectors of a reconstructed object. Raises DosimetryError for vectors of another length, for a reconstruction of several energy
    windows, and for one that is dynamic and gated at once."""
    slices = _vector(header, "SliceVector", where, True)
    if slices and len(set(slices)) == len(slices):
        return IndexVectors((), (), (), "")  # each slice once: other vectors are left over from the projections
    pointed = _pointed(header)
    vectors = {name: _vector(header, name, where, name in pointed) for name in (*_DYNAMIC, *_GATED, *_ONE_ONLY)}
    for name, what in _ONE_ONLY.items():
        if len(set(vectors[name])) > 1 and (name in pointed or slices):
            raise DosimetryError(
                f"Expected one reconstruction in {where}, received {len(set(vectors[name]))} {what} in one object; export each by itself."
            )
    names = {
        kind: tuple(name for name in group if len(set(vectors[name])) > 1)
        for kind, group in (("dynamic", _DYNAMIC), ("gated", _GATED))
    }
    if all(names.values()):
        raise DosimetryError(
            f"Expected a dynamic or a gated object in {where}, received one that is both; export the sum of its gates."
        )
    kind = next((kind for kind in names if names[kind]), "")
    if not kind:
        return IndexVectors((), (), (), "")
    group = _DYNAMIC if kind == "dynamic" else _GATED
    if not slices and "SliceVector" in pointed:
        raise DosimetryError(
            f"Expected {tag_label('SliceVector')} in {where}, whose frames are ordered by it, received none; send the object again."
        )
    used = tuple(name for name in group if vectors[name])
    keys = tuple(zip(*(vectors[name] for name in used)))
    return IndexVectors(keys, used, slices, kind)


def dynamic_times(header, vectors: IndexVectors, keys, where: str):
    """([(offset from the start in s, duration in s) of each frame], source, doubt), or (None, "", "") when the file does not say.

    Phases: delay before the first frame, frame duration, pause between frames (PS3.3 C.8.4.14). Rotations: one after the other.
    """
    if "RotationVector" in vectors.names and len({key[vectors.names.index("RotationVector")] for key in keys}) == len(keys):
        return _rotation_times(header, vectors, keys)
    phases = header.get("PhaseInformationSequence") or []
    column = vectors.names.index("PhaseVector") if "PhaseVector" in vectors.names else None
    numbers = [1 if column is None else key[column] for key in keys]
    if not phases or max(numbers) > len(phases) or min(numbers) < 1:
        return None, "", ""
    times, clock, last, missing = [], 0.0, 0, set()
    for number in numbers:
        phase = phases[number - 1]
        duration, delay, pause = (_seconds(phase, name) for name in ("ActualFrameDuration", "PhaseDelay", "PauseBetweenFrames"))
        if duration is None:
            return None, "", ""
        _check_phase(phase, number, numbers.count(number), duration, delay, pause, where)
        missing |= {tag_label(name) for name, value in (("PhaseDelay", delay), ("PauseBetweenFrames", pause)) if value is None}
        clock += (delay or 0.0) if number != last else (pause or 0.0)
        times.append((clock, duration))
        clock, last = clock + duration, number
    doubt = f"no {' and no '.join(sorted(missing))} in a phase; it was taken as 0" if missing else ""
    return times, tag_label("PhaseInformationSequence"), doubt


def _check_phase(phase, number: int, count: int, duration: float, delay, pause, where: str) -> None:
    if duration <= 0 or min(delay or 0.0, pause or 0.0) < 0:
        raise DosimetryError(
            f"Expected a positive frame duration and no negative pauses in phase {number} of {where}, received {duration:g} s; "
            "type the override frame_durations_s."
        )
    stated = phase.get("NumberOfFramesInPhase")
    if stated not in (None, "") and number_of(stated, tag_label("NumberOfFramesInPhase")) != count:
        raise DosimetryError(
            f"Expected {stated} frames in phase {number} of {where}, received {count}; type the override frame_durations_s."
        )


def gate_weights(header, keys) -> tuple[list[float], str, str]:
    """How long each gate counted, in any unit, where it was read, and a doubt; equal weights when the file does not say.

    Time Slot Time, else Frame Time times the accepted beats of its R-R interval (PS3.3 C.8.4.13).
    """
    slots, nominal = [], []
    for key in keys:
        interval, slot = key if len(key) == 2 else (1, key[0])
        data = (
            element_value(header, f"GatedInformationSequence[{interval - 1}].DataInformationSequence[0]")
            if interval > 0
            else None
        )
        item = None if data is None or slot < 1 else element_value(data, f"TimeSlotInformationSequence[{slot - 1}]")
        slots.append(None if item is None else _seconds(item, "TimeSlotTime"))
        each = None if data is None else _seconds(data, "FrameTime")
        beats = None if data is None else data.get("IntervalsAcquired")
        nominal.append(
            None if each is None else each * (1.0 if beats in (None, "") else number_of(beats, tag_label("IntervalsAcquired")))
        )
    if None not in slots and min(slots) > 0:
        return slots, tag_label("TimeSlotTime"), ""
    if None not in nominal and min(nominal) > 0:
        return nominal, tag_label("FrameTime"), f"no {tag_label('TimeSlotTime')}; the gates were weighted by their nominal time"
    return [1.0] * len(keys), "", "the file does not say how long each gate counted; all gates were given the same time"


def _rotation_times(header, vectors: IndexVectors, keys):
    rotations, column = header.get("RotationInformationSequence") or [], vectors.names.index("RotationVector")
    times, clock = [], 0.0
    for key in keys:
        if not 0 < key[column] <= len(rotations):
            return None, "", ""
        item = rotations[key[column] - 1]
        each, views = _seconds(item, "ActualFrameDuration"), item.get("NumberOfFramesInRotation")
        if each is None or views in (None, "") or each <= 0:
            return None, "", ""
        duration = each * number_of(views, tag_label("NumberOfFramesInRotation"))
        times.append((clock, duration))
        clock += duration
    return times, f"{tag_label('RotationInformationSequence')}, one after the other", ""


def _seconds(item, keyword: str) -> float | None:
    """A time in ms as seconds."""
    value = item.get(keyword)
    return None if value in (None, "") else number_of(value, tag_label(keyword)) / 1000.0


def _pointed(header) -> set[str]:
    """Names of the vectors that the object is ordered by."""
    from pydicom.datadict import keyword_for_tag

    value = header.get("FrameIncrementPointer")
    tags = [] if value in (None, "") else (value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value])
    return {keyword_for_tag(tag) for tag in tags}


def _vector(header, keyword: str, where: str, needed: bool) -> tuple[int, ...]:
    """An index vector; () for none, and for one of another length where it is not needed (left over from the projections)."""
    value = header.get(keyword)
    if value in (None, "") or (hasattr(value, "__len__") and len(value) == 0):
        return ()
    numbers = (
        tuple(int(item) for item in value) if hasattr(value, "__len__") and not isinstance(value, (str, bytes)) else (int(value),)
    )
    frames = int(header.get("NumberOfFrames", 1) or 1)
    if len(numbers) == frames:
        return numbers
    if not needed:
        return ()
    raise DosimetryError(
        f"Expected {frames} entries, one for each frame, in {tag_label(keyword)} of {where}, received {len(numbers)}; send the object again."
    )
