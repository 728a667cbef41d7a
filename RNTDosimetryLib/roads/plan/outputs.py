"""What a plan leaves in a folder."""

from dataclasses import replace
from pathlib import Path

from RNTDosimetryLib.base.documents import seen_from, write_text
from RNTDosimetryLib.base.provenance import write_document
from RNTDosimetryLib.roads.plan.report import plan_csv, render_plan_report
from RNTDosimetryLib.roads.plan.result import PlanResult


def deliver(result: PlanResult, folder: Path) -> list[Path]:
    """Write plan.json, plan.csv and plan_report.html; the page is made first, so that a failure leaves nothing half done."""
    page, table = render_plan_report(result), plan_csv(result)
    measured = None if result.measured is None else seen_from(result.measured, folder)
    return [
        write_document(folder / "plan.json", replace(result, request=seen_from(result.request, folder), measured=measured)),
        write_text(folder / "plan.csv", table),
        write_text(folder / "plan_report.html", page),
    ]
