"""Sequences within sequences without end: the file is named, the rest of the folder is read."""

import struct

import pytest
from fixtures.dicom_fixtures import Spect, write_ct, write_spect

from RNTDosimetryLib.intake import format_intake_table, read_folder

_OPEN = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
_CLOSE = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


@pytest.mark.parametrize("levels", [50, 600, 20000])
def test_a_file_of_nested_sequences_is_read_or_named(tmp_path, levels):
    write_ct(tmp_path)
    write_spect(tmp_path, Spect())
    path = next(path for path in sorted(tmp_path.rglob("*")) if path.is_file())
    whole = path.read_bytes()
    place = whole.index(struct.pack("<HH", 0x0028, 0x0002))
    path.write_bytes(whole[:place] + _OPEN * levels + _CLOSE * levels + whole[place:])
    table = format_intake_table(read_folder(tmp_path))
    assert (f"{path.name}: not read, damaged" in table) == (levels > 50)
    assert "NM 'SPECT'" in table
