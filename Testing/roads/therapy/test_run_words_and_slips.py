"""Words on the terminal and small slips that gave a fault or a wrong sign."""

import json

import numpy as np
import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.commandline import main, print_warnings
from RNTDosimetryLib.dose import dose_map, dose_volume_histogram
from RNTDosimetryLib.roads.therapy.tables import dose_table


def test_refused_commands_and_counts_of_warnings_are_english(capsys):
    assert main(["run"]) == 2
    said = capsys.readouterr().err
    assert "received another (the following arguments are required: STUDY.json); add --help" in said
    print_warnings(["one"])
    assert capsys.readouterr().out.startswith("1 warning:\n")
    print_warnings(["one", "two"])
    assert capsys.readouterr().out.startswith("2 warnings:\n")


def test_ragged_lists_are_refused_in_a_sentence():
    with pytest.raises(DosimetryError, match="Expected numbers in the map of time-integrated activity"):
        dose_map([[[1.0, 2.0], [3.0]]], (4.0, 4.0, 4.0), "Lu-177")


def test_shares_of_a_histogram_have_no_negative_zero():
    histogram = dose_volume_histogram(np.array([1.0, 1.0, 5.0]))
    assert "-0.0" not in json.dumps(histogram.differential_fraction.tolist())
    assert not np.signbit(histogram.differential_fraction).any()


def test_dose_per_activity_has_the_relative_uncertainty_of_the_dose(small_run):
    table = dose_table(small_run[1])
    headings = [column.heading for column in table.columns]
    dose, per_activity = (headings.index(name) for name in ("Absorbed dose (Gy)", "Dose per activity (Gy/GBq)"))
    for row, item in zip(table.rows, small_run[1].regions, strict=True):
        assert row[per_activity].value == item.dose_per_activity_gy_per_gbq
        relative = row[dose].uncertainty / row[dose].value
        assert row[per_activity].uncertainty / row[per_activity].value == pytest.approx(relative, rel=1e-12), row[0]
