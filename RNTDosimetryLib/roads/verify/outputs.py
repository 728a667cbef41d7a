"""What a verification leaves in a folder."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.documents import seen_from, write_text
from RNTDosimetryLib.base.provenance import write_document
from RNTDosimetryLib.report import table_csv, write_dose_nrrd
from RNTDosimetryLib.roads.verify.report import compartment_table, render_verification
from RNTDosimetryLib.roads.verify.result import VerifyResult


def deliver(result: VerifyResult, folder: Path) -> list[Path]:
    """Write verification.json, .csv and .html, delivered_dose.nrrd and, with a scout, planned_dose.nrrd; the page is made first."""
    page, table = render_verification(result), table_csv(compartment_table(result))
    paths = [
        write_document(folder / "verification.json", replace(result, request=seen_from(result.request, folder))),
        write_text(folder / "verification.csv", table),
        write_text(folder / "verification.html", page),
    ]
    for name, dose in (("delivered_dose.nrrd", result.delivered.map), ("planned_dose.nrrd", result.planned)):
        if dose is not None:
            paths.append(write_dose_nrrd(folder / name, np.asarray(dose.dose), dose.geometry))
    return paths
