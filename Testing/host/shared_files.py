"""The folder ``share`` of the application: color tables and terminologies.

With ``SLICER_SRC`` Slicer's own files are linked in. Without, the host writes a terminology of a few organs, so that the
terminology logic starts and segments can carry codes. Codes are SNOMED CT concept identifiers as listed in DICOM PS3.16,
CID 7150 (categories), CID 7154 (abdominal organs), CID 7159 (lesions) and CID 7165 (tissue).
"""

import json
import os
from pathlib import Path

LINKED_FOLDERS = (
    ("ColorFiles", "Base/Logic/Resources/ColorFiles", ".txt", ".txt"),
    ("terminologies", "Modules/Loadable/Terminologies/Resources", ".json", ".term.json"),
)
CATEGORIES = {
    ("Tissue", "85756007"): {("Tissue", "85756007"): (128, 174, 128)},
    ("Anatomical Structure", "123037004"): {
        ("Liver", "10200004"): (221, 130, 101),
        ("Spleen", "78961009"): (157, 108, 162),
        ("Kidney", "64033007"): (185, 102, 83),
    },
    ("Morphologically Altered Structure", "49755003"): {("Neoplasm", "108369006"): (253, 135, 192)},
}
SEGMENT_CONTEXTS = ("SlicerGeneralAnatomy", "DICOM-Master")
REGION_CONTEXT = "DICOM-Master"
SCHEMA_ROOT = "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/"


def prepare_share(home: Path, sources: Path | None) -> None:
    """Lay out ``share`` in the home folder as in the application."""
    for name, *_ in LINKED_FOLDERS:
        (home / "share" / name).mkdir(parents=True)
    if sources is None:
        _write_terminologies(home / "share" / "terminologies")
        return
    for name, folder, ending, installed_ending in LINKED_FOLDERS:
        for source in (sources / folder).glob("*" + ending):
            os.symlink(source, home / "share" / name / (source.name.removesuffix(ending) + installed_ending))


def _code(meaning: str, value: str) -> dict:
    return {"CodeMeaning": meaning, "CodingSchemeDesignator": "SCT", "CodeValue": value}


def _write_terminologies(folder: Path) -> None:
    categories = []
    for (category, value), members in CATEGORIES.items():
        types = [_code(*code) | {"recommendedDisplayRGBValue": list(color)} for code, color in members.items()]
        categories.append(_code(category, value) | {"showAnatomy": True, "Type": types})
    # The logic looks for its two default contexts by these names.
    for name in SEGMENT_CONTEXTS:
        content = {
            "SegmentationCategoryTypeContextName": f"Segmentation category and type - {name}",
            "@schema": SCHEMA_ROOT + "segment-context-schema.json#",
            "SegmentationCodes": {"Category": categories},
        }
        _write_json(folder / f"SegmentationCategoryTypeModifier-{name}.term.json", content)
    organs = [_code(*code) for code in CATEGORIES["Anatomical Structure", "123037004"]]
    content = {
        "AnatomicContextName": "Anatomic codes",
        "@schema": SCHEMA_ROOT + "anatomic-context-schema.json#",
        "AnatomicCodes": {"AnatomicRegion": organs},
    }
    _write_json(folder / f"AnatomicRegionAndModifier-{REGION_CONTEXT}.term.json", content)


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
