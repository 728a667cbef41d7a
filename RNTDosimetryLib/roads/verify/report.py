"""What the one-page report of a radioembolisation's verification says: dose by compartment, planned against delivered."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.documents import write_text
from RNTDosimetryLib.images import CtImage, Region
from RNTDosimetryLib.planning import Compartment, DeliveredDose, SphereDoseMap, Verification, dose_area_histogram
from RNTDosimetryLib.report import (
    Axis,
    Bullets,
    Column,
    DoseVolumeCurve,
    Facts,
    Figure,
    GrayImage,
    Outline,
    Overlay,
    Section,
    Series,
    Table,
    dvh_plot,
    line_plot,
    render_page,
    scatter_plot,
    slice_figure,
)
from RNTDosimetryLib.roads.plan.report import verdict_words
from RNTDosimetryLib.roads.verify.result import VerifyResult

_TITLE = "Verification of a radioembolisation"


def compartment_table(result: VerifyResult) -> Table:
    """One row a compartment: planned and delivered mean, what the limits of the plan say of the delivered dose, and Dx."""
    rows = []
    for item in result.compartments:
        checks = [check for check in result.checks if check.compartment == item.compartment]
        difference = None if item.difference_gy is None else f"{item.difference_gy:+.3g}"
        percent = None if item.percent is None else f"{item.percent:+.1f}"
        doses = (item.dose_at_gy.get("D70"), item.dose_at_gy.get("D90"))
        limits = "; ".join(check.limit.words for check in checks)
        rows.append(
            (
                item.compartment.label,
                item.volume_ml,
                item.mass_g,
                item.planned_gy,
                item.delivered_gy,
                difference,
                percent,
                *doses,
                limits,
                verdict_words(checks),
            )
        )
    for check in result.checks:
        if check.compartment not in {item.compartment for item in result.compartments}:
            label = check.compartment.label
            rows.append(
                (label, None, None, None, check.dose_gy, None, None, None, None, check.limit.words, verdict_words([check]))
            )
    return Table(
        "Dose after treatment",
        (Column("Compartment", align="left"), Column("Volume", "mL"), Column("Mass", "g", 4), Column("Planned", "Gy"), Column("Delivered", "Gy", 4),
         Column("Difference", "Gy"), Column("Difference", "%"), Column("D70", "Gy"), Column("D90", "Gy"), Column("Limit or goal of the plan", align="left"),
         Column("Verdict at the delivered dose", align="left")),
        tuple(rows),
        note="Dx come from the delivered map as it is, with blur and noise.",
    )  # fmt: skip


def verification_table(verification: Verification) -> Table:
    """One row a region: planned, delivered, and how they differ."""
    rows = tuple(
        (item.region, item.planned_gy, item.delivered_gy, f"{item.difference_gy:+.3g}", None if item.percent is None else f"{item.percent:+.1f}",
         item.planned_dose_at_gy["D70"], item.delivered_dose_at_gy["D70"], item.planned_dose_at_gy["D90"], item.delivered_dose_at_gy["D90"],
         item.correlation, item.histogram_difference_gy)
        for item in verification.regions.values()
    )  # fmt: skip
    return Table(
        "Planned against delivered",
        (Column("Region", align="left"), Column("Planned", "Gy"), Column("Delivered", "Gy"), Column("Difference", "Gy"), Column("Difference", "%"),
         Column("D70 planned", "Gy"), Column("D70 delivered", "Gy"), Column("D90 planned", "Gy"), Column("D90 delivered", "Gy"),
         Column("Correlation"), Column("Between histograms", "Gy")),
        rows,
        note="Dx, correlation of voxels and the mean distance of the histograms come from the maps as they are, with blur and noise.",
    )  # fmt: skip


def render_verification(result: VerifyResult) -> str:
    """The whole page of a computed verification file."""
    when = "" if result.created is None else f"computed {result.created:%Y-%m-%d %H:%M}"
    return _page(
        result.delivered, result.planned, result.verification, result.regions, result.ct, result.request.title or _TITLE,
        [compartment_table(result)], result.warnings, when,
    )  # fmt: skip


def write_verification_report(
    path: str | Path,
    planned: SphereDoseMap,
    delivered: DeliveredDose,
    verification: Verification,
    regions: Sequence[Region],
    *,
    ct: CtImage | None = None,
    title: str = _TITLE,
) -> Path:
    """Write planned and delivered dose side by side as one HTML page. regions: outlines; those of the verification are compared."""
    warnings = (*delivered.warnings, *verification.warnings, *(f"Planned map: {text}" for text in planned.warnings))
    return write_text(path, _page(delivered, planned, verification, regions, ct, title, [], warnings, ""))


def _page(
    delivered: DeliveredDose,
    planned: SphereDoseMap | None,
    verification: Verification | None,
    regions,
    ct,
    title,
    tables,
    warnings,
    when,
) -> str:
    from RNTDosimetryLib.base.provenance import versions

    background = None if ct is None else GrayImage(ct.hounsfield, ct.geometry)
    outlines = [Outline(region.name, region.occupancy, region.geometry) for region in regions]
    maps = [("Delivered", delivered.map, "From the image after treatment, through the highest dose.")]
    if planned is not None:
        maps.insert(0, ("Planned", planned, "Predicted from the scout, through the highest dose."))
        tables = [*tables, verification_table(verification)]
    pictures = [
        Figure(slice_figure(f"{what} dose", background, Overlay(np.asarray(dose.dose), dose.geometry), outlines), caption)
        for what, dose, caption in maps
    ]
    if verification is None:
        plots = [_delivered_histograms(delivered)]
    else:
        compared = [region for region in regions if region.name in verification.regions]
        plots = [
            _histograms(verification),
            _scatter(verification),
            *([_areas(planned, delivered.map, compared)] if compared else []),
        ]
    sections = [
        Section("Result", [_facts(delivered, planned), *tables]),
        Section("Maps", pictures),
        Section("Voxels", plots),
        Section("Assumptions", [Bullets(_verification_assumptions(delivered))]),
    ]
    return render_page(title, sections, when, warnings, versions())


def _facts(delivered: DeliveredDose, planned: SphereDoseMap | None) -> Facts:
    recovered = delivered.recovered_fraction
    facts = {
        "Nuclide": delivered.map.constant.nuclide,
        "Dose constant": f"{delivered.map.constant.j_per_gbq:.5g} J/GBq, {delivered.map.constant.source}",
        "Delivered map": delivered.map.method,
        "Activity in the map, at administration": f"{delivered.map.activity_gbq:.4g} GBq",
        "Of the net activity expected in the liver": "not stated" if recovered is None else f"{100 * recovered:.1f} %",
        "Blur corrected in region means": "no"
        if delivered.resolution_fwhm_mm is None
        else f"{delivered.resolution_fwhm_mm:g} mm",
    }
    return Facts(facts if planned is None else facts | {"Planned map": planned.method})


def _delivered_histograms(delivered: DeliveredDose) -> Figure:
    curves = [
        DoseVolumeCurve(Compartment.of(name).label, histogram.edges_gy, 100 * histogram.cumulative_fraction)
        for name, histogram in delivered.map.histograms.items()
    ]
    return Figure(dvh_plot(curves), "Cumulative dose-volume histograms of the delivered map.")


def _histograms(verification: Verification) -> Figure:
    curves = []
    for name in verification.regions:
        for what, histograms in (("planned", verification.planned_histograms), ("delivered", verification.delivered_histograms)):
            histogram = histograms[name]
            curves.append(DoseVolumeCurve(f"{name}, {what}", histogram.edges_gy, 100 * histogram.cumulative_fraction))
    return Figure(dvh_plot(curves), "Cumulative dose-volume histograms, planned and delivered.")


def _scatter(verification: Verification) -> Figure:
    series = [
        Series(name, verification.planned_points_gy[name], verification.delivered_points_gy[name])
        for name in verification.regions
    ]
    plot = scatter_plot("Voxel doses", Axis("Planned dose", "Gy"), Axis("Delivered dose", "Gy"), series, identity=True)
    return Figure(plot, "Every voxel of the regions, or an even choice of them; on the broken line both are equal.")


def _areas(planned: SphereDoseMap, delivered: SphereDoseMap, regions: Sequence[Region]) -> Figure:
    series = []
    for region in regions:
        for what, dose in (("planned", planned), ("delivered", delivered)):
            found = dose_area_histogram(dose, region)
            series.append(Series(f"{region.name}, {what}", found.dose_gy, found.area_cm2))
    plot = line_plot(
        "Dose-area histogram",
        Axis("Absorbed dose", "Gy", lower=0.0),
        Axis("Area receiving at least the dose", "cm²", lower=0.0),
        series,
    )
    return Figure(plot, "In the transverse slice with most of each region.")


def _verification_assumptions(delivered: DeliveredDose) -> tuple[str, ...]:
    source = (
        "Bq/mL of the image, corrected for decay to the administration"
        if delivered.mode == "absolute"
        else ("the picture alone, scaled to the net administered activity in the liver")
    )
    return (
        f"Activity: {source}.",
        "Spheres stay where they are until all has decayed.",
        "Scout, image after treatment and regions are registered; breathing is in both images.",
    )
