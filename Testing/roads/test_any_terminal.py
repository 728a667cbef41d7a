"""A verb on any terminal: names from files are shown as text, an encoding that lacks a letter and a closed pipe end no run."""

import csv
import io
import json
import os
import sys

import pytest

from RNTDosimetryLib.commandline import main

NAME = "=T1\x1b[2J\u202e肝<b>"
PLAN = {
    "product": "SIR-Spheres", "activity_gbq": 1.0, "tumours": [{"name": NAME, "mass_g": 50, "tnr": 4}], "normal_liver_mass_g": 800,
    "lung_shunt_fraction": 0.05, "lung_mass_g": 1000,
}  # fmt: skip


@pytest.fixture
def plan_file(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(PLAN), encoding="utf-8")
    return path


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_run_ends_well_under_a_code_page(plan_file, encoding, monkeypatch):
    said = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(said, encoding))
    assert main(["plan", str(plan_file), "--out", str(plan_file.parent / "out")]) == 0
    assert b"=T1\\x1b[2J\\u202e\\u809d<b>" in said.getvalue()
    assert b"Wrote " in said.getvalue()
    assert (plan_file.parent / "out" / "plan.json").is_file()


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_run_ends_well_where_nobody_listens(plan_file, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(["plan", str(plan_file), "--out", str(plan_file.parent / "out")]) == 0
    assert (plan_file.parent / "out" / "plan.json").is_file()


def test_a_name_is_text_in_every_file(plan_file, capsys):
    out = plan_file.parent / "out"
    assert main(["plan", str(plan_file), "--out", str(out)]) == 0
    assert "\x1b" not in capsys.readouterr().out
    page = (out / "plan_report.html").read_text(encoding="utf-8")
    assert not {"\x1b", "\u202e"} & set(page)
    assert "<b>" not in page
    fields = [field for row in csv.reader((out / "plan.csv").read_text(encoding="utf-8").splitlines()) for field in row]
    assert "'=T1\\x1b[2J\\u202e肝<b>" in fields
    assert json.loads((out / "plan.json").read_text(encoding="utf-8"))["request"]["tumours"][0]["name"] == NAME


def test_a_refusal_of_a_name_with_an_end_of_line_is_one_line(plan_file, capsys):
    plan_file.write_text(json.dumps(PLAN | {"a\nerror: b\x1b": 1}), encoding="utf-8")
    assert main(["plan", str(plan_file)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "\x1b" not in line
