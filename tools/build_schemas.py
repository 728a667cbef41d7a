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

from RNTDosimetryLib.base.documents import Document, Request
from RNTDosimetryLib.base.records import Named, Record
from RNTDosimetryLib.camera import Calibration, RecoveryCurve
from RNTDosimetryLib.commandline import ROADS
from RNTDosimetryLib.roads.cohort import CohortResult, PriorsFile
from RNTDosimetryLib.roads.compare import CompareResult
from RNTDosimetryLib.roads.course import CourseResult
from RNTDosimetryLib.roads.plan import PlanResult
from RNTDosimetryLib.roads.therapy import StudyResult
from RNTDosimetryLib.roads.verify import VerifyResult

FOLDER = ROOT / "Resources" / "schemas"
_SIMPLE = {float: {"type": "number"}, int: {"type": "integer"}, bool: {"type": "boolean"}, str: {"type": "string"}}


def schema_of(kind: type[Document]) -> dict:
    """JSON schema (draft 2020-12) of one kind of file.

    Of a request: what has a default may be left out, and unknown keys are slips of spelling. Of a result: unknown keys are allowed, newer versions may write more.
    """
    typed = issubclass(kind, Request)
    definitions: dict[str, dict] = {}
    content = _object(kind, definitions, typed)
    content["properties"] = {"format": {"const": kind.NAME}, "version": {"const": kind.VERSION}, **content["properties"]}
    if typed:
        content["additionalProperties"] = False
    else:
        content["required"] = ["format", "version", *content["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{kind.NAME}, version {kind.VERSION}",
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
    if isinstance(hint, type) and issubclass(hint, Named):
        return {"type": "string"}
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


def documents() -> tuple[type[Document], ...]:
    """Every kind of file that a road reads or writes."""
    requests = [road.request for road in ROADS]
    return (
        *requests,
        StudyResult,
        PlanResult,
        VerifyResult,
        CompareResult,
        CourseResult,
        CohortResult,
        PriorsFile,
        Calibration,
        RecoveryCurve,
    )


def schemas() -> dict[str, dict]:
    """File name to schema."""
    return {f"{file_name(kind)}.schema.json": schema_of(kind) for kind in documents()}


def file_name(kind: type[Document]) -> str:
    return kind.NAME.removeprefix("RNTDosimetry ").replace(" ", "_")


def text_of(schema: dict) -> str:
    return json.dumps(schema, indent=1) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (FOLDER / name).write_text(text_of(schema), encoding="utf-8")
        print(f"wrote {FOLDER / name}")
