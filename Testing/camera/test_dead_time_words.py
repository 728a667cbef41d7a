"""Files of older versions, which were spelled otherwise, still load."""

from RNTDosimetryLib.base.records import present_spelling
from RNTDosimetryLib.camera import DeadTime


def test_a_dead_time_that_an_older_version_wrote_is_read():
    stored = DeadTime(1e-6, "non-paralyzable").to_dict() | {"model": "non-paralysable"}
    assert DeadTime.from_dict(stored) == DeadTime(1e-6, "non-paralyzable")


def test_keys_in_the_former_spelling_are_the_keys_of_today():
    assert present_spelling("centres_lps_mm") == "centers_lps_mm"
    assert present_spelling("spacing_mm") == "spacing_mm"
