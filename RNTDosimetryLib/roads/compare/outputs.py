"""Room."""

import os
from dataclasses import replace
from pathlib import Path

from RNTDosimetryLib.base.documents import make_output_folder, write_json, write_text
from RNTDosimetryLib.report import table_csv, write_dose_nrrd
from RNTDosimetryLib.roads.compare.request import CompareRequest, DoseSource
from RNTDosimetryLib.roads.compare.result import CompareResult


def write_comparison_outputs(result: CompareResult, folder: str | Path) -> list[Path]:
    """Write compare.json, compare.csv, compare.html, difference.nrrd (Gy) and gamma.nrrd; the page is made first."""
    from RNTDosimetryLib.roads.compare.report import comparison_table, render_comparison

    page, table = render_comparison(result), table_csv(comparison_table(result))
    folder = make_output_folder(folder)
    maps, words = result.comparison, {"reference": result.reference.dose.name, "evaluated": result.evaluated.dose.name}
    request = _with_paths(result.request, lambda name: _seen_from(name, folder))
    return [
        write_json(folder / "compare.json", result.to_dict() | {"request": request.to_dict()}),
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


def _with_paths(request: CompareRequest, change) -> CompareRequest:
    """The request with every path as ``change`` gives it. An uncertainty file stays: it lies beside its dose file."""

    def moved(source: DoseSource) -> DoseSource:
        return replace(source, **{name: change(value) for name in ("run", "file") if (value := getattr(source, name))})

    regions = request.regions
    if isinstance(regions, dict):
        regions = {name: change(str(where)) for name, where in regions.items()}
    ct = None if request.ct is None else change(request.ct)
    return replace(request, reference=moved(request.reference), evaluated=moved(request.evaluated), regions=regions, ct=ct)


def _seen_from(name: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(name, folder)).as_posix()
    except ValueError:
        # Another drive on Windows: there is no relative path.
        return str(Path(name).resolve())
