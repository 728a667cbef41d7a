"""What the report of a study says, in the order a reader asks. How it looks is the report room's business."""

import numpy as np

from RNTDosimetryLib.report import (
    Bullets,
    Column,
    Details,
    DoseVolumeCurve,
    Facts,
    Figure,
    GrayImage,
    Outline,
    Overlay,
    Section,
    Table,
    TimeActivity,
    dvh_plot,
    render_page,
    slice_figure,
    time_activity_plot,
)
from RNTDosimetryLib.roads.camera.report import camera_section
from RNTDosimetryLib.roads.therapy.images import StudyImages
from RNTDosimetryLib.roads.therapy.result import RegionResult, StudyResult
from RNTDosimetryLib.roads.therapy.tables import (
    _result_tables,
    activity_table,
    alignment_table,
    balance_table,
    histogram_table,
    intake_table,
    model_table,
    settings_table,
)

_CURVES_PER_PLOT = 6


def render_report(result: StudyResult) -> str:
    """The whole report as one HTML page that opens offline."""
    images = result.images
    sections = [
        Section("Result", [_therapy_facts(result), *_result_tables(result)]),
        Section(
            "Dose map", [_dose_picture(result, images), _methods(result), histogram_table(result), _histogram_figure(result)]
        ),
        Section(
            "Time-activity curves",
            [
                *_curve_figures(result),
                activity_table(result),
                balance_table(result),
                Details("All models tried", [model_table(result)]),
            ],
        ),
        Section("Alignment", [alignment_table(result)]),
        *camera_section(result.calibration, result.recovery),
        Section("Assumptions and data", [_assumptions(result, images), settings_table(result), _constants(result)]),
        Section("Input", _input(result, images)),
        Section("Integrity", [_hashes(result)]),
    ]
    when = "" if result.created is None else f", computed {result.created:%Y-%m-%d %H:%M}"
    title = f"Dosimetry of {result.nuclide} therapy"
    subtitle = f"{result.radiopharmaceutical or 'radiopharmaceutical not stated'}{when}"
    return render_page(title, sections, subtitle, result.all_warnings(), result.versions)


def _input(result: StudyResult, images: StudyImages) -> list:
    read = intake_table(result) if result.intake_table else "The images were taken from the scene with typed times."
    if images.dicom_reference.get("StudyInstanceUID"):
        return [read]
    return [read, "The RTDOSE belongs to no study: the images were not read from DICOM."]


def _calibration_uncertainty(result: StudyResult, images: StudyImages) -> str:
    """Of the calibration as it was used: the typed one, or that of the file or the series."""
    used = [100 * scan.activity.calibration_uncertainty for scan in images.scans]
    text = f"{used[0]:.3g} %" if max(used) == min(used) else f"{min(used):.3g} to {max(used):.3g} %"
    typed = result.study.settings.calibration_uncertainty > 0
    return text + (", typed" if typed else ", of the calibration file" if result.calibration is not None else "")


def _therapy_facts(result: StudyResult) -> Facts:
    patient = f"{result.patient.id_hash} (hash of the patient ID)" if result.patient is not None else None
    return Facts(
        {
            "Patient": patient or "not stated",
            "Nuclide": result.nuclide,
            "Radiopharmaceutical": result.radiopharmaceutical or "not stated",
            "Administration": "not stated"
            if result.administration_time is None
            else f"{result.administration_time:%Y-%m-%d %H:%M}",
            "Net administered activity": "not stated"
            if not result.administered_activity_mbq
            else f"{result.administered_activity_mbq:.0f} MBq",
            "Scans": ", ".join(f"{time:.4g} h" for time in result.regions[0].curve.times_h),
            "Level of dosimetry": _level(result),
        }
    )


def _level(result: StudyResult) -> str:
    """How much the imaging supports, in words; the number of scans is what decides."""
    count = len(result.regions[0].curve.times_h)
    kind = "voxel and region dosimetry"
    return f"{kind} from {'a single scan' if count == 1 else f'{count} scans'}"


def _dose_picture(result: StudyResult, images: StudyImages) -> Figure:
    reference = images.scans[images.reference_index]
    background = None if reference.ct is None else GrayImage(reference.ct.hounsfield, reference.ct.geometry)
    outlines = [Outline(region.name, region.occupancy, region.geometry) for region in images.regions]
    svg = slice_figure("Absorbed dose on CT", background, Overlay(np.asarray(result.dose_map), result.tia_map.geometry), outlines)
    return Figure(svg, "Slices through the highest absorbed dose, in radiological order, with the regions as drawn.")


def _methods(result: StudyResult) -> str:
    dose, voxels = result.dose_map, result.tia_map.fit
    return (
        f"Dose map by the {dose.method} method with {dose.density}; {100 * dose.remainder_fraction:.2g} % of the energy per decay is left out. "
        f"Voxel curves: {voxels.method}."
    )


def _histogram_figure(result: StudyResult) -> Figure:
    curves = [
        DoseVolumeCurve(item.name, item.histogram.edges_gy, 100 * item.histogram.cumulative_fraction, style=index)
        for index, item in enumerate(result.regions)
    ]
    return Figure(dvh_plot(curves), "Cumulative dose-volume histograms of the dose map.")


def _curve_figures(result: StudyResult) -> list[Figure]:
    """Organs and lesions apart: their activities differ by orders of magnitude. A region looks the same in every plot."""
    figures, styles = [], {item.name: index for index, item in enumerate(result.regions)}
    kinds = list(dict.fromkeys(item.kind for item in result.regions))
    for kind in kinds:
        items = [item for item in result.regions if item.kind == kind]
        for start in range(0, len(items), _CURVES_PER_PLOT):
            curves = [_curve(item, styles[item.name]) for item in items[start : start + _CURVES_PER_PLOT]]
            svg = time_activity_plot(curves, title=f"Time-activity curves: {kind}")
            figures.append(Figure(svg, "Measured activity, not decay corrected, and the fitted curve."))
    return figures


def _curve(item: RegionResult, style: int) -> TimeActivity:
    spread = None if item.curve.uncertainties_mbq is None else np.asarray(item.curve.uncertainties_mbq)
    times_h, activities_mbq = np.asarray(item.curve.times_h), np.asarray(item.curve.activities_mbq)
    return TimeActivity(item.name, times_h, activities_mbq, spread, item.fit.activity_mbq, style=style)


def _assumptions(result: StudyResult, images: StudyImages) -> Bullets:
    settings = result.study.settings
    items = [
        f"Time-activity model: {settings.model}. Rates are never slower than physical decay.",
        "Region activity: mean of the voxels whose center lies in the region, on each scan's own grid, times the region's volume on CT, "
        "over its recovery coefficient where one was given.",
        f"Mass: typed, or volume times {settings.density_g_ml:g} g/mL.",
        "Region dose: electrons and photons of the region itself by a sphere S value, and photons from the rest of the field of view. "
        "Activity outside the field of view adds nothing.",
        f"Relative uncertainty of each scan beside its noise: {100 * settings.scan_uncertainty:.3g} %; of the calibration, common to all "
        f"scans: {_calibration_uncertainty(result, images)}.",
        *_left_out(result),
    ]
    return Bullets(items)


def _left_out(result: StudyResult) -> list[str]:
    """One line for all parts that are in no region's uncertainty or not in that of some."""
    by_part: dict[str, list[str]] = {}
    for item in result.regions:
        for name in item.not_included:
            by_part.setdefault(name, []).append(item.name)
    names = [part if len(found) == len(result.regions) else f"{part} ({', '.join(found)})" for part, found in by_part.items()]
    return [f"Not included in the uncertainty of the doses: {'; '.join(names)}."] if names else []


def _constants(result: StudyResult) -> Facts:
    constants = result.constants
    return Facts(
        {
            "Half-life": f"{constants['half_life_h']:.6g} h",
            "Electrons and positrons": f"{constants['electron_energy_mev']:.5g} MeV per decay",
            "Photons": f"{constants['photon_energy_mev']:.5g} MeV per decay",
            "Alphas": f"{constants['alpha_energy_mev']:.5g} MeV per decay",
            "Local dose constant": f"{constants['local_dose_constant_j_per_gbq']:.5g} J/GBq",
            "Decay data": "; ".join(constants["sources"]),
        }
    )


def _hashes(result: StudyResult) -> Details:
    rows = tuple(result.input_hashes.items())
    columns = (Column("Image, region or file", align="left"), Column("SHA-256 of its voxels or bytes", align="left"))
    return Details("Fingerprints of the input", [Table("Input", columns, rows)])
