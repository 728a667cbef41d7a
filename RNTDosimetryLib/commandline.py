"""The command line: ``python -m RNTDosimetryLib VERB``. Exit 0 done, 2 bad input (one line), 1 a fault of ours."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from RNTDosimetryLib import __version__
from RNTDosimetryLib.base import RESEARCH_ONLY
from RNTDosimetryLib.base.documents import checked_output_folder, make_output_folder
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.terminal import on_any_terminal
from RNTDosimetryLib.base.warnings import RANKS, rank_of, ranked
from RNTDosimetryLib.base.words import printable
from RNTDosimetryLib.report import table_text
from RNTDosimetryLib.roads import cohort, table
from RNTDosimetryLib.roads.road import Road

NOTICE = RESEARCH_ONLY
ROADS = (*table.ROADS, cohort.ROAD)
"""Every verb that takes a request file, in the order of the help. A new road of one patient is one row of ``roads/table.py``."""


_OPTIONS: dict[str, dict] = {
    "workers": {
        "type": int,
        "metavar": "NUMBER",
        "help": "processes on this computer (default: those of the file, else every core)",
    },
    "scheduler": {"metavar": "ADDRESS", "help": "a Dask scheduler whose workers compute instead, as tcp://host:8786"},
}
"""What the command line may set over a request file, by the name of its field."""


@on_any_terminal
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        if "out" in options:
            checked_output_folder(options.out)
        return options.run(options) or 0
    except DosimetryError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    """A parser whose refusals are one line, as all others."""

    def error(self, message: str):
        raise DosimetryError(
            f"Expected a command that {self.prog} knows, received another ({message}); add --help to see what it takes."
        )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m RNTDosimetryLib", description="Internal radionuclide therapy dosimetry.", epilog=NOTICE)
    parser.add_argument("--version", action="version", version=f"RNTDosimetry {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for road in ROADS:
        verb = verbs.add_parser(road.verb, help=road.help, description=road.description, epilog=NOTICE)
        what = f"{road.request.WHAT}, or the result of an earlier run; see {road.request.PAGE}"
        verb.add_argument("request", type=Path, metavar=f"{road.file_name}.json", help=what)
        _add_out(verb)
        for name in road.options:
            verb.add_argument(f"--{name}", **_OPTIONS[name])
        verb.set_defaults(run=partial(_travel, road))
    intake = verbs.add_parser(
        "intake", help="what a DICOM folder says", description="Print what was read from which tag.", epilog=NOTICE
    )
    intake.add_argument("folder", type=Path, metavar="FOLDER")
    intake.add_argument("--overrides", type=Path, metavar="FILE.json", help="values that the files lack, see docs/intake.md")
    intake.set_defaults(run=_intake)
    demo = verbs.add_parser(
        "demo", help="a phantom patient from DICOM to dose", description="Make a phantom patient and evaluate it.", epilog=NOTICE
    )
    _add_out(demo)
    demo.add_argument("--small", action="store_true", help="coarse grids, for a quick look")
    demo.set_defaults(run=_demo)
    validate = verbs.add_parser(
        "validate", help="check against published numbers", description="Check this installation.", epilog=NOTICE
    )
    _add_out(validate)
    validate.set_defaults(run=_validate)
    return parser


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="FOLDER", help="where the results go (default: out)")


class _ShownProgress:
    """One line a step, on stdout: on stderr stands nothing but the reason of a refusal."""

    last = ""

    def __call__(self, fraction: float, message: str) -> None:
        if message != self.last:
            print(f"  {100 * fraction:3.0f} %  {printable(message)}", flush=True)
            self.last = message


show_progress = _ShownProgress()


def _travel(road: Road, options) -> None:
    """Any road from its request to its folder, and the answer on the terminal."""
    given = {name: getattr(options, name) for name in road.options}
    result = road.run_file(options.request, show_progress, folder=options.out, **given)
    paths = road.write(result, options.out)
    answer = road.answer(result)
    if answer.sentence:
        print(answer.sentence)
    print(table_text(answer.table))
    print_warnings(answer.warnings)
    print(f"Wrote {', '.join(path.name for path in paths)} to {options.out}. {NOTICE}")


def print_warnings(warnings: Sequence[str]) -> None:
    if warnings:
        print(f"{len(warnings)} warning{'' if len(warnings) == 1 else 's'}:")
        for rank, words in RANKS.items():
            found = [text for text in ranked(warnings) if rank_of(text) == rank]
            if found:
                print(f"  {words}:")
            for text in found:
                print(f"  - {printable(text)}")


def _intake(options) -> None:
    from RNTDosimetryLib.base.records import read_json_file
    from RNTDosimetryLib.intake import IntakeRefused, format_intake_rows, read_folder

    overrides = None if options.overrides is None else read_json_file(options.overrides, "a file of overrides")
    if overrides is not None and not isinstance(overrides, dict):
        raise DosimetryError(f"Expected an object in {options.overrides.name}, received something else; see docs/intake.md.")
    try:
        read = read_folder(options.folder, overrides)
    except IntakeRefused as refusal:
        print(format_intake_rows(refusal.table, refusal.warnings))
        raise
    print(format_intake_rows(read.table, read.warnings))


def _demo(options) -> None:
    from RNTDosimetryLib.demo.patient import run_demo

    print(run_demo(options.out, "small" if options.small else "full", show_progress))


def _validate(options) -> int:
    from RNTDosimetryLib.base.documents import write_json, write_text
    from RNTDosimetryLib.report import table_csv, table_text
    from RNTDosimetryLib.validation import run_validation, validation_table

    results = run_validation(show_progress)
    table = validation_table(results)
    make_output_folder(options.out)
    write_json(options.out / "validation.json", [item.to_dict() | {"passed": item.passed} for item in results])
    write_text(options.out / "validation.csv", table_csv(table))
    print(table_text(table))
    failed = [item.name for item in results if not item.passed]
    if failed:
        print(f"{len(failed)} of {len(results)} cases failed: {', '.join(failed)}", file=sys.stderr)
        return 1
    print(f"All {len(results)} cases passed. {NOTICE}")
    return 0
