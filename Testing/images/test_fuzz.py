"""Damaged files never crash the intake; the seeds are on record here, ``make bench`` runs 2000 of them."""

import pytest
from images.fuzz_dicom import outcome, write_patients

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
