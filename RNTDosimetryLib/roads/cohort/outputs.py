"""What a cohort leaves in its folder beside the folders of the studies."""

from dataclasses import replace
from pathlib import Path

from RNTDosimetryLib.base.documents import replacing, seen_from, write_text
from RNTDosimetryLib.base.optional import has_optional, optional_module
from RNTDosimetryLib.base.provenance import write_document
from RNTDosimetryLib.roads.cohort.report import render_cohort
from RNTDosimetryLib.roads.cohort.result import CohortResult
from RNTDosimetryLib.roads.tidy import COLUMNS, RegionRow, data_dictionary, tidy_csv
from RNTDosimetryLib.statistics import PriorsFile

PRIORS = "priors.json"


def deliver(result: CohortResult, folder: Path) -> list[Path]:
    """Write cohort_results.json, cohort.csv, cohort_report.html, priors.json where there are populations, and cohort.parquet where pyarrow is installed."""
    page, table = render_cohort(result), tidy_csv(result.rows)
    populations = tuple(item.kinetics for item in result.statistics.populations)
    paths = [
        write_document(folder / "cohort_results.json", replace(result, request=seen_from(result.request, folder))),
        write_text(folder / "cohort.csv", table),
        write_text(folder / "cohort_report.html", page),
    ]
    if populations:
        paths.append(write_document(folder / PRIORS, PriorsFile(populations), result.input_hashes))
    if has_optional("pyarrow"):
        paths.append(_write_parquet(folder / "cohort.parquet", result.rows))
    return paths


def _write_parquet(path: Path, rows: tuple[RegionRow, ...]) -> Path:
    """The same table with types; unit and meaning of every column in the file's schema."""
    arrow, parquet = optional_module("pyarrow", "a Parquet file"), optional_module("pyarrow.parquet", "a Parquet file")
    dictionary = data_dictionary()
    kinds = {"int | None": arrow.int64(), "float | None": arrow.float64()}
    described = []
    for item in COLUMNS:
        kind = kinds.get(str(item.type), arrow.string())
        described.append(arrow.field(item.name, kind, metadata=dictionary[item.name]))
    columns = {
        item.name: [getattr(row, item.name) if getattr(row, item.name) != "" else None for row in rows] for item in COLUMNS
    }
    with replacing(path) as temporary:
        parquet.write_table(arrow.table(columns, schema=arrow.schema(described)), temporary)
    return path
