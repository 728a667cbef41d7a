"""The comparison file: two dose maps named, compared, and written as JSON, CSV, page and difference maps."""

import os
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from RNTDosimetryLib.base.documents import make_output_folder, write_json, write_text
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import NOT_WRITTEN, Record, checked_path, read_json_file
from RNTDosimetryLib.compare_maps import MapComparison, compare_maps
from RNTDosimetryLib.compare_request import CompareRequest, DoseSource, compare_request_from_dict
from RNTDosimetryLib.compare_sources import (
    ComparedMap,
    RunSurroundings,
    named_regions,
    read_source,
    run_surroundings,
    thresholded_region,
)
from RNTDosimetryLib.images import CtImage
from RNTDosimetryLib.intake import load_volume_file
from RNTDosimetryLib.report import table_csv, write_dose_nrrd

RESULT_FORMAT, RESULT_VERSION = "RNTDosimetry dose comparison", 1


@dataclass(frozen=True, eq=False)
class CompareResult(Record):
    """Everything computed of a comparison. ``to_dict`` is the content of compare.json; created: when. All else depends on request and files only."""

    request: CompareRequest
    reference: ComparedMap
    evaluated: ComparedMap
    comparison: MapComparison
    versions: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    created: datetime | None = None
    ct: CtImage | None = field(default=None, metadata=NOT_WRITTEN)

    def to_dict(self) -> dict:
        return {"format": RESULT_FORMAT, "version": RESULT_VERSION, "research_only": True, **super().to_dict()}


def read_comparison(path: str | Path) -> CompareRequest:
    """Request from a JSON file; every path in it is made relative to the working folder. Raises DosimetryError when it is no comparison file."""
    path = checked_path(path, "a comparison file")
    request = compare_request_from_dict(read_json_file(path, "a comparison file"))
    return _with_paths(request, lambda name: str(path.parent / name))


def run_comparison(request: CompareRequest) -> CompareResult:
    """Both maps read and compared over the regions. Raises DosimetryError for input that cannot be used."""
    from RNTDosimetryLib.base.provenance import versions

    reference, evaluated = read_source(request.reference, "reference"), read_source(request.evaluated, "evaluated")
    if reference.name == evaluated.name:
        raise DosimetryError(f"Expected different names of the two maps in the comparison, received '{reference.name}' twice; name them apart.")
    around, follows = _surroundings(request)
    warnings = () if around is None else around.warnings
    if around is not None:
        owner = evaluated if follows else reference
        framed = replace(owner, frame_of_reference_uid=around.frame_of_reference_uid or owner.frame_of_reference_uid)
        reference, evaluated = (reference, framed) if follows else (framed, evaluated)
    regions = named_regions(request.regions, () if around is None else around.regions)
    if not regions:
        regions = [thresholded_region(reference.dose, request.gamma.threshold_percent)]
    comparison = compare_maps(
        reference, evaluated, regions, registration=request.registration, regions_follow=follows, same_activity=request.same_activity,
        criteria=request.gamma,
    )  # fmt: skip
    return CompareResult(
        request=request,
        reference=reference,
        evaluated=evaluated,
        comparison=comparison,
        versions=versions(),
        warnings=tuple(dict.fromkeys((*warnings, *comparison.warnings))),
        created=datetime.now().replace(microsecond=0),
        ct=_ct(request, around, follows),
    )


def _surroundings(request: CompareRequest) -> tuple[RunSurroundings | None, bool]:
    """The study of the run that regions are taken from, None where masks are given or there is no run; whether it is the evaluated map's."""
    if isinstance(request.regions, dict) or not (request.reference.run or request.evaluated.run):
        return None, False
    follows = not request.reference.run
    return run_surroundings(request.evaluated if follows else request.reference), follows


def _ct(request: CompareRequest, around: RunSurroundings | None, follows: bool) -> CtImage | None:
    """CT in the frame of the reference, for the pictures."""
    if request.ct is not None:
        return CtImage("CT", *load_volume_file(request.ct))
    if around is None or (follows and request.registration is not None):
        return None
    return around.ct


def write_comparison_outputs(result: CompareResult, folder: str | Path) -> list[Path]:
    """Write compare.json, compare.csv, compare.html, difference.nrrd (Gy) and gamma.nrrd; the page is made first."""
    from RNTDosimetryLib.compare_report import comparison_table, render_comparison

    page, table = render_comparison(result), table_csv(comparison_table(result))
    folder = make_output_folder(folder)
    maps, words = result.comparison, {"reference": result.reference.dose.name, "evaluated": result.evaluated.dose.name}
    request = _with_paths(result.request, lambda name: _seen_from(name, folder))
    return [
        write_json(folder / "compare.json", result.to_dict() | {"request": request.to_dict()}),
        write_text(folder / "compare.csv", table),
        write_text(folder / "compare.html", page),
        write_dose_nrrd(folder / "difference.nrrd", maps.difference_gy, maps.geometry, quantity="Absorbed dose, evaluated minus reference", attributes=words),
        write_dose_nrrd(folder / "gamma.nrrd", maps.gamma.gamma, maps.geometry, "1", "Gamma index", words | {"criteria": result.request.gamma.words}),
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
