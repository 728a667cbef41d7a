"""The schemas in Resources describe what is written, and are those that the dataclasses make."""

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from RNTDosimetryLib.base.records import to_plain
from RNTDosimetryLib.base.resources import read_json, resource_path

TOOLS = Path(__file__).resolve().parents[2] / "tools"


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
