"""make demo: a phantom patient as DICOM files, through the module's own logic in a real MRML scene, into the out folder; then its two companions."""

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "Testing")]

import host

from RNTDosimetryLib.commandline import print_warnings, show_progress
from RNTDosimetryLib.demo.course import run_course_demo
from RNTDosimetryLib.demo.patient import STUDY_FILE, make_demo_patient, summary, write_deviations
from RNTDosimetryLib.demo.radioembolisation import run_plan_demo
from RNTDosimetryLib.report import table_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out")
    parser.add_argument("--size", choices=("full", "small"), default="full")
    options = parser.parse_args()
    started = time.perf_counter()

    print("1/6 Making the phantom patient as DICOM files")
    patient = make_demo_patient(options.out / "phantom", options.size, show_progress)

    print("2/6 Reading them into a Slicer scene")
    host.start_application()
    host.load_module(ROOT / "RNTDosimetry", "RNTDosimetry")
    import slicer

    from RNTDosimetry import RNTDosimetryLogic

    logic = RNTDosimetryLogic()
    parameter_node = logic.loadStudyFile(patient.folder / STUDY_FILE, progress=show_progress)

    print("3/6 Running the dosimetry on the nodes of the scene")
    result = logic.run(parameter_node, progress=show_progress)
    paths = logic.writeReport(options.out, parameter_node)
    scene_path = (options.out / "scene.mrb").resolve()
    slicer.util.saveScene(str(scene_path))

    print("4/6 Comparing with the truth\n")
    print(summary(result, patient.truth))
    write_deviations(result, patient.truth, options.out)
    print_warnings(result.all_warnings())

    print("\n5/6 Radioembolisation: a second phantom from scout to verified dose")
    plan = run_plan_demo(options.out / "radioembolisation", options.size, show_progress)
    print(table_text(plan.table()))

    print("6/6 Course: the phantom over four cycles, to cumulative dose and the next activity")
    cycles = run_course_demo(options.out / "course", show_progress)
    print(table_text(cycles.table()))
    names = ", ".join(path.name for path in [*paths, scene_path])
    print(
        f"\n{names} are in {options.out} after {time.perf_counter() - started:.0f} s. Open report.html first,\nthen radioembolisation/plan_report.html and course/course_report.html."
    )
    print("For research only. Not a medical device.")


if __name__ == "__main__":
    main()
