"""Damaged files never crash the intake; the seeds are on record here, ``make bench`` runs 2000 of them."""

import random

import pytest
from fixtures.fuzz_dicom import (
    DIALECTS,
    MORE_KINDS,
    compared,
    copy_with,
    flipped,
    one_of_each,
    outcome,
    write_more_kinds,
    write_patients,
)

MORE_ONCE_CRASHED_OR_SILENT = (81, 139, 163, 409, 826, 1337, 1361)
ONCE_CRASHED = (6, 7, 24, 40, 42, 51, 52, 71, 89, 107, 183, 1013, 1126, 1179, 1242)


@pytest.fixture(scope="module")
def patients(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    write_patients(folder)
    return folder


@pytest.mark.parametrize("first", [0, 20, 40, 60])
def test_damage_is_refused_or_harmless_or_warned_about(patients, first):
    for seed in range(first, first + 20):
        result, what = outcome(patients, seed)
        assert result in ("unwritable", "refused", "same", "warned", "changed"), f"seed {seed}, {what}"
        if "deleted" in what and ";" not in what:  # a missing element never changes a number in silence
            assert result != "changed", f"seed {seed}, {what}"


@pytest.mark.parametrize("seed", ONCE_CRASHED)
def test_seeds_that_crashed_once(patients, seed):
    result, what = outcome(patients, seed)
    assert not result.startswith("crash"), what


@pytest.fixture(scope="module")
def more_kinds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("more")
    write_more_kinds(folder)
    return folder


@pytest.mark.parametrize("first", [0, 20, 40, 60])
def test_damaged_time_frames_dialects_and_planar_scans(more_kinds, first):
    for seed in range(first, first + 20):
        result, what = outcome(more_kinds, seed, MORE_KINDS)
        assert result in ("unwritable", "refused", "same", "warned", "changed"), f"seed {seed}, {what}"
        if "deleted" in what and ";" not in what:
            assert result != "changed", f"seed {seed}, {what}"


@pytest.mark.parametrize("seed", MORE_ONCE_CRASHED_OR_SILENT)
def test_seeds_that_crashed_or_were_silent_once(more_kinds, seed):
    result, what = outcome(more_kinds, seed, MORE_KINDS)
    assert result in ("refused", "warned"), what


def check_cut(folder, patient, path):
    """Cut at every tenth: refused or warned about, by the name of the file."""
    whole = path.read_bytes()
    for tenth in range(10):
        result, said = compared(patient, copy_with(patient, folder, path, whole[: len(whole) * tenth // 10]))
        assert result in ("refused", "warned"), f"{path.name} cut at {tenth} tenths: {result}"
        assert path.name in said, f"{path.name} cut at {tenth} tenths: {said}"


@pytest.mark.parametrize(("dialect", "number"), [("NM", 0), ("NM", 1), ("NM", 2), ("NM", 3), ("PT", 1), ("ENHANCED", 1)])
def test_a_file_that_is_cut_short_is_named(patients, dialect, number):
    patient = patients / dialect
    check_cut(patients, patient, one_of_each(patient)[number])


@pytest.mark.parametrize("kind", ["dynamic NM", "gated PT", "whole body"])
def test_a_file_of_frames_or_views_that_is_cut_short_is_named(more_kinds, kind):
    patient = more_kinds / kind
    check_cut(more_kinds, patient, one_of_each(patient)[-1])


@pytest.mark.parametrize("first", [0, 20, 40])
def test_turned_bits_of_headers_never_crash(patients, first):
    """What a turned bit leaves believable (a digit of a position) no reader can see; all else is refused or said."""
    for seed in range(first, first + 20):
        source = random.Random(seed)
        patient = patients / source.choice(DIALECTS)
        path = source.choice(one_of_each(patient))
        result, said = compared(patient, copy_with(patient, patients, path, flipped(path, source, source.choice((1, 1, 4)))))
        assert result in ("refused", "same", "warned", "changed"), f"seed {seed}, {path.name}: {result}, {said}"
