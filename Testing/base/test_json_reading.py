"""JSON that a person wrote: no number that nobody entered. What is refused is named with its place.

The four gaps of the format are those of RFC 8259: names given twice (4), numbers out of range and NaN (6), nesting (9).
"""

import json
import random
from dataclasses import dataclass

import pytest

from RNTDosimetryLib.base.checks import shown
from RNTDosimetryLib.base.documents import Request, json_text, refuse_unknown, write_text
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.json_reading import DEEPEST, parsed_json
from RNTDosimetryLib.base.records import Record, read_json_file


@dataclass(frozen=True)
class Lesion(Record):
    mass_g: float
    tumour_center_mm: tuple[float, ...] = ()


@dataclass(frozen=True)
class Asked(Request):
    NAME, WHAT, PAGE = "a test", "a test file", "the test"
    lung_shunt: float
    lesions: dict[str, Lesion] | None = None
    more: tuple[Lesion, ...] = ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"lung_shunt": 0.05, "lung_shunt": 0.5}', "received 'lung_shunt' twice;"),
        ('{"lesions": {"T1": {"mass_g": 5, "mass_g": 50}}}', "received 'mass_g' twice at lesions.T1;"),
        ('{"more": [{"mass_g": 1}, {"mass_g": 5, "mass_g": 5}]}', "received 'mass_g' twice at more[1];"),
        (r'{"lung_shunt": 0.05, "lung_\u0073hunt": 0.5}', "received 'lung_shunt' twice;"),
        ('{"lung_shunt": 1e400}', "received 1e400 at lung_shunt;"),
        ('{"lung_shunt": -1e400}', "received -1e400 at lung_shunt;"),
        ('{"more": [{"mass_g": NaN}]}', "received NaN at more[0].mass_g;"),
        ('{"lung_shunt": -Infinity}', "received -Infinity at lung_shunt;"),
        ('{"lung_shunt": 1' + "0" * 400 + "}", "(401 characters) at lung_shunt;"),
        ('{"lung_shunt": ' + "1" * 5000 + "}", "(5000 characters) at lung_shunt;"),
        ("[" * 600 + "]" * 600, "received brackets nested too deeply"),
        ('{"lung_shunt": ' + '{"a":' * 600 + "1" + "}" * 601, "received brackets nested too deeply"),
        ("[" * 200000, "received brackets nested too deeply"),
        ('{"lung_shunt": 0.05', "received text that cannot be read as such"),
        ('{"lung_shunt": 0,05}', "received text that cannot be read as such"),
    ],
)
def test_what_nobody_can_mean_is_refused_by_its_place(tmp_path, text, words):
    path = tmp_path / "asked.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DosimetryError, match=r"^Expected .* in asked\.json") as refusal:
        Asked.read(path)
    assert words in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_what_can_be_meant_is_read():
    text = '{"a": [1, -2.5e-3, 1e300, 0.0], "b": null, "c": {"a": true, "b": "NaN"}, "": [[], {}]}'
    assert parsed_json(text, "x") == json.loads(text)
    assert parsed_json("[" * DEEPEST + "]" * DEEPEST, "x") == json.loads("[" * DEEPEST + "]" * DEEPEST)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"lung_shnut": 0.05}, "did you mean lung_shunt?"),
        ({"LUNG_SHUNT": 0.05}, "did you mean lung_shunt?"),
        ({"lung_shunt": 0.05, "lesions": {"T1": {"mas_g": 1}}}, "in 'T1' in lesions of a test file, received also mas_g; check the spelling, did you mean mass_g?"),
        ({"lung_shunt": 0.05, "more": [{"mass_g": 1}, {"mass": 1}]}, "did you mean mass_g?"),
        ({"lung_shunt": 0.05, "more": [{"mass_g": 1, "tumour_centre_mm": [1], "tumour_center_mm": [2]}]}, "received it also as tumour_centre_mm"),
        ({"lung_shunt": 0.05, "qqqq": 1}, "received also qqqq; check the spelling."),
    ],
)  # fmt: skip
def test_unknown_keys_are_told_with_the_nearest_known_one_at_any_depth(content, words):
    with pytest.raises(DosimetryError) as refusal:
        Asked.from_content(content)
    assert words in str(refusal.value)


@pytest.mark.parametrize("content", [None, {"lesions": None, "more": None}, {"lesions": {"T1": None}}, {"more": [None]}])
def test_nothing_is_no_unknown_key(content):
    assert refuse_unknown(content, Asked, "a test file") is None


@pytest.mark.parametrize("number", [10**400, -(10**400), 10**5000, float("inf"), float("nan")], ids=range(5))
def test_a_number_beyond_all_is_refused_by_its_field_in_python_too(number):
    with pytest.raises(DosimetryError, match="lung_shunt of a Asked"):
        Asked.from_dict({"lung_shunt": number})
    assert len(shown(number)) < 70


def test_a_file_with_any_character_changed_is_read_or_refused_in_one_sentence(tmp_path):
    """Seeded: what is read has only finite numbers, and is the JSON that Python reads."""
    whole = json_text(
        {"lung_shunt": 0.05, "lesions": {"T1": {"mass_g": 12.5}}, "more": [{"mass_g": 3, "tumour_center_mm": [1, 2, 3]}]}
    )
    dice, path, refused = random.Random(5), tmp_path / "asked.json", 0
    for _turn in range(400):
        place = dice.randrange(len(whole))
        changed = (
            whole[:place]
            + dice.choice('{}[]",:e-+.0129NaI\\\n\0\x1b\u202e') * dice.randrange(3)
            + whole[place + dice.randrange(4) :]
        )
        path.write_text(changed, encoding="utf-8")
        asked = sentence = None
        try:
            asked = Asked.read(path)
        except DosimetryError as error:
            sentence = str(error)
        if asked is None:
            assert sentence.startswith("Expected ")
            refused += 1
            continue
        assert json.loads(json_text(asked))["lung_shunt"] == json.loads(changed)["lung_shunt"]
    assert 50 < refused < 399


def test_the_name_of_a_file_with_bytes_that_are_no_letter_goes_through_a_file(tmp_path):
    name = b"scan\xff.nii".decode("utf-8", "surrogateescape")
    path = write_text(tmp_path / "a.json", json_text({"file": name}))
    assert read_json_file(path, "a file") == {"file": name}


def test_writing_where_it_cannot_be_is_one_sentence_and_leaves_nothing(tmp_path):
    (tmp_path / "taken.json").mkdir()
    with pytest.raises(DosimetryError, match=r"Expected to write taken\.json into"):
        write_text(tmp_path / "taken.json", "{}")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.json"]
