"""The road of the guide, from its page: read, run, write, read back, and travel by the command line."""

import json
import re
from pathlib import Path

import pytest

from RNTDosimetryLib import commandline
from RNTDosimetryLib.base.errors import DosimetryError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "contributing_a_road.md"


@pytest.fixture(scope="module")
def guide():
    names = {"__name__": "guide"}
    exec(compile(re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1], str(PAGE), "exec"), names)
    return names


@pytest.fixture
def request_file(tmp_path):
    path = tmp_path / "decay_request.json"
    path.write_text(json.dumps({"nuclide": "Lu-177", "activity_mbq": 7400, "hours": 159.528}), encoding="utf-8")
    return path


def test_the_road_of_the_guide_goes_from_request_to_folder_and_back(guide, request_file, tmp_path):
    road = guide["ROAD"]
    request = road.read_request(request_file)
    result = road.run(request)
    # One half-life of 6.647 d.
    assert result.left_mbq == pytest.approx(3700, rel=1e-3)
    (path,) = road.write(result, tmp_path / "out")
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert list(stored)[:6] == ["format", "version", "research_only", "created", "versions", "input_hashes"]
    assert guide["DecayResult"].read(path) == result
    assert road.read_request(path) == request


def test_it_is_one_row_of_the_command_line(guide, request_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(commandline, "ROADS", (*commandline.ROADS, guide["ROAD"]))
    assert commandline.main(["decay", str(request_file), "--out", str(tmp_path / "out")]) == 0
    assert "Left" in capsys.readouterr().out
    assert commandline.main(["decay", str(tmp_path / "none.json"), "--out", str(tmp_path / "out")]) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"nuclide": "Lu-177", "activity_mbq": 7400, "hour": 1}, "did you mean hours?"),
        ({"nuclide": "Lu-177", "activity_mbq": 7400}, "without hours"),
        ({"nuclide": "Lu-177", "activity_mbq": -1, "hours": 1}, "Expected a positive activity_mbq"),
        ({"format": "RNTDosimetry plan", "nuclide": "Lu-177"}, "received one of format 'RNTDosimetry plan'"),
        ({"version": 2, "nuclide": "Lu-177"}, "of version 1 or older"),
        ([1], "received no JSON object"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(guide, request_file, content, words):
    request_file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DosimetryError, match=r"^Expected ") as refusal:
        guide["ROAD"].read_request(request_file)
    assert words in str(refusal.value)
