"""Two dose maps read and compared over the regions."""

from dataclasses import replace

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.provenance import file_hashes, now, versions
from RNTDosimetryLib.images import CtImage
from RNTDosimetryLib.intake.volume_files import load_ct_file
from RNTDosimetryLib.roads.compare.maps import compare_maps
from RNTDosimetryLib.roads.compare.request import CompareRequest
from RNTDosimetryLib.roads.compare.result import CompareResult
from RNTDosimetryLib.roads.compare.sources import (
    RunSurroundings,
    named_regions,
    read_source,
    run_surroundings,
    thresholded_region,
)


def compute(request: CompareRequest, progress: Progress = silent) -> CompareResult:
    """Both maps read and compared over the regions. Raises DosimetryError for input that cannot be used."""
    progress(0.0, "Reading the dose maps")
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
    progress(0.3, "Comparing the dose maps")
    comparison = compare_maps(
        reference, evaluated, regions, registration=request.registration, regions_follow=follows, same_activity=request.same_activity,
        criteria=request.gamma,
    )  # fmt: skip
    return CompareResult(
        request=request,
        reference=reference,
        evaluated=evaluated,
        comparison=comparison,
        input_hashes=file_hashes(request),
        versions=versions(),
        warnings=tuple(dict.fromkeys((*warnings, *comparison.warnings))),
        created=now(),
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
        return load_ct_file(request.ct)
    if around is None or (follows and request.registration is not None):
        return None
    return around.ct
