"""Room."""

import os
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.documents import make_output_folder, write_json, write_text
from RNTDosimetryLib.report import table_csv, write_dose_nrrd
from RNTDosimetryLib.roads.verify.request import VerifyRequest
from RNTDosimetryLib.roads.verify.result import VerifyResult


def write_verification_outputs(result: VerifyResult, folder: str | Path) -> list[Path]:
    """Write verification.json, .csv and .html, delivered_dose.nrrd and, with a scout, planned_dose.nrrd; the page is made first."""
    from RNTDosimetryLib.roads.verify.report import compartment_table, render_verification

    page, table = render_verification(result), table_csv(compartment_table(result))
    folder = make_output_folder(folder)
    paths = [
        write_json(folder / "verification.json", result.to_dict() | {"request": _request_from(result.request, folder)}),
        write_text(folder / "verification.csv", table),
        write_text(folder / "verification.html", page),
    ]
    for name, dose in (("delivered_dose.nrrd", result.delivered.map), ("planned_dose.nrrd", result.planned)):
        if dose is not None:
            paths.append(write_dose_nrrd(folder / name, np.asarray(dose.dose), dose.geometry))
    return paths


def _request_from(request: VerifyRequest, folder: Path) -> dict:
    """The request with its files as seen from the folder of results, so that verification.json can be run again."""
    content = request.to_dict()
    for name in ("image", "plan", "scout", "product_file", "liver", "lungs", "ct"):
        content[name] = _seen_from(content[name], folder)
    for name in ("territories", "tumours", "others"):
        if isinstance(content[name], dict):
            content[name] = {key: _seen_from(value, folder) for key, value in content[name].items()}
    return content


def _seen_from(name: str | None, folder: Path) -> str | None:
    if name is None or not os.path.exists(name):
        return name
    try:
        return Path(os.path.relpath(name, folder)).as_posix()
    except ValueError:
        # Another drive on Windows: there is no relative path.
        return str(Path(name).resolve())
