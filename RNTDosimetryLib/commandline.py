"""The command line: ``python -m RNTDosimetryLib VERB``. Exit 0 done, 2 bad input (one line), 1 a fault of ours."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from RNTDosimetryLib import __version__
from RNTDosimetryLib.base.documents import checked_output_folder, make_output_folder
from RNTDosimetryLib.base.errors import DosimetryError

NOTICE = "For research only. Not a medical device."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        if "out" in options:
            checked_output_folder(options.out)
        return options.run(options) or 0
    except DosimetryError as error:
        print(f"error: {error}", file=sys.stderr)
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
    run = verbs.add_parser("run", help="absorbed dose of a study file", description="Absorbed dose of a study.", epilog=NOTICE)
    run.add_argument("study", type=Path, metavar="STUDY.json", help="a study file, or the results.json of an earlier run")
    _add_out(run)
    run.set_defaults(run=_run)
    plan = verbs.add_parser(
        "plan", help="radioembolisation of a plan file", description="Plan a radioembolisation.", epilog=NOTICE
    )
    plan.add_argument("plan", type=Path, metavar="PLAN.json", help="a plan file, or the plan.json of an earlier run")
    _add_out(plan)
    plan.set_defaults(run=_plan)
    verify = verbs.add_parser(
        "verify", help="dose after a radioembolisation", description="Planned against delivered dose.", epilog=NOTICE
    )
    verify.add_argument(
        "request", type=Path, metavar="VERIFY.json", help="a verification file, or the verification.json of an earlier run"
    )
    _add_out(verify)
    verify.set_defaults(run=_verify)
    compare = verbs.add_parser(
        "compare", help="two dose maps against each other", description="Compare two dose maps.", epilog=NOTICE
    )
    compare.add_argument(
        "request", type=Path, metavar="COMPARE.json", help="a comparison file, or the compare.json of an earlier comparison"
    )
    _add_out(compare)
    compare.set_defaults(run=_compare)
    calibrate = verbs.add_parser(
        "calibrate", help="sensitivity from a scan of a known source", description="Calibrate a camera.", epilog=NOTICE
    )
    calibrate.add_argument("request", type=Path, metavar="CALIBRATION.json", help="what was scanned; see docs/calibration.md")
    _add_out(calibrate)
    calibrate.set_defaults(run=_calibrate)
    recovery = verbs.add_parser(
        "recovery", help="recovery curve from a sphere phantom scan", description="Measure a recovery curve.", epilog=NOTICE
    )
    recovery.add_argument("request", type=Path, metavar="RECOVERY.json", help="what was scanned; see docs/recovery.md")
    _add_out(recovery)
    recovery.set_defaults(run=_recovery)
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


def show_progress(fraction: float, message: str) -> None:
    """One line a step, on stdout: on stderr stands nothing but the reason of a refusal."""
    if message != show_progress.last:
        print(f"  {100 * fraction:3.0f} %  {message}", flush=True)
        show_progress.last = message


show_progress.last = ""


def _run(options) -> None:
    from RNTDosimetryLib.report import table_text
    from RNTDosimetryLib.roads.therapy.outputs import write_outputs
    from RNTDosimetryLib.roads.therapy.run import run_study_file
    from RNTDosimetryLib.roads.therapy.tables import short_table

    images, result = run_study_file(options.study, show_progress)
    paths = write_outputs(result, images, options.out)
    print(table_text(short_table(result)))
    print_warnings(result.all_warnings())
    print(f"Wrote {', '.join(path.name for path in paths)} to {options.out}. {NOTICE}")


def _plan(options) -> None:
    from RNTDosimetryLib.report import table_text
    from RNTDosimetryLib.roads.plan.outputs import write_plan_outputs
    from RNTDosimetryLib.roads.plan.report import plan_dose_table
    from RNTDosimetryLib.roads.plan.run import read_plan, run_plan

    result = run_plan(read_plan(options.plan))
    paths = write_plan_outputs(result, options.out)
    print(f"{result.activity_gbq:.4g} GBq at administration")
    print(table_text(plan_dose_table(result)))
    print_warnings(result.warnings)
    print(f"Wrote {', '.join(path.name for path in paths)} to {options.out}. {NOTICE}")


def _calibrate(options) -> None:
    from RNTDosimetryLib.report import table_text
    from RNTDosimetryLib.roads.camera.calibration import calibration_table, run_calibration_file

    calibration, path = run_calibration_file(options.request, options.out)
    print(table_text(calibration_table(calibration)))
    print_warnings(calibration.warnings)
    print(f"Wrote {path.name} to {options.out}. {NOTICE}")


def _recovery(options) -> None:
    from RNTDosimetryLib.report import table_text
    from RNTDosimetryLib.roads.camera.recovery import recovery_table, run_recovery_file

    curve, paths = run_recovery_file(options.request, options.out)
    print(table_text(recovery_table(curve)))
    print_warnings(curve.warnings)
    print(f"Wrote {', '.join(path.name for path in paths)} to {options.out}. {NOTICE}")


def _verify(options) -> None:
    from RNTDosimetryLib.report import table_text
    from RNTDosimetryLib.roads.verify.outputs import write_verification_outputs
    from RNTDosimetryLib.roads.verify.report import compartment_table
    from RNTDosimetryLib.roads.verify.run import read_verification, run_verification

    result = run_verification(read_verification(options.request))
    paths = write_verification_outputs(result, options.out)
    print(table_text(compartment_table(result)))
    print_warnings(result.warnings)
    print(f"Wrote {', '.join(path.name for path in paths)} to {options.out}. {NOTICE}")


def _compare(options) -> None:
    from RNTDosimetryLib.report import table_text
    from RNTDosimetryLib.roads.compare.outputs import write_comparison_outputs
    from RNTDosimetryLib.roads.compare.report import short_table
    from RNTDosimetryLib.roads.compare.run import read_comparison, run_comparison

    result = run_comparison(read_comparison(options.request))
    paths = write_comparison_outputs(result, options.out)
    print(table_text(short_table(result)))
    print_warnings(result.warnings)
    print(f"Wrote {', '.join(path.name for path in paths)} to {options.out}. {NOTICE}")


def print_warnings(warnings: Sequence[str]) -> None:
    if warnings:
        print(f"{len(warnings)} warning{'' if len(warnings) == 1 else 's'}:")
        for warning in warnings:
            print(f"  - {warning}")


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
