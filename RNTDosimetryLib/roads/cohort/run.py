"""Every study computed or taken as it is, then the table over all of them and its statistics."""

from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress
from RNTDosimetryLib.base.provenance import file_hashes, now, versions
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.roads.cohort.analysis import analyze
from RNTDosimetryLib.roads.cohort.files import read_table, sources_of
from RNTDosimetryLib.roads.cohort.follow_up import read_follow_up
from RNTDosimetryLib.roads.cohort.jobs import Outcome
from RNTDosimetryLib.roads.cohort.lock import locked
from RNTDosimetryLib.roads.cohort.request import CohortRequest
from RNTDosimetryLib.roads.cohort.result import CohortResult
from RNTDosimetryLib.roads.cohort.workers import cores, outcomes
from RNTDosimetryLib.roads.tidy import RegionRow

_STUDIES_SHARE = 0.9


def compute(request: CohortRequest, progress: Progress, folder: Path) -> CohortResult:
    """Compute what is not yet whole in the folder, and the statistics. Raises DosimetryError where nothing can be started or every study failed, Cancelled.

    A study that fails is listed with its sentence, and stops no other.
    """
    sources, warnings = sources_of(request)
    follow_up = None if request.follow_up is None else read_follow_up(request.follow_up)
    other = None if request.compare_with is None else read_table(request.compare_with, "the table to compare with")
    workers = min(request.workers or cores(), len(sources))
    with locked(folder):
        found = outcomes(sources, folder, workers, request.scheduler, *_told(progress, len(sources)))
    studies = tuple(_with_sites(found[source.name], request.sites) for source in sources)
    lost = [study for study in studies if study.state == "failed"]
    if len(lost) == len(studies):
        raise DosimetryError(
            f"Expected at least one study of the cohort that can be computed, received none; the first, {lost[0].name}: {lost[0].sentence}"
        )
    progress(_STUDIES_SHARE, "Statistics")
    rows = tuple(row for study in studies for row in study.rows)
    statistics = analyze(request, rows, follow_up, other)
    hashes = {study.name: study.key for study in studies if study.key}
    return CohortResult(
        request=request,
        studies=studies,
        statistics=statistics,
        input_hashes={**file_hashes(request), **hashes},
        versions=versions(),
        warnings=(
            *(warned("cohort_study_failed", name=study.name, sentence=study.sentence) for study in lost),
            *warnings,
            *statistics.warnings,
        ),
        created=now(),
    )


def _told(progress: Progress, total: int):
    """(cancel, reported) for the workers: progress raises Cancelled where the user has stopped, and is asked without anything new to say."""
    done = [0]
    last = [f"0 of {total} studies"]

    def reported(outcome: Outcome) -> None:
        done[0] += 1
        last[0] = f"{done[0]} of {total} studies: {outcome.name} {outcome.state}"
        progress(_STUDIES_SHARE * done[0] / total, last[0])

    def cancel() -> bool:
        progress(_STUDIES_SHARE * done[0] / total, last[0])
        return False

    return cancel, reported


def _with_sites(study: Outcome, sites: dict[str, str]) -> Outcome:
    def sited(row: RegionRow) -> RegionRow:
        named = next((site for pattern, site in sites.items() if fnmatch(row.region.lower(), pattern.lower())), None)
        return row if named is None else replace(row, site=named)

    return replace(study, rows=tuple(map(sited, study.rows))) if sites else study
