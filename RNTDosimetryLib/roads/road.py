"""What every road shares: a request is read, run with progress and cancel, and its result written into one folder.

A verb is a folder under ``roads/`` whose face offers ``read_request``, ``run`` and ``write``, and a ``ROAD`` that the command line lists.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from RNTDosimetryLib.base.documents import Request, Result, make_output_folder, whole_folder
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent, stopping
from RNTDosimetryLib.base.provenance import changed_inputs
from RNTDosimetryLib.base.records import checked_path, read_json_file
from RNTDosimetryLib.base.warnings import ranked
from RNTDosimetryLib.report import Table
from RNTDosimetryLib.roads.tidy import RegionRow

Cancel = Callable[[], bool] | None


@dataclass(frozen=True)
class Answer:
    """What the terminal shows of a result: one sentence, a table, and the warnings, what changes the number first."""

    table: Table
    sentence: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Road:
    """One verb. help, description: for the command line. request: what it reads.

    compute: (request, progress) to result. deliver: (result, folder that exists) to the paths written; whatever can fail is made before the first
    file is written. answer: what the terminal shows.
    result, rows: what a cohort reads back of a folder: the kind of its results.json, and its rows (result, name of the study) a region. None: not in a cohort.
    options: fields of the request that the command line may set over the file. works_in_folder: compute also takes the folder, where it keeps what is done.
    """

    verb: str
    help: str
    description: str
    request: type[Request]
    compute: Callable[[Any, Progress], Any]
    deliver: Callable[[Any, Path], list[Path]]
    answer: Callable[[Any], Answer]
    result: type[Result] | None = None
    rows: Callable[[Any, str], tuple[RegionRow, ...]] | None = None
    options: tuple[str, ...] = ()
    works_in_folder: bool = False

    @property
    def file_name(self) -> str:
        """What its request is called in the help: STUDY, PLAN, CALIBRATION."""
        return self.request.HELD_AS.upper() if self.request.HELD_AS != "request" else self.verb.upper()

    def read_request(self, path: str | Path):
        """Request of a file of its kind, or of the result of an earlier run, with its paths seen from the working folder.

        Raises DosimetryError for a file that is missing or no JSON, another format, a newer version, unknown or wrong keys.
        """
        return self.request.read_beside(checked_path(path, self.request.WHAT))

    def run(self, request, progress: Progress = silent, cancel: Cancel = None, folder: str | Path | None = None):
        """Result of a request. cancel: asked between and within the steps; True raises Cancelled. folder: of a road that works in one; else nothing is
        written. Raises DosimetryError."""
        progress = stopping(progress, cancel)
        if not self.works_in_folder:
            return self.compute(request, progress)
        if folder is None:
            raise DosimetryError(
                f"Expected the folder of the results for the verb {self.verb}, which keeps what is done there, received none; give folder."
            )
        return self.compute(request, progress, make_output_folder(folder))

    def run_file(
        self, path: str | Path, progress: Progress = silent, cancel: Cancel = None, folder: str | Path | None = None, **options
    ):
        """Result of a request file. Where it is the result of an earlier run, inputs that have changed since are named in a warning.

        options: values of the request over those of the file; None leaves the file's.
        """
        request = self.read_request(path)
        given = {name: value for name, value in options.items() if value is not None}
        request = replace(request, **given) if given else request
        stored = read_json_file(path, self.request.WHAT)
        result = self.run(request, progress, cancel, folder)
        changed = changed_inputs(stored.get("input_hashes"), getattr(result, "input_hashes", {}))
        return replace(result, warnings=(*changed, *result.warnings)) if changed else result

    def write(self, result, folder: str | Path) -> list[Path]:
        """Write the files of a result into a folder, which is made where it is not there yet: all of them or none. Returns their paths.

        Raises DosimetryError for a folder that holds results of another patient or administration, and while another process writes there.
        """
        with whole_folder(folder, result.belongs_to()) as place:
            return self.deliver(result, place)


def answer_of(table: Table, warnings, sentence: str = "") -> Answer:
    return Answer(table, sentence, ranked(warnings))
