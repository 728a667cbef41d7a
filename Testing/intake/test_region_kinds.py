"""organ, lesion or other: by codes, then by names, then by what the file interprets."""

import pytest

from RNTDosimetryLib.intake.region_kinds import codes_of, is_background, meanings_of, region_kind

# Codes: DICOM PS3.16 CID 7150, 7151, 7159, 7194; Liver is SCT 10200004, T-62000 in the older form.
CASES = [
    ("Liver", "ORGAN", (), "organ"),
    ("GTV 1", "ORGAN", (), "lesion"),  # the default type of some planning systems says nothing
    ("Liver met 2", "ORGAN", (), "lesion"),
    ("Metastase Leber", "", (), "lesion"),
    ("Segment 3", "", ("108369006",), "lesion"),
    ("Segment 3", "", ("M-8FFFF",), "lesion"),
    ("Liver segment 4", "", ("49755003", "10200004"), "lesion"),  # a morphologically abnormal structure in the liver
    ("Liver", "", ("91723000", "10200004"), "organ"),
    ("Lesion in liver", "", ("91723000",), "lesion"),
    ("T1", "GTV", (), "lesion"),
    ("Volume", "CTV", (), "other"),
    ("CTV liver", "ORGAN", (), "other"),
    ("CTV liver", "GTV", (), "other"),
    ("Body", "EXTERNAL", (), "other"),
    ("Couch", "SUPPORT", (), "other"),
    ("Water", "CONTROL", (), "other"),
    ("Kidney L", "AVOIDANCE", (), "organ"),
    ("Mettler", "", (), "organ"),  # a whole word only
    ("anything", "NEW_TYPE", (), "organ"),
]


@pytest.mark.parametrize(("name", "interpreted", "codes", "kind"), CASES)
def test_kinds(name, interpreted, codes, kind):
    assert region_kind(name, interpreted, codes) == kind


def test_words_of_an_unknown_code_count_less_than_the_name():
    assert region_kind("Segment 1", "", ("1",), ("Neuroendocrine tumor",)) == "lesion"
    assert region_kind("CTV", "", ("1",), ("Neuroendocrine tumor",)) == "other"


def test_codes_of_items():
    items = [{"CodeValue": "125040", "CodeMeaning": "Background"}, {"CodeValue": None}]
    assert codes_of(items) == ("125040", "")
    assert meanings_of(items) == ("Background", "")
    assert codes_of(None) == ()
    assert is_background(codes_of(items))
    assert not is_background(("10200004",))
