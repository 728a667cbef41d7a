"""The schemas in Resources describe what is written, and are those that the dataclasses make."""

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from RNTDosimetryLib.base.records import to_plain
from RNTDosimetryLib.base.resources import read_json, resource_path
from RNTDosimetryLib.camera import read_calibration, read_recovery
from RNTDosimetryLib.planning import Tumour
from RNTDosimetryLib.roads.plan import PlanRequest, run_plan
from RNTDosimetryLib.roads.therapy import StudyResult

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture(scope="module")
def tare_plan():
    return run_plan(
        PlanRequest(
            product="TheraSphere", tumours=(Tumour("T1", 200.0, 5.0),), normal_liver_mass_g=1300.0, lung_shunt_fraction=0.05
        )
    )


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(TOOLS))
    try:
        import build_schemas
    finally:
        sys.path.pop(0)
    return build_schemas


def test_the_stored_schemas_are_those_of_the_code(tool):
    for name, schema in tool.schemas().items():
        stored = resource_path("schemas", name).read_text(encoding="utf-8")
        assert stored == tool.text_of(schema), f"{name}: run tools/build_schemas.py"


def test_results_and_study_fit_their_schemas(small_run):
    _images, result = small_run
    stored = json.loads(json.dumps(to_plain(result)))
    jsonschema.Draft202012Validator(read_json("schemas", "results.schema.json")).validate(stored)
    jsonschema.Draft202012Validator(read_json("schemas", "study.schema.json")).validate(stored["study"])


def test_the_schema_refuses_a_dose_that_is_text(small_run):
    _images, result = small_run
    stored = json.loads(json.dumps(to_plain(result)))
    stored["regions"][0]["dose"]["dose_gy"] = "4.4 Gy"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(read_json("schemas", "results.schema.json")).validate(stored)


def test_every_result_and_request_reads_back_equal(small_run, camera, tare_plan):
    """Arrays apart: they are not in JSON, and None in what was read back."""
    _images, result = small_run
    for record in (
        result,
        result.study,
        read_calibration(camera / "calibration.json"),
        read_recovery(camera / "recovery.json"),
        tare_plan,
        tare_plan.request,
    ):
        stored = json.loads(json.dumps(record.to_dict()))
        again = type(record).from_content(stored)
        assert again == record
        assert again.to_dict() == stored
    assert StudyResult.from_content(json.loads(json.dumps(result.to_dict()))).dose_map.dose_gy is None
