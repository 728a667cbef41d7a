"""The validation that a user runs: passes here, and would fail where a number is wrong."""

import json
from dataclasses import replace

from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.validation import run_validation


def test_every_case_passes_and_names_its_source(tmp_path, capsys):
    assert main(["validate", "--out", str(tmp_path)]) == 0
    assert "cases passed" in capsys.readouterr().out
    stored = json.loads((tmp_path / "validation.json").read_text())
    assert len(stored) >= 15
    assert all(case["passed"] and case["source"] for case in stored)


def test_a_wrong_number_fails_and_says_which(monkeypatch, tmp_path, capsys):
    from RNTDosimetryLib import validation

    results = run_validation()
    wrong = (replace(results[0], found=results[0].found * (1 + 2 * results[0].limit)), *results[1:])
    monkeypatch.setattr(validation, "run_validation", lambda progress: wrong)
    assert main(["validate", "--out", str(tmp_path)]) == 1
    assert results[0].name in capsys.readouterr().err
