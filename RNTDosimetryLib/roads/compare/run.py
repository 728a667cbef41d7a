"""The comparison file: two dose maps named, compared, and written as JSON, CSV, page and difference maps."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import checked_path, read_json_file
from RNTDosimetryLib.images import CtImage
from RNTDosimetryLib.intake import load_volume_file
from RNTDosimetryLib.roads.compare.maps import compare_maps
from RNTDosimetryLib.roads.compare.outputs import _with_paths
from RNTDosimetryLib.roads.compare.request import CompareRequest, compare_request_from_dict
from RNTDosimetryLib.roads.compare.result import CompareResult
from RNTDosimetryLib.roads.compare.sources import (
    RunSurroundings,
    named_regions,
    read_source,
    run_surroundings,
    thresholded_region,
)


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
        raise DosimetryError(
            f"Expected different names of the two maps in the comparison, received '{reference.name}' twice; name them apart."
        )
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
