"""Write the JSON schemas of study files, results.json and compare.json from the dataclasses that make them: Resources/schemas."""

import dataclasses
import json
import sys
import types
import typing
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.roads.camera import calibration, recovery
from RNTDosimetryLib.roads.compare.result import RESULT_FORMAT, RESULT_VERSION, CompareResult
from RNTDosimetryLib.roads.therapy.request import STUDY_FORMAT, STUDY_VERSION, Study
from RNTDosimetryLib.roads.therapy.result import RESULTS_FORMAT, RESULTS_VERSION, StudyResult
from RNTDosimetryLib.roads.verify.request import VERIFY_FORMAT, VERIFY_VERSION, VerifyRequest

FOLDER = ROOT / "Resources" / "schemas"
_SIMPLE = {float: {"type": "number"}, int: {"type": "integer"}, bool: {"type": "boolean"}, str: {"type": "string"}}


def schema_of(kind: type, format_name: str, version: int, typed: bool = False) -> dict:
    """JSON schema (draft 2020-12) of one kind of file. Unknown keys are allowed: newer versions may write more.

    typed: the file is written by hand; what has a default may be left out, and unknown keys are slips of spelling.
    """
    definitions: dict[str, dict] = {}
    content = _object(kind, definitions, typed)
    content["properties"] = {"format": {"const": format_name}, "version": {"const": version}, **content["properties"]}
    if typed:
        content["additionalProperties"] = False
    else:
        content["required"] = ["format", "version", *content["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{format_name}, version {version}",
        **content,
        "$defs": dict(sorted(definitions.items())),
    }


def _object(kind: type, definitions: dict, typed: bool = False) -> dict:
    hints = typing.get_type_hints(kind)
    written = [item for item in dataclasses.fields(kind) if item.metadata.get("written", True)]
    description = (kind.__doc__ or "").strip().split("\n")[0]
    return {
        "description": description,
        "type": "object",
        "properties": {item.name: _value(hints[item.name], definitions, typed) for item in written},
        "required": [item.name for item in written if not typed or _has_no_default(item)],
    }


def _has_no_default(item: dataclasses.Field) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _value(hint, definitions: dict, typed: bool = False) -> dict:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [{"type": "null"} if kind is type(None) else _value(kind, definitions, typed) for kind in arguments]}
    if hint in _SIMPLE:
        return dict(_SIMPLE[hint])
    if hint is datetime:
        return {"type": "string", "description": "ISO 8601"}
    if hint is np.ndarray:
        return {"type": "array"}
    if isinstance(hint, type) and issubclass(hint, Record):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}
            definitions[hint.__name__] = _object(hint, definitions, typed)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if origin in (tuple, list) or hint is list:
        return {"type": "array", "items": _value(arguments[0], definitions, typed)} if arguments else {"type": "array"}
    if origin is dict or hint is dict:
        return (
            {"type": "object", "additionalProperties": _value(arguments[1], definitions, typed)}
            if arguments
            else {"type": "object"}
        )
    raise TypeError(f"No schema for {hint}")


def schemas() -> dict[str, dict]:
    """File name to schema."""
    return {
        "calibration_request.schema.json": schema_of(
            calibration.CalibrationRequest, calibration.REQUEST_FORMAT, calibration.REQUEST_VERSION, typed=True
        ),
        "recovery_request.schema.json": schema_of(
            recovery.RecoveryRequest, recovery.REQUEST_FORMAT, recovery.REQUEST_VERSION, typed=True
        ),
        "study.schema.json": schema_of(Study, STUDY_FORMAT, STUDY_VERSION),
        "results.schema.json": schema_of(StudyResult, RESULTS_FORMAT, RESULTS_VERSION),
        "verification.schema.json": schema_of(VerifyRequest, VERIFY_FORMAT, VERIFY_VERSION, typed=True),
        "compare.schema.json": schema_of(CompareResult, RESULT_FORMAT, RESULT_VERSION),
    }


def text_of(schema: dict) -> str:
    return json.dumps(schema, indent=1) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (FOLDER / name).write_text(text_of(schema), encoding="utf-8")
        print(f"wrote {FOLDER / name}")
