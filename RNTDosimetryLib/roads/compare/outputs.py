"""What a comparison leaves in a folder."""

from dataclasses import replace
from pathlib import Path

from RNTDosimetryLib.base.documents import seen_from, write_text
from RNTDosimetryLib.base.provenance import write_document
from RNTDosimetryLib.report import table_csv, write_dose_nrrd
from RNTDosimetryLib.roads.compare.report import comparison_table, render_comparison
from RNTDosimetryLib.roads.compare.result import CompareResult


def deliver(result: CompareResult, folder: Path) -> list[Path]:
    """Write compare.json, compare.csv, compare.html, difference.nrrd (Gy) and gamma.nrrd; the page is made first."""
    page, table = render_comparison(result), table_csv(comparison_table(result))
    maps, words = result.comparison, {"reference": result.reference.dose.name, "evaluated": result.evaluated.dose.name}
    return [
        write_document(folder / "compare.json", replace(result, request=seen_from(result.request, folder))),
        write_text(folder / "compare.csv", table),
        write_text(folder / "compare.html", page),
        write_dose_nrrd(
            folder / "difference.nrrd",
            maps.difference_gy,
            maps.geometry,
            quantity="Absorbed dose, evaluated minus reference",
            attributes=words,
        ),
        write_dose_nrrd(
            folder / "gamma.nrrd",
            maps.gamma.gamma,
            maps.geometry,
            "1",
            "Gamma index",
            words | {"criteria": result.request.gamma.words},
        ),
    ]
