"""Dynamic and gated series: each frame with its own start, duration and decay correction; gates as their time-weighted mean.

Source of the numbers: the formula of time_frame_fixtures.py at the start that the library gives each frame; index vectors and timing by
DICOM PS3.3 C.8.4.8, C.8.4.13, C.8.4.14 (NM), C.8.9.1, C.8.9.4 (PET) and C.7.6.16.2.2 (enhanced).
"""

from dataclasses import replace

import numpy as np
import pytest
from fixtures.dicom_fixtures import COARSE_CT, write_ct
from fixtures.time_frame_fixtures import (
    DYNAMIC,
    GATES,
    SERIES,
    START_H,
    Frame,
    concentration,
    volumes_of,
    write_enhanced,
    write_nm,
    write_passes,
    write_pt,
)
from pydicom import dcmread

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.intake import format_intake_table, read_folder

DECAYS = ("NONE", "START", "ADMIN")
NO_PAUSES = tuple(
    replace(frame, offset_s=float(sum(other.duration_s for other in DYNAMIC[:number]))) for number, frame in enumerate(DYNAMIC)
)


@pytest.fixture
def folder(tmp_path):
    write_ct(tmp_path / "ct", COARSE_CT, start_h=START_H)
    return tmp_path


def deviation(point, uptake=1.0):
    """Largest relative deviation from the truth at the start and the positions that the library states."""
    image = point.activity
    z, y, x = np.meshgrid(*(np.arange(n) for n in image.geometry.size), indexing="ij")
    points = (np.stack([x, y, z, np.ones_like(x)], axis=-1) @ image.geometry.index_to_lps.T)[..., :3]
    truth = concentration(points, point.start_h, uptake)
    return float(np.abs(image.concentration_bq_ml / truth - 1)[truth > 0.1 * truth.max()].max())


def check_dynamic(intake, frames):
    assert len(intake.time_points) == len(frames)
    assert len({point.name for point in intake.time_points}) == len(frames)
    for number, (point, frame) in enumerate(zip(intake.time_points, frames), start=1):
        assert point.start_h == pytest.approx(START_H + frame.offset_s / 3600, abs=1e-6)
        assert point.duration_s == pytest.approx(frame.duration_s)
        assert point.series_uid.endswith(f"#{number}")
        assert deviation(point, frame.uptake) < 1e-3
    rows = [row for row in intake.table if row.what == "time frame"]
    assert [row.value.split(",")[0] for row in rows] == [f"{number} of {len(frames)}" for number in range(1, len(frames) + 1)]


@pytest.mark.parametrize("order", ["ascending", "shuffled"])
@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize(("form", "frames"), [("phases", DYNAMIC), ("rotations", NO_PAUSES)])
def test_dynamic_nm(folder, form, frames, decay, order):
    write_nm(folder, frames, decay, form, order)
    check_dynamic(read_folder(folder), frames)


@pytest.mark.parametrize("decay", DECAYS)
def test_dynamic_nm_counts_use_the_duration_of_each_frame(folder, decay):
    write_nm(folder, DYNAMIC, decay, "phases", value="counts")
    check_dynamic(read_folder(folder, {"calibration_cps_per_mbq": 9.3}), DYNAMIC)


@pytest.mark.parametrize("decay", DECAYS)
def test_dynamic_nm_without_times_takes_typed_durations(folder, decay):
    write_nm(folder, NO_PAUSES, decay, "bare")
    with pytest.raises(DosimetryError, match="type the override frame_durations_s"):
        read_folder(folder)
    check_dynamic(read_folder(folder, {"frame_durations_s": [frame.duration_s for frame in DYNAMIC]}), NO_PAUSES)


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("form", ["times", "references"])
def test_dynamic_pet(folder, form, decay):
    write_pt(folder, DYNAMIC, decay, form)
    check_dynamic(read_folder(folder), DYNAMIC)


@pytest.mark.parametrize("decay", DECAYS)
def test_dynamic_pet_without_times_takes_typed_durations(folder, decay):
    write_pt(folder, NO_PAUSES, decay, "plain")
    with pytest.raises(DosimetryError, match="Expected the start of each of the 4 time frames"):
        read_folder(folder)
    check_dynamic(read_folder(folder, {"frame_durations_s": [frame.duration_s for frame in DYNAMIC]}), NO_PAUSES)


@pytest.mark.parametrize("decay", ["NONE", "ADMIN"])
def test_whole_body_passes(folder, decay):
    """Each pass is a time frame although its beds start at different times; every slice comes to the start of its pass."""
    passes = (Frame(0, 60, 1.0), Frame(200, 60, 1.4), Frame(400, 60, 1.9))
    write_passes(folder, passes, decay, 90.0)
    check_dynamic(read_folder(folder), passes)


@pytest.mark.parametrize("decay", DECAYS)
def test_dynamic_enhanced_pet(folder, decay):
    write_enhanced(folder, DYNAMIC, decay)
    check_dynamic(read_folder(folder), DYNAMIC)


def check_gated(intake):
    (point,) = intake.time_points
    assert point.start_h == pytest.approx(START_H, abs=1e-6)
    assert point.duration_s == pytest.approx(1200)
    assert "#" not in point.series_uid
    assert any("4 gates; their time-weighted mean was taken" in warning for warning in intake.warnings)
    return deviation(point)


@pytest.mark.parametrize("decay", DECAYS)
def test_gated_nm_gives_the_weighted_mean(folder, decay):
    write_nm(folder, GATES, decay, "slots", "shuffled")
    intake = read_folder(folder)
    assert check_gated(intake) < 1e-3
    (point,) = intake.time_points
    for image, gate in zip(point.frames, GATES, strict=True):
        assert deviation(replace(point, activity=image), gate.uptake) < 1e-3
    assert "frames" not in point.to_dict()


@pytest.mark.parametrize("decay", DECAYS)
def test_gated_nm_counts_are_those_of_the_whole_scan(folder, decay):
    """Counts of a gate are collected in its share of the time: 200 to 400 of 1200 s; together they are the counts of the scan."""
    values = volumes_of(GATES, decay, value="counts") * np.array([200, 300, 300, 400])[:, None, None, None] / 1200
    write_nm(folder, GATES, decay, "slots", values=values, value="counts")
    assert check_gated(read_folder(folder, {"calibration_cps_per_mbq": 9.3})) < 1e-3


@pytest.mark.parametrize("decay", DECAYS)
def test_gated_pet_gives_the_weighted_mean(folder, decay):
    write_pt(folder, GATES, decay, "gates")
    assert check_gated(read_folder(folder)) < 1e-3


def test_gates_without_times_count_the_same_and_say_so(folder):
    # uptakes 1.5, 1.2, 0.8, 0.75 with equal weights: 1.0625
    write_enhanced(folder, GATES, "START", gated=True)
    intake = read_folder(folder)
    assert deviation(intake.time_points[0], 1.0625) < 1e-3
    assert any("all gates were given the same time" in warning for warning in intake.warnings)


def test_gates_in_files_of_their_own(folder):
    for number, gate in enumerate(GATES):

        def edit(dataset, number=number):
            dataset.ImageType = ["DERIVED", "PRIMARY", "RECON GATED TOMO", "EMISSION"]
            dataset.SOPInstanceUID, dataset.InstanceNumber = f"{SERIES}.{number}", number + 1
            for keyword in ("FrameIncrementPointer", "TimeSliceVector"):
                delattr(dataset, keyword)

        write_nm(folder / str(number), [gate], "START", "bare", edit=edit)
    intake = read_folder(folder)
    assert deviation(intake.time_points[0], 1.0625) < 1e-3
    assert any("4 gates in files of their own" in warning for warning in intake.warnings)


@pytest.mark.parametrize(("choice", "uptake"), [(1, 1.5), (4, 0.75)])
def test_one_gate_can_be_chosen(folder, choice, uptake):
    write_nm(folder, GATES, "START", "slots")
    intake = read_folder(folder, {"time_frames": choice})
    assert deviation(intake.time_points[0], uptake) < 1e-3
    assert any(row.what == "time frames" and row.status == "override" for row in intake.table)


def test_one_dynamic_frame_can_be_chosen(folder):
    write_pt(folder, DYNAMIC, "NONE", "times")
    (point,) = read_folder(folder, {"time_points": {SERIES: {"time_frames": 3}}}).time_points
    assert point.start_h == pytest.approx(START_H + 300 / 3600)
    assert deviation(point, 1.7) < 1e-3


@pytest.mark.parametrize("decay", DECAYS)
def test_mean_of_dynamic_frames_is_exact_for_pure_decay(folder, decay):
    """Frames of one distribution that only decays: their mean at the start of the first is the truth there, whatever the pauses."""
    write_nm(folder, [replace(frame, uptake=1.0) for frame in DYNAMIC], decay, "phases")
    (point,) = read_folder(folder, {"time_frames": "mean"}).time_points
    assert point.start_h == pytest.approx(START_H)
    assert point.duration_s == pytest.approx(930)  # 630 + 300 s
    assert deviation(point) < 1e-3


def test_typed_start_moves_the_whole_series(folder):
    write_nm(folder, DYNAMIC, "START", "phases")
    starts = [point.start_h for point in read_folder(folder, {"acquisition_start": "2024-03-04T13:30:00"}).time_points]
    assert starts == pytest.approx([3.5 + frame.offset_s / 3600 for frame in DYNAMIC])


def test_frames_are_shown_in_the_table(folder):
    write_nm(folder, DYNAMIC, "START", "phases")
    text = format_intake_table(read_folder(folder))
    assert "4 dynamic, each a time point" in text
    assert "3 of 4, dynamic, 300 s after the first" in text
    assert "(0054,0032) Phase Information Sequence" in text


REFUSED = {
    "a number beyond the frames": ({"time_frames": 5}, "a number from 1 to 4 for"),
    "an unknown choice": ({"time_frames": "last"}, "Expected time_frames each, mean or"),
    "each gate a time point": ({"time_frames": "each"}, "whose 4 gates were taken at the same time"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_choices_that_cannot_be_are_refused(folder, case):
    overrides, sentence = REFUSED[case]
    write_nm(folder, GATES, "START", "slots")
    with pytest.raises(DosimetryError, match=sentence):
        read_folder(folder, overrides)


def dropped(dataset):
    dataset.NumberOfFrames = int(dataset.NumberOfFrames) - 1
    for keyword in ("SliceVector", "PhaseVector", "TimeSliceVector"):
        setattr(dataset, keyword, list(getattr(dataset, keyword))[:-1])


def short_vector(dataset):
    dataset.TimeSliceVector = list(dataset.TimeSliceVector)[:-2]


def two_windows(dataset):
    dataset.FrameIncrementPointer = [0x00540010, 0x00540080]
    dataset.EnergyWindowVector = list(dataset.PhaseVector)


def both_kinds(dataset):
    dataset.TimeSlotVector = list(dataset.TimeSliceVector)


def no_phase_time(dataset):
    dataset.PhaseInformationSequence[1].ActualFrameDuration = 0


def no_slice_vector(dataset):
    del dataset.SliceVector


def other_count(dataset):
    dataset.PhaseInformationSequence[0].NumberOfFramesInPhase = 7


def days_between(dataset):
    dataset.PhaseInformationSequence[1].PhaseDelay = 90_000_000


def negative_pause(dataset):
    dataset.PhaseInformationSequence[1].PauseBetweenFrames = -30_000


def no_phases(dataset):
    del dataset.PhaseInformationSequence


def cut_off(dataset):
    dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 2]


BROKEN = {
    "no slice vector though it is named": (no_slice_vector, "whose frames are ordered by it, received none"),
    "another number of frames in a phase": (other_count, "Expected 7 frames in phase 1 of"),
    "phases days apart": (days_between, "Expected time frames within a day in"),
    "a negative pause": (negative_pause, "no negative pauses in phase 2 of"),
    "no phases": (no_phases, "Expected the start of each of the 4 time frames"),
    "half of the pixels": (cut_off, "Expected readable pixels"),
    "a slice of one frame is missing": (dropped, "received 5 to 6 slices in a frame"),
    "a vector that is too short": (short_vector, r"Expected 24 entries, one for each frame, in \(0054,0100\) Time Slice Vector"),
    "two energy windows": (two_windows, "received 2 energy windows in one object"),
    "dynamic and gated": (both_kinds, "received one that is both"),
    "a phase without time": (no_phase_time, "received 0 s; type the override frame_durations_s"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_dynamic_objects_are_refused(folder, case):
    edit, sentence = BROKEN[case]
    write_nm(folder, DYNAMIC, "START", "phases", edit=edit)
    with pytest.raises(DosimetryError, match=sentence) as refusal:
        read_folder(folder)
    assert "\n" not in str(refusal.value)


def test_every_broken_object_has_its_own_sentence():
    assert len({sentence for _, sentence in BROKEN.values()}) == len(BROKEN) >= 11


def edited(path, **values):
    dataset = dcmread(path)
    for keyword, value in values.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)


SLICES = {
    "one slice without trigger time": ("gates", {"TriggerTime": None}, r"Expected \(0018,1060\) Trigger Time in every slice"),
    "one slice with the trigger time of no gate": (
        "gates",
        {"TriggerTime": 777},
        r"Expected one \(0018,1060\) Trigger Time for all slices",
    ),
    "one slice without acquisition time": ("times", {"AcquisitionTime": None}, "Expected the acquisition time of every slice"),
    "one slice without reference time": (
        "references",
        {"FrameReferenceTime": None},
        r"Expected \(0054,1300\) Frame Reference Time in every slice",
    ),
}


@pytest.mark.parametrize("case", SLICES)
def test_slices_that_could_be_in_the_wrong_frame_are_refused(folder, case):
    form, values, sentence = SLICES[case]
    write_pt(folder, GATES if form == "gates" else DYNAMIC, "START", form)
    edited(sorted((folder / "frame2").iterdir())[3], **values)
    with pytest.raises(DosimetryError, match=sentence):
        read_folder(folder)


def test_static_series_with_time_frames_typed_is_refused(folder):
    write_nm(folder, DYNAMIC[:1], "START", "phases", edit=lambda dataset: setattr(dataset, "PhaseInformationSequence", []))
    with pytest.raises(DosimetryError, match="Expected a dynamic or gated series for time_frames"):
        read_folder(folder, {"time_points": {f"{SERIES}": {"time_frames": 1}}})


def test_nominal_gate_times_and_missing_pauses_are_said(folder):
    def nominal(dataset):
        del dataset.GatedInformationSequence[0].DataInformationSequence[0].TimeSlotInformationSequence

    write_nm(folder / "gated", GATES, "START", "slots", edit=nominal)
    intake = read_folder(folder)
    assert any("weighted by their nominal time" in warning for warning in intake.warnings)
    assert deviation(intake.time_points[0], 1.0625) < 1e-3


def test_a_frame_that_is_missing_as_a_whole_is_said(folder):
    write_pt(folder, DYNAMIC, "START", "times")
    for path in sorted(folder.glob("frame*/*")):
        edited(path, NumberOfTimeSlices=4)
    assert read_folder(folder).warnings == ()
    for path in (folder / "frame3").iterdir():
        path.unlink()
    assert any(
        "3 time frames were found, but (0054,0101) Number of Time Slices says 4" in warning
        for warning in read_folder(folder).warnings
    )


def test_missing_slice_of_a_dynamic_pet_is_refused(folder):
    write_pt(folder, DYNAMIC, "START", "times")
    next((folder / "frame2").glob("*_003")).unlink()
    with pytest.raises(DosimetryError, match="received one position only 3 times; send the complete series"):
        read_folder(folder)


def test_durations_that_do_not_fit_are_refused(folder):
    write_pt(folder, NO_PAUSES, "NONE", "plain")
    for wrong in ([100, 100], [100, 100, 100, -1], "long", [True, 1, 1, 1]):
        with pytest.raises(DosimetryError, match="Expected frame_durations_s as one number or 4 positive numbers in s"):
            read_folder(folder, {"frame_durations_s": wrong})
