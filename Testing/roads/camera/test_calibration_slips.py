"""What is doubtful in a phantom scan is said: too large a sensitivity makes every activity too low, and nothing later shows it."""

import pytest
from fixtures.calibration_fixtures import source_of, sphere_request, uniform_request

from RNTDosimetryLib.camera import read_calibration, read_recovery
from RNTDosimetryLib.commandline import main
from RNTDosimetryLib.phantom import planar_scan, sphere_scan, uniform_scan


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        # 511 MBq typed in GBq and in Bq: a thousand times too much, a million times too little
        ({"source": 1e-3}, "is outside 1 to 1000 cps/MBq"),
        ({"source": 1e6}, "is outside 1 to 1000 cps/MBq"),
        ({"duration_s": 30.0}, "duration_s 30 was typed and used, the file says"),
        ({"unit": "cps"}, "unit cps was typed and used, the file says CNTS"),
        ({"start": "2025-03-03T20:00:00"}, "start 2025-03-03 20:00:00 was typed and used, the file says"),
        ({"kind": "planar", "region_radius_mm": 6.0}, "the circle of 6 mm about the source holds"),
    ],
)
def test_a_doubtful_calibration_is_said_and_kept(changes, words, camera, tmp_path):
    kind = changes.get("kind", "uniform")
    scan = {"uniform": uniform_scan, "planar": planar_scan}[kind]()
    source = source_of(scan)
    if "source" in changes:
        changes = {"source": {**source, "activity_mbq": source["activity_mbq"] * changes["source"]}}
    request = uniform_request(tmp_path, **({"scan": str(camera / f"{kind}.dcm"), "source": source} | changes))
    assert main(["calibrate", str(request), "--out", str(tmp_path)]) == 0
    assert any(words in text for text in read_calibration(tmp_path / "calibration.json").warnings)


def test_a_good_calibration_has_no_warning_also_with_the_values_of_the_file_typed(camera, tmp_path):
    assert read_calibration(camera / "calibration.json").warnings == ()
    scan = uniform_scan()
    typed = {"unit": "CNTS", "start": scan.start.isoformat(), "duration_s": scan.duration_s, "decay_correction": "none"}
    request = uniform_request(tmp_path, scan=str(camera / "uniform.dcm"), **typed)
    assert main(["calibrate", str(request), "--out", str(tmp_path)]) == 0
    assert read_calibration(tmp_path / "calibration.json").warnings == ()


def test_a_wrong_concentration_shows_as_another_resolution(camera, tmp_path):
    concentration = sphere_scan().concentration_bq_ml / 1e6
    shared = {"scan": str(camera / "spheres.dcm"), "calibration_file": str(camera / "calibration.json")}
    request = sphere_request(tmp_path, concentration_mbq_ml=1.2 * concentration, **shared)
    assert main(["recovery", str(request), "--out", str(tmp_path)]) == 0
    assert any(
        "11 mm was typed; check concentration_mbq_ml" in text for text in read_recovery(tmp_path / "recovery.json").warnings
    )
    assert not any("was typed" in text for text in read_recovery(camera / "recovery.json").warnings)
