"""The radioembolisation phantom from scout to verified dose, with how far every number is from the truth."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from RNTDosimetryLib.base.documents import write_json
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.images import Region
from RNTDosimetryLib.intake import read_folder
from RNTDosimetryLib.phantom.radioembolisation import TareScans, TareSettings, TareTruth, simulate_tare, tare_truth, write_tare
from RNTDosimetryLib.phantom.radioembolisation.case import tare_protocol
from RNTDosimetryLib.planar import read_planar_views
from RNTDosimetryLib.planning import (
    DeliveredDose,
    ScoutMeasurement,
    SphereDoseMap,
    TreatmentConditions,
    delivered_dose,
    lung_mass_from_ct,
    lung_shunt_planar,
    lung_shunt_spect,
    measure_scout,
    verify_plan,
    voxel_plan,
)
from RNTDosimetryLib.report import Column, Table, write_dose_nrrd
from RNTDosimetryLib.roads.plan import write as write_plan
from RNTDosimetryLib.roads.plan.request import OrderRequest, request_from_scout
from RNTDosimetryLib.roads.plan.result import PlanResult
from RNTDosimetryLib.roads.plan.run import run_plan
from RNTDosimetryLib.roads.verify.report import write_verification_report

_MARKER = "phantom.marker"
_LARGEST_DEVIATION = 0.2


@dataclass(frozen=True)
class PlanDemo(Record):
    """What the demo found. rows: (quantity, unit, truth, found). folder: with plan, verification, maps and DICOM files."""

    folder: Path
    rows: tuple[tuple[str, str, float, float], ...]

    def table(self) -> Table:
        columns = (
            Column("Quantity", align="left"),
            Column("Unit", align="left"),
            Column("Truth", digits=4),
            Column("Found", digits=4),
        )
        rows = tuple((*row, f"{100 * (row[3] / row[2] - 1):+.1f}") for row in self.rows)
        return Table("Radioembolisation phantom: truth and what was found", (*columns, Column("Difference", "%")), rows)


def run_plan_demo(folder: str | Path, size: str = "full", progress: Progress = silent) -> PlanDemo:
    """Make the phantom as DICOM, read it back, measure the scout, plan, verify, and write everything below ``folder``.

    Writes plan.json, plan.csv, plan_report.html, verification.html, both dose maps, comparison.json and dicom/. An earlier dicom folder is
    replaced only when this function made it. Raises DosimetryError when another one is in the way.
    """
    folder = Path(folder)
    _clear(folder / "dicom")
    settings, protocol = TareSettings(size=size), tare_protocol()
    progress(0.0, "Simulating scout and treatment")
    scans, truth = simulate_tare(settings), tare_truth(settings)
    progress(0.3, "Writing and reading DICOM")
    files = write_tare(folder / "dicom", scans)
    scout, pet = (read_folder(path).time_points[0] for path in (files.scout_folder, files.treatment_folder))
    ct = scout.ct.load_ct()
    regions = {region.name: region for region in scans.regions}
    territories = [_joined(name, regions, members) for name, members in protocol["territories"].items()]
    parts = [regions[name] for members in protocol["territories"].values() for name in members]
    liver = _joined("liver", regions, [region.name for region in parts])
    progress(0.5, "Measuring the scout")
    fwhm_mm = protocol["scout"]["spect"]["psf_fwhm_mm"]
    measured = measure_scout(
        scout.activity, territories, [region for region in parts if region.kind == "lesion"], liver=liver,
        others=[regions["lungs"], regions["stomach"]], resolution_fwhm_mm=fwhm_mm,
    )  # fmt: skip
    shunts = {
        "SPECT/CT": lung_shunt_spect(scout.activity, regions["lungs"], liver, resolution_fwhm_mm=fwhm_mm).fraction,
        "planar": _planar_shunt(files.planar, scans, parts),
    }
    lung_mass_g = lung_mass_from_ct(ct, regions["lungs"]).mass_g
    progress(0.6, "Planning")
    product = protocol["treatment"]["product"]
    shared: dict[str, Any] = {"lung_shunt_fraction": truth.position_shunt_fraction, "residual_fraction": truth.residual_fraction}
    order = OrderRequest(
        (pet.acquisition_start.replace(minute=0, second=0, microsecond=0),), largest_deviation=_LARGEST_DEVIATION
    )
    request = request_from_scout(
        measured, product, truth.activities_gbq, lung_mass_g=lung_mass_g, keep_activities=True, title="Phantom with two tumours", order=order,
        conditions=TreatmentConditions.from_dict(protocol["treatment"]["conditions"]), **shared,
    )  # fmt: skip
    result = run_plan(request)
    progress(0.7, "Computing planned and delivered maps")
    planned = voxel_plan(scout.activity, territories, truth.activities_gbq, product, lungs=regions["lungs"], **shared)
    delivered = delivered_dose(
        pet.activity, product, parts, liver=liver, net_activity_gbq=truth.net_activity_gbq,
        lung_shunt_fraction=truth.treatment_lung_shunt_fraction, resolution_fwhm_mm=protocol["treatment"]["pet"]["psf_fwhm_mm"],
    )  # fmt: skip
    progress(0.9, "Writing")
    found = PlanDemo(folder, _rows(truth, measured, shunts, lung_mass_g, _planned_doses(result), delivered, parts))
    _write(folder, result, planned, delivered, parts, ct)
    write_json(folder / "comparison.json", found.to_dict() | {"folder": folder.name})
    progress(1.0, "Done")
    return found


def _clear(dicom: Path) -> None:
    """An empty folder for DICOM files, marked as the demo's own."""
    try:
        if dicom.exists():
            if not (dicom / _MARKER).exists():
                raise DosimetryError(
                    f"Expected no folder {dicom} or one of an earlier demo, found another; choose another folder."
                )
            shutil.rmtree(dicom)
        dicom.mkdir(parents=True)
        (dicom / _MARKER).write_text("Made by the phantom generator; replaced by the next demo.\n", encoding="utf-8")
    except OSError as error:
        raise DosimetryError(f"Expected a folder to write to, received {dicom}: {error.strerror}; choose another.") from error


def _joined(name: str, regions: dict[str, Region], members: list[str]) -> Region:
    occupancy = np.sum([np.asarray(regions[member].occupancy) for member in members], axis=0)
    return Region(name, regions[members[0]].geometry, occupancy, density_g_ml=regions[members[0]].density_g_ml)


def _planar_shunt(path: Path, scans: TareScans, liver_parts: list[Region]) -> float:
    """Shunt of the views in a DICOM file, whose rows run from head to feet, with the attenuation paths of the phantom."""
    views, exponents = read_planar_views(path), scans.planar.region_exponent
    liver = sum(exponents[region.name] for region in liver_parts)[::-1]
    lungs = exponents["lungs"][::-1]
    found = lung_shunt_planar(
        views.anterior_counts, views.posterior_counts, lungs > 0, liver > 0,
        attenuation_exponent=scans.planar.attenuation_exponent[::-1], lung_exponent=lungs, liver_exponent=liver,
    )  # fmt: skip
    return found.fraction


def _planned_doses(result: PlanResult) -> dict[str, float]:
    """Doses by region of the phantom; the normal liver of a territory is a region of its own there."""
    plan = result.plan
    own = plan.compartments.territories
    return plan.dose_gy | {f"normal_{name}": plan.dose_of(place) for name, place in own.items()}


def _rows(
    truth: TareTruth,
    measured: ScoutMeasurement,
    shunts: dict,
    lung_mass_g: float,
    planned: dict,
    delivered: DeliveredDose,
    parts: list[Region],
) -> tuple[tuple[str, str, float, float], ...]:
    rows = [(f"lung shunt, {name}", "%", 100 * truth.lung_shunt_fraction, 100 * value) for name, value in shunts.items()]
    rows.append(("lung mass", "g", truth.regions["lungs"].mass_g, lung_mass_g))
    rows += [(f"ratio of {name}", "", truth.tnr[name], item.tnr[name]) for item in measured.territories for name in item.tnr]
    rows += [
        (f"planned, {region.name}", "Gy", truth.regions[region.name].planned_dose_gy, planned[region.name]) for region in parts
    ]
    rows.append(("planned, lungs", "Gy", truth.regions["lungs"].planned_dose_gy, planned["lung"]))
    rows += [
        (f"delivered, {region.name}", "Gy", truth.regions[region.name].delivered_dose_gy, delivered.region_dose_gy[region.name])
        for region in parts
    ]
    return tuple(rows)


def _write(folder: Path, result: PlanResult, planned: SphereDoseMap, delivered: DeliveredDose, parts: list[Region], ct) -> None:
    compared = verify_plan(
        planned, delivered.map, parts, planned_region_gy=_planned_doses(result), delivered_region_gy=delivered.region_dose_gy
    )
    write_plan(result, folder)
    write_verification_report(folder / "verification.html", planned, delivered, compared, parts, ct=ct)
    for name, dose in (("planned_dose.nrrd", planned), ("delivered_dose.nrrd", delivered.map)):
        write_dose_nrrd(folder / name, dose.dose.dose_gy, dose.geometry)
