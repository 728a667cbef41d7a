"""What the page of a comparison of two dose maps says."""

import numpy as np

from RNTDosimetryLib.report import (
    Axis,
    Band,
    Bullets,
    Column,
    Details,
    Facts,
    Figure,
    GrayImage,
    Outline,
    Overlay,
    Section,
    Series,
    Table,
    format_number,
    line_plot,
    measured,
    render_page,
    slice_figure,
)
from RNTDosimetryLib.roads.compare.maps import STATISTICS, ComparedValue
from RNTDosimetryLib.roads.compare.result import CompareResult
from RNTDosimetryLib.roads.compare.sources import ComparedMap

_TITLE = "Two dose maps compared"
_REGIONS_PER_PLOT = 5
_EVALUATED_DASH = "6 4"
_STATISTIC_WORDS = {"mean": "mean", "minimum": "minimum", "maximum": "maximum"}


def short_table(result: CompareResult) -> Table:
    """One row a region: means, their difference, and the gamma index."""
    names = result.reference.name, result.evaluated.name
    return Table(
        "Means of the regions",
        (Column("Region", align="left"), Column("Compared", "mL"), Column(f"Mean, {names[0]}", "Gy"), Column(f"Mean, {names[1]}", "Gy"),
         Column("Difference", "Gy"), Column("Difference", "%"), Column("Uncertainty", "%", 2), Column("RMS of voxels", "Gy"), Column("Gamma ≤ 1", "%", 4),
         Column("Voxels judged")),
        tuple(
            (item.name, item.volume_ml, _with_uncertainty(item.values["mean"].reference_gy, item.values["mean"].reference_uncertainty_gy),
             _with_uncertainty(item.values["mean"].evaluated_gy, item.values["mean"].evaluated_uncertainty_gy), *_signed(item.values["mean"]),
             item.values["mean"].percent_uncertainty, item.root_mean_square_gy, item.gamma_pass_percent, item.gamma_voxels)
            for item in result.comparison.regions
        ),
        note=f"Difference, with its uncertainty: {names[1]} minus {names[0]}, in per cent of {names[0]}. RMS: root mean square of the differences of voxels. Gamma index: {result.request.gamma.words}. "
        "Uncertainties are standard uncertainties (k = 1).",
    )  # fmt: skip


def comparison_table(result: CompareResult) -> Table:
    """One row for each number of each region in both maps, for compare.csv and the page."""
    names = result.reference.name, result.evaluated.name
    rows = []
    for item in result.comparison.regions:
        for name in STATISTICS:
            value = item.values[name]
            rows.append(
                (item.name, item.volume_ml, 100 * item.coverage, _STATISTIC_WORDS.get(name, name),
                 measured(value.reference_gy, value.reference_uncertainty_gy), measured(value.evaluated_gy, value.evaluated_uncertainty_gy),
                 value.difference_gy, value.difference_uncertainty_gy, value.percent, value.percent_uncertainty,
                 item.gamma_pass_percent, item.gamma_voxels)
            )  # fmt: skip
    return Table(
        "All numbers",
        (Column("Region", align="left"), Column("Compared", "mL"), Column("Compared", "%", 4), Column("Number", align="left"),
         Column(names[0], "Gy", 4), Column(names[1], "Gy", 4), Column("Difference", "Gy"), Column("Uncertainty of the difference", "Gy", 2),
         Column("Relative difference", "%"), Column("Uncertainty of the relative difference", "%", 2),
         Column("Gamma at most 1", "%", 4), Column("Voxels judged")),
        tuple(rows),
        note="Dx: dose that x % of the region receives at least.",
    )  # fmt: skip


def _with_uncertainty(value: float, uncertainty: float | None) -> str:
    """The value with four digits whatever its uncertainty: two maps of one activity differ by less than that."""
    return format_number(value, 4) + ("" if uncertainty is None else f"\u00a0±\u00a0{format_number(uncertainty, 2)}")


def _signed(value: ComparedValue) -> tuple[str, str | None]:
    """Difference in Gy and per cent with their signs."""
    return tuple(
        None if number is None else f"{number:+.3g}".replace("-", "−") for number in (value.difference_gy, value.percent)
    )


def render_comparison(result: CompareResult) -> str:
    """The whole page of a computed comparison."""
    maps, title = result.comparison, result.request.title or _TITLE
    background = None if result.ct is None else GrayImage(result.ct.hounsfield, result.ct.geometry)
    outlines = [Outline(name, occupancy, maps.geometry) for name, occupancy in maps.occupancies.items()]
    pictures = [
        Figure(slice_figure(f"Dose, {which.name}", background, Overlay(dose, maps.geometry, maximum=_highest(maps)), outlines), caption)
        for which, dose, caption in (
            (result.reference, maps.reference_gy, "Through the highest dose; both maps on one scale of colors."),
            (result.evaluated, maps.evaluated_gy, "Where both maps have voxels."),
        )
    ]  # fmt: skip
    sections = [
        Section("Result", [_facts(result), short_table(result), Details("All numbers", [comparison_table(result)])]),
        Section("Histograms", _histograms(result)),
        Section("Where they differ", [_profile(result), *_difference_picture(result, background, outlines), *pictures]),
        Section("Assumptions", [Bullets(_assumptions(result))]),
    ]
    when = "" if result.created is None else f"computed {result.created:%Y-%m-%d %H:%M}"
    return render_page(title, sections, when, result.warnings, result.versions)


def _highest(maps) -> float:
    return float(max(maps.reference_gy.max(), maps.evaluated_gy.max()))


def _facts(result: CompareResult) -> Facts:
    maps = result.comparison
    gamma = maps.gamma
    shift = float(np.linalg.norm(maps.center_shift_mm))
    return Facts({
        f"{result.reference.name} (reference)": _map_words(result.reference),
        f"{result.evaluated.name} (evaluated)": _map_words(result.evaluated),
        "Grid": f"of {result.reference.name}: {' x '.join(str(n) for n in maps.geometry.size[::-1])} voxels of "
        f"{' x '.join(f'{side:.3g}' for side in maps.geometry.spacing_mm[::-1])} mm; {100 * maps.covered_share:.1f} % of it is covered by both",
        "Gamma index": f"{gamma.pass_percent:.1f} % of {gamma.evaluated_voxels} voxels at most 1 ({result.request.gamma.words}); mean {gamma.mean:.3g}",
        "Centers of the doses": f"{shift:.2g} mm apart",
    })  # fmt: skip


def _map_words(which: ComparedMap) -> str:
    parts = [which.dose.name, which.nuclide, which.method if which.method != which.dose.name else ""]
    return ", ".join(part for part in parts if part)


def _histograms(result: CompareResult) -> list[Figure]:
    """Regions of like doses in one plot, so that none is pressed against the axis."""
    regions = sorted(result.comparison.regions, key=lambda item: item.values["D2"].reference_gy)
    return [
        _histogram_plot(result, regions[start : start + _REGIONS_PER_PLOT]) for start in range(0, len(regions), _REGIONS_PER_PLOT)
    ]


def _histogram_plot(result: CompareResult, regions) -> Figure:
    series, bands = [], []
    for style, item in enumerate(regions):
        for which, histogram, dash in (
            (result.reference, item.reference_histogram, ""),
            (result.evaluated, item.evaluated_histogram, _EVALUATED_DASH),
        ):
            label = f"{item.name}, {which.name}"
            ends = np.append(histogram.edges_gy, histogram.edges_gy[-1])
            series.append(Series(label, ends, np.append(100 * histogram.cumulative_fraction, 0.0), style=style, dash=dash))
            if histogram.lower_fraction is not None and not (result.request.same_activity and which.shares_activity):
                bands.append(
                    Band(label, histogram.edges_gy, 100 * histogram.lower_fraction, 100 * histogram.upper_fraction, style=style)
                )
    volume = Axis("Volume receiving at least the dose", "%", lower=0.0, upper=100.0)
    plot = line_plot("Cumulative dose-volume histograms", Axis("Absorbed dose", "Gy", lower=0.0), volume, series, bands)
    words = f"Full line: {result.reference.name}; broken line: {result.evaluated.name}."
    return Figure(plot, words + (" Bands: uncertainties common to a map (k = 1)." if bands else ""))


def _profile(result: CompareResult) -> Figure:
    """Both doses along x of the grid, through the voxel of the reference's highest dose."""
    maps = result.comparison
    z, y, x = (int(i) for i in np.unravel_index(int(np.argmax(maps.reference_gy)), maps.reference_gy.shape))
    place = (np.arange(maps.geometry.size[2]) - x) * maps.geometry.spacing_mm[2]
    line = maps.compared[z, y]
    series = [
        Series(which.name, place[line], dose[z, y][line], dash=dash, style=style)
        for style, (which, dose, dash) in enumerate(
            ((result.reference, maps.reference_gy, ""), (result.evaluated, maps.evaluated_gy, _EVALUATED_DASH))
        )
    ]
    plot = line_plot(
        "Profile through the highest dose",
        Axis("Distance along a row of voxels", "mm"),
        Axis("Absorbed dose", "Gy", lower=0.0),
        series,
    )
    return Figure(plot, f"Along the first axis of the grid of {result.reference.name}; 0 is its highest dose.")


def _difference_picture(result: CompareResult, background, outlines) -> list:
    maps = result.comparison
    if not np.any(maps.difference_gy):
        return ["The two maps are equal in every voxel that both cover."]
    overlay = Overlay(maps.difference_gy, maps.geometry, label="Difference", signed=True, threshold=0.05)
    caption = f"{result.evaluated.name} minus {result.reference.name}, through the largest difference; red: {result.evaluated.name} is higher."
    return [Figure(slice_figure("Difference", background, overlay, outlines), caption)]


def _shared_words(result: CompareResult) -> str:
    if result.request.same_activity:
        return "Both doses come from one activity distribution, as typed: the uncertainties of a run's regions are left out of the difference."
    return "Uncertainty of a difference: both maps taken as independent. What they share, such as the activity, makes it too large (same_activity)."


def _assumptions(result: CompareResult) -> tuple[str, ...]:
    lines = [
        "All numbers are of the voxels that both maps cover, on the grid of the reference: a coarser evaluated map is interpolated linearly, a finer one averaged.",
        _shared_words(result),
        "Mean, Dx and extremes are by volume. A dose to medium in the density of a CT and one to water differ where density does.",
    ]
    for which in (result.reference, result.evaluated):
        if which.dose.uncertainty_gy is not None:
            words = (
                "independent from voxel to voxel (statistical noise)"
                if which.uncertainty_of_voxels == "independent"
                else "common to all voxels"
            )
            lines.append(f"Uncertainties of the voxels of {which.name}: {words}.")
        if which.relative_uncertainty is not None:
            lines.append(f"Uncertainty common to {which.name}: {100 * which.relative_uncertainty:.3g} %, typed.")
        elif which.region_relative_uncertainty:
            lines.append(f"Uncertainty of {which.name}: the relative one of each region's dose in its results.json.")
    return tuple(lines)
