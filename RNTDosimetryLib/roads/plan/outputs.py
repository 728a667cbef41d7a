"""Room."""

from pathlib import Path

from RNTDosimetryLib.base.documents import make_output_folder, write_json, write_text
from RNTDosimetryLib.roads.plan.result import PlanResult


def write_plan_outputs(result: PlanResult, folder: str | Path) -> list[Path]:
    """Write plan.json, plan.csv and plan_report.html; the page is made first, so that a failure leaves nothing half done."""
    from RNTDosimetryLib.roads.plan.report import plan_csv, render_plan_report

    page, table = render_plan_report(result), plan_csv(result)
    folder = make_output_folder(folder)
    return [
        write_json(folder / "plan.json", result.to_dict()),
        write_text(folder / "plan.csv", table),
        write_text(folder / "plan_report.html", page),
    ]
