"""Dynamic and gated series of 18F in all forms that DICOM has for them, encoded from a known concentration by formulas of their own."""

import math
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from images.dicom_fixtures import (
    ADMINISTRATION,
    ROOT,
    Grid,
    Spect,
    dicom_datetime,
    encoded_values,
    set_pixels,
    true_concentration,
    write_spect,
)
from pydicom.dataset import Dataset

HALF_LIFE_S = 6584.04  # DDEP (BIPM Monographie-5): 18F 1.8289 h
PER_S = math.log(2) / HALF_LIFE_S
START_H = 1.5
GRID = Grid(size=(6, 7, 8), spacing=(14.0, 10.0, 12.0))
SERIES = f"{ROOT}.2.700"


@dataclass(frozen=True)
class Frame:
    """offset_s from the start of the series; uptake: what multiplies the decaying concentration in this frame."""

    offset_s: float
    duration_s: float
    uptake: float = 1.0


# Two phases, the second after a delay and with pauses.
DYNAMIC = (Frame(0, 120, 1.0), Frame(120, 120, 1.3), Frame(300, 300, 1.7), Frame(630, 300, 2.0))
# Four gates of one scan of 1200 s; counting times 200, 300, 300, 400; their weighted mean of uptakes is 1.
GATE_S = (200.0, 300.0, 300.0, 400.0)
GATES = tuple(Frame(0, 1200, uptake) for uptake in (1.5, 1.2, 0.8, 0.75))


def concentration(points, hours, uptake=1.0):
    """Bq/mL: the shape of the other fixtures, decaying as 18F from the administration."""
    return 5.0 * uptake * true_concentration(points, 0.0) * math.exp(-PER_S * 3600 * hours)


def spect_of(frame: Frame, decay: str, **more) -> Spect:
    hours = START_H + frame.offset_s / 3600

    def points_of(points, start_h):
        return concentration(points, start_h, frame.uptake)

    values = {"start_h": hours, "duration_s": frame.duration_s, "decay": decay, "half_life_s": HALF_LIFE_S, "decay_per_s": PER_S}
    return Spect(**{"grid": GRID, "uid": SERIES, "points_of": points_of, **values, **more})


def volumes_of(frames, decay: str, **more):
    """(frame, z, y, x) as stored before the slope; START is the start of the series for all frames."""
    stack = []
    for frame in frames:
        values = encoded_values(spect_of(frame, decay, **more))
        stack.append(values * math.exp(PER_S * frame.offset_s) if decay == "START" else values)
    return np.stack(stack)


def isotope(dataset):
    item = dataset.RadiopharmaceuticalInformationSequence[0]
    item.RadionuclideCodeSequence[0].CodeValue, item.Radiopharmaceutical = "77004003", "FDG"


def write_nm(folder, frames, decay, form, order="ascending", values=None, edit=None, **more):
    """One object with all frames. form: phases, rotations, slots, or bare (time slice vector without times)."""
    stack = volumes_of(frames, decay, **more) if values is None else values

    def change(dataset):
        isotope(dataset)
        count, slices = stack.shape[:2]
        numbers = [[time, z] for time in range(count) for z in range(slices)]
        if order == "shuffled":
            numbers = np.random.default_rng(3).permutation(numbers).tolist()
        slope = float(f"{stack.max() / 60000:.10g}")
        dataset.RescaleSlope = slope
        dataset.NumberOfFrames = len(numbers)
        dataset.SliceVector = [z + 1 for _, z in numbers]
        set_pixels(dataset, np.rint(np.stack([stack[time, z] for time, z in numbers]) / slope).astype(np.uint16))
        {"phases": _phases, "rotations": _rotations, "slots": _slots, "bare": _bare}[form](dataset, frames, [time for time, _ in numbers])
        if edit is not None:
            edit(dataset)

    write_spect(folder, spect_of(frames[0], decay, edit=change, **more))


def _phases(dataset, frames, times):
    """Frames 1 and 2 in the first phase, 3 and 4 in the second (60 s delay, 30 s pause)."""
    dataset.ImageType = ["DERIVED", "PRIMARY", "RECON TOMO", "EMISSION"]
    dataset.FrameIncrementPointer = [0x00540030, 0x00540100, 0x00540080]
    dataset.PhaseVector = [1 + time // 2 for time in times]
    dataset.TimeSliceVector = [1 + time % 2 for time in times]
    dataset.PhaseInformationSequence = []
    for delay, duration, pause in ((0, 120, 0), (60, 300, 30)):
        phase = Dataset()
        phase.PhaseDelay, phase.ActualFrameDuration, phase.PauseBetweenFrames, phase.NumberOfFramesInPhase = 1000 * delay, 1000 * duration, 1000 * pause, 2
        dataset.PhaseInformationSequence.append(phase)
    del dataset.RotationInformationSequence


def _rotations(dataset, frames, times):
    """One rotation after the other."""
    dataset.FrameIncrementPointer = [0x00540050, 0x00540080]
    dataset.RotationVector = [1 + time for time in times]
    dataset.RotationInformationSequence = []
    for frame in frames:
        rotation = Dataset()
        rotation.ActualFrameDuration, rotation.NumberOfFramesInRotation = round(frame.duration_s * 1000 / 60), 60
        dataset.RotationInformationSequence.append(rotation)


def _bare(dataset, frames, times):
    dataset.FrameIncrementPointer = [0x00540100, 0x00540080]
    dataset.TimeSliceVector = [1 + time for time in times]


def _slots(dataset, frames, times):
    dataset.ImageType = ["DERIVED", "PRIMARY", "RECON GATED TOMO", "EMISSION"]
    dataset.FrameIncrementPointer = [0x00540060, 0x00540070, 0x00540080]
    dataset.RRIntervalVector, dataset.TimeSlotVector = [1] * len(times), [1 + time for time in times]
    data, gated = Dataset(), Dataset()
    data.FrameTime, data.TimeSlotInformationSequence = 100, []
    for seconds in GATE_S:
        slot = Dataset()
        slot.TimeSlotTime = 1000 * seconds
        data.TimeSlotInformationSequence.append(slot)
    gated.DataInformationSequence = [data]
    dataset.GatedInformationSequence = [gated]


def write_pt(folder, frames, decay, form, **more):
    """Slices of all frames in one series. form: times, references (one acquisition time, reference times), beds, gates or plain (nothing tells times)."""
    for number, frame in enumerate(frames):
        scale = math.exp(PER_S * frame.offset_s) if decay == "START" else 1.0

        def edit(dataset, number=number, frame=frame, scale=scale):
            isotope(dataset)
            dataset.SeriesInstanceUID = SERIES
            dataset.SOPInstanceUID = f"{dataset.SOPInstanceUID}.{number}"
            dataset.RescaleSlope = f"{float(dataset.RescaleSlope) * scale:.10g}"
            start = ADMINISTRATION + timedelta(hours=START_H)
            dataset.SeriesDate, dataset.SeriesTime = start.strftime("%Y%m%d"), start.strftime("%H%M%S")
            dataset.SeriesType = ["GATED" if form == "gates" else "DYNAMIC", "IMAGE"]
            dataset.ImageIndex = number * GRID.size[0] + dataset.InstanceNumber
            x = PER_S * frame.duration_s
            if decay == "START" and form == "times":
                dataset.DecayFactor = f"{math.exp(PER_S * frame.offset_s) * x / -math.expm1(-x):.8g}"
            if form in ("references", "plain"):
                dataset.AcquisitionTime = dataset.SeriesTime
            if form == "references":
                dataset.FrameReferenceTime = 1000 * (frame.offset_s + math.log(x / -math.expm1(-x)) / PER_S)
            if form == "gates":
                dataset.TriggerTime, dataset.FrameTime = 1000 * number, GATE_S[number]

        write_spect(folder / f"frame{number}", spect_of(frame, decay, dialect="PT", edit=edit, **more))


def write_passes(folder, passes, decay, bed_s):
    """A whole-body dynamic: in each pass the lower half of the slices first, the upper half ``bed_s`` later."""
    lower = replace(GRID, size=(3, 7, 8), centre=tuple(GRID.position(1.0, 3.0, 3.5)))
    upper = replace(GRID, size=(3, 7, 8), centre=tuple(GRID.position(4.0, 3.0, 3.5)))
    for number, frame in enumerate(passes):
        for bed, grid in enumerate((lower, upper)):
            later = replace(frame, offset_s=frame.offset_s + bed * bed_s)

            def edit(dataset, number=number, bed=bed):
                isotope(dataset)
                dataset.SeriesInstanceUID, dataset.SOPInstanceUID = SERIES, f"{dataset.SOPInstanceUID}.{number}.{bed}"

            write_spect(folder / f"{number}{bed}", spect_of(later, decay, dialect="PT", grid=grid, edit=edit))


def write_enhanced(folder, frames, decay, gated=False):
    """One enhanced PET object; temporal position index and frame times, or trigger delays for gates."""
    stack = volumes_of(frames, decay)

    def change(dataset):
        isotope(dataset)
        slope = float(f"{stack.max() / 60000:.10g}")
        shared = dataset.SharedFunctionalGroupsSequence[0]
        shared.RealWorldValueMappingSequence[0].RealWorldValueSlope = slope
        single, groups = dataset.PerFrameFunctionalGroupsSequence, []
        for number, frame in enumerate(frames):
            start = ADMINISTRATION + timedelta(hours=START_H, seconds=frame.offset_s)
            for item in single:
                group = deepcopy(item)
                content = group.FrameContentSequence[0]
                content.FrameAcquisitionDateTime, content.FrameAcquisitionDuration = dicom_datetime(start), frame.duration_s * 1000
                if gated:
                    trigger = Dataset()
                    trigger.NominalRespiratoryTriggerDelayTime = 500.0 * number
                    group.RespiratorySynchronizationSequence = [trigger]
                else:
                    content.TemporalPositionIndex = number + 1
                groups.append(group)
        dataset.AcquisitionDateTime = dicom_datetime(ADMINISTRATION + timedelta(hours=START_H))
        dataset.PerFrameFunctionalGroupsSequence, dataset.NumberOfFrames = groups, len(groups)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "GATED" if gated else "DYNAMIC", "NONE"]
        set_pixels(dataset, np.rint(stack.reshape(-1, *stack.shape[2:]) / slope).astype(np.uint16))

    write_spect(folder, spect_of(frames[0], decay, dialect="ENHANCED", edit=change))
