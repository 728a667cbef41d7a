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
    measured,
    render_page,
    slice_figure,
    time_activity_plot,
)
from RNTDosimetryLib.roads.camera.report import camera_section
from RNTDosimetryLib.roads.therapy.images import StudyImages
from RNTDosimetryLib.roads.therapy.result import RegionResult, StudyResult

_CURVES_PER_PLOT = 6


def dose_table(result: StudyResult) -> Table:
    """One row a region: what the therapy did."""
    return Table(
        "Absorbed dose of the regions",
        (
            Column("Region", align="left"),
            Column("Mass", "g"),
            Column("Absorbed dose", "Gy"),
            Column("Dose per activity", "Gy/GBq"),
            Column("TIA", "MBq h"),
            Column("Effective half-life", "h"),
            Column("Model", align="left"),
        ),
        tuple(
            (
                item.name,
                item.mass_g,
                measured(item.dose.dose_gy, item.dose.dose_uncertainty_gy),
                _dose_per_activity(item),
                measured(item.tia_mbq_h, item.tia_uncertainty_mbq_h),
                measured(item.fit.effective_half_life_h, item.fit.effective_half_life_uncertainty_h),
                item.fit.label,
            )
            for item in result.regions
        ),
        note="Self-dose by the S value of a sphere of the region's mass, plus photons from elsewhere in the field of view. TIA: "
        "time-integrated activity. Uncertainties are standard uncertainties (k = 1).",
    )


def _dose_per_activity(item: RegionResult):
    """With the relative uncertainty of the dose; that of the administered activity is not known."""
    value, dose = item.dose_per_activity_gy_per_gbq, item.dose
    if value is None or dose.dose_uncertainty_gy is None or not dose.dose_gy > 0:
        return value
    return measured(value, value * dose.dose_uncertainty_gy / dose.dose_gy)


def method_table(result: StudyResult) -> Table:
    """The same doses by the other methods, and what went into them."""
    return Table(
        "How the doses came about",
        (
            Column("Region", align="left"),
            Column("Kind", align="left"),
            Column("Volume", "mL"),
            Column("Recovery coefficient"),
            Column("Recovery from", align="left"),
            Column("TIA per activity", "h"),
            Column("TIA after last scan", "%"),
            Column("Self-dose", "Gy"),
            Column("Photons from elsewhere", "Gy"),
            Column("Local deposition", "Gy"),
            Column("Mean of dose map", "Gy"),
            Column("Map against region", "%"),
        ),
        tuple(
            (
                item.name, item.kind, item.volume_ml, _recovery(item), item.recovery_source, item.time_integrated_activity_coefficient_h,
                100 * item.fit.tail_share, measured(item.self_dose.dose_gy, item.self_dose.dose_uncertainty_gy),
                item.dose.parts["photons from elsewhere"],
                measured(item.local.dose_gy, item.local.dose_uncertainty_gy), item.map_mean_gy,
                f"{100 * (item.map_mean_gy / item.dose.dose_gy - 1):+.0f}" if item.dose.dose_gy > 0 else None,
            )
            for item in result.regions
        ),
        note="Local deposition: electrons only. Mean of dose map: with the dose from other regions, without recovery correction, so that "
        "camera blur and resampling lower it in small regions.",
    )


def biological_table(result: StudyResult) -> Table | None:
    """Biologically effective doses; None when no parameters were typed."""
    items = [item for item in result.regions if item.biological is not None]
    if not items:
        return None
    return Table(
        "Biologically effective dose",
        (Column("Region", align="left"), Column("BED", "Gy"), Column("EQD2", "Gy"), Column("alpha/beta", "Gy"), Column("Repair half-time", "h"),
         Column("Protraction factor G")),
        tuple(
            (item.name, measured(item.biological.bed_gy, item.biological.bed_uncertainty_gy), item.biological.eqd2_gy, item.biological.alpha_beta_gy,
             item.biological.repair_half_time_h, item.biological.protraction_factor)
            for item in items
        ),
        note="Of the mean dose, linear-quadratic model, with the typed parameters, which count as exact. The whole dose is taken to fall in with "
        "the region's own curve. Alphas without RBE.",
    )


def _result_tables(result: StudyResult) -> list[Table]:
    biological = biological_table(result)
    return [dose_table(result), *([] if biological is None else [biological]), method_table(result)]


def results_table(result: StudyResult) -> Table:
    """All tables of the regions side by side, for results.csv and the scene. A region without a row in one has empty cells there."""
    first, *others = _result_tables(result)
    columns, rows, notes = first.columns, {row[0]: row for row in first.rows}, [first.note]
    for other in others:
        known = {row[0]: row[1:] for row in other.rows}
        columns += other.columns[1:]
        rows = {name: row + known.get(name, (None,) * (len(other.columns) - 1)) for name, row in rows.items()}
        notes.append(other.note)
    return Table(first.title, columns, tuple(rows.values()), note=" ".join(notes))


def short_table(result: StudyResult) -> Table:
    """The few columns that fit a terminal."""
    return Table(
        "Absorbed dose",
        (Column("Region", align="left"), Column("Mass", "g"), Column("Model", align="left"), Column("TIA", "MBq h"), Column("Dose", "Gy")),
        tuple(
            (item.name, item.mass_g, item.fit.model, measured(item.tia_mbq_h, item.tia_uncertainty_mbq_h),
             measured(item.dose.dose_gy, item.dose.dose_uncertainty_gy))
            for item in result.regions
        ),
    )


def activity_table(result: StudyResult) -> Table:
    """Measured activities over time."""
    times = result.regions[0].curve.times_h
    columns = (Column("Region", align="left"), *(Column(f"{time:.2f} h", "MBq") for time in times), Column("Common to all times", "%"))
    rows = []
    for item in result.regions:
        spread = item.curve.uncertainties_mbq or (None,) * len(times)
        cells = [measured(value, u) for value, u in zip(item.curve.activities_mbq, spread)]
        rows.append((item.name, *cells, 100.0 * item.curve.systematic_relative_uncertainty))
    return Table(
        "Measured activities", columns, tuple(rows),
        note="Not decay corrected, at the start of each acquisition, with recovery correction. Common to all times: calibration, "
        "recovery and outline, which no fit can see and which are added once.",
    )


def model_table(result: StudyResult) -> Table:
    """Every model tried for every region, and why it was taken or not."""
    rows = [
        (item.name, ranked.label, ranked.aicc, ranked.weight if ranked.admitted else None,
         measured(ranked.tia_mbq_h, ranked.tia_uncertainty_mbq_h), "chosen" if ranked.model == item.fit.model else ranked.reason)
        for item in result.regions
        for ranked in item.fit.ranking
    ]
    return Table(
        "Models tried",
        (Column("Region", align="left"), Column("Model", align="left"), Column("AICc"), Column("Akaike weight"), Column("TIA", "MBq h"),
         Column("Remark", align="left")),
        tuple(rows),
    )


def alignment_table(result: StudyResult) -> Table:
    rows = [
        (item.scan, item.method, item.shift_mm, item.rotation_degrees,
         *((item.quality.correlation, item.quality.bone_dice, item.quality.mutual_information, 100 * item.quality.overlap) if item.quality is not None else (None,) * 4))
        for item in result.alignments
    ]
    return Table(
        "Alignment of the scans",
        (Column("Scan", align="left"), Column("Method", align="left"), Column("Shift", "mm"), Column("Rotation", "degrees"),
         Column("Correlation"), Column("Dice of bones"), Column("Mutual information", "nat"), Column("Common field of view", "%")),
        tuple(rows),
    )


def balance_table(result: StudyResult) -> Table:
    """Activity in the whole image of every scan: a wrong calibration or unit shows here first."""
    rows = [
        (item.scan, item.image_mbq, item.expected_mbq, None if item.ratio is None else 100 * item.ratio) for item in result.balances
    ]
    return Table(
        "Activity in the images",
        (Column("Scan", align="left"), Column("In the image", "MBq"), Column("Left by decay of the administered", "MBq"), Column("Share", "%")),
        tuple(rows),
        note="Sum over the whole image. Above 100 % cannot be; below, the rest was excreted or lies outside the field of view.",
    )


def histogram_table(result: StudyResult) -> Table:
    names = list(result.regions[0].histogram.dose_at_percent_gy)
    rows = [
        (item.name, item.histogram.volume_ml, item.histogram.minimum_gy, item.histogram.mean_gy, item.histogram.maximum_gy,
         *(item.histogram.dose_at_percent_gy[name] for name in names))
        for item in result.regions
    ]
    return Table(
        "Dose-volume histogram of the dose map",
        (Column("Region", align="left"), Column("Volume", "mL"), *(Column(name, "Gy") for name in ("Minimum", "Mean", "Maximum", *names))),
        tuple(rows),
        note="From the dose map as it is, without recovery correction: blur of the camera lowers the maximum and smears the edges.",
    )


def intake_table(result: StudyResult) -> Table:
    rows = [
        (row.what, f"{row.value} (file: {row.read_value})" if row.read_value else row.value, row.unit, row.status, row.source, row.where)
        for row in result.intake_table
    ]
    return Table("What was read, and from where", tuple(Column(name, align="left") for name in
                 ("What", "Value", "Unit", "Status", "Source", "File")), tuple(rows))


def render_report(result: StudyResult, images: StudyImages) -> str:
    """The whole report as one HTML page that opens offline."""
    sections = [
        Section("Result", [_therapy_facts(result), *_result_tables(result)]),
        Section("Dose map", [_dose_picture(result, images), _methods(result), histogram_table(result), _histogram_figure(result)]),
        Section("Time-activity curves", [*_curve_figures(result), activity_table(result), balance_table(result), Details("All models tried", [model_table(result)])]),
        Section("Alignment", [alignment_table(result)]),
        *camera_section(result.calibration, result.recovery),
        Section("Assumptions and data", [_assumptions(result, images), _constants(result)]),
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


def _recovery(item: RegionResult):
    """The coefficient with the uncertainty of the curve or as typed; the part from the volume is added with that of the outline."""
    return measured(item.recovery_coefficient, item.recovery_coefficient_uncertainty or None)


def _calibration_uncertainty(result: StudyResult, images: StudyImages) -> str:
    """Of the calibration as it was used: the typed one, or that of the file or the series."""
    used = [100 * scan.activity.calibration_uncertainty for scan in images.scans]
    text = f"{used[0]:.3g} %" if max(used) == min(used) else f"{min(used):.3g} to {max(used):.3g} %"
    typed = result.study.settings.calibration_uncertainty > 0
    return text + (", typed" if typed else ", of the calibration file" if result.calibration is not None else "")


def _therapy_facts(result: StudyResult) -> Facts:
    patient = f"{result.patient.id_hash} (hash of the patient ID)" if result.patient is not None else None
    return Facts({
        "Patient": patient or "not stated",
        "Nuclide": result.nuclide,
        "Radiopharmaceutical": result.radiopharmaceutical or "not stated",
        "Administration": "not stated" if result.administration_time is None else f"{result.administration_time:%Y-%m-%d %H:%M}",
        "Net administered activity": "not stated" if not result.administered_activity_mbq else f"{result.administered_activity_mbq:.0f} MBq",
        "Scans": ", ".join(f"{time:.4g} h" for time in result.regions[0].curve.times_h),
        "Level of dosimetry": _level(result),
    })


def _level(result: StudyResult) -> str:
    """How much the imaging supports, in words; the number of scans is what decides."""
    count = len(result.regions[0].curve.times_h)
    kind = "voxel and region dosimetry"
    return f"{kind} from {'a single scan' if count == 1 else f'{count} scans'}"


def _dose_picture(result: StudyResult, images: StudyImages) -> Figure:
    reference = images.scans[images.reference_index]
    background = None if reference.ct is None else GrayImage(reference.ct.hounsfield, reference.ct.geometry)
    outlines = [Outline(region.name, region.occupancy, region.geometry) for region in images.regions]
    svg = slice_figure(
        "Absorbed dose on CT", background, Overlay(np.asarray(result.dose_map), result.tia_map.geometry), outlines
    )
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
        "over its recovery coefficient.",
        f"Mass: typed, or volume times {settings.density_g_ml:g} g/mL.",
        "Region dose: electrons and photons of the region itself by a sphere S value, and photons from the rest of the field of view. "
        "Activity outside the field of view adds nothing.",
        f"Relative uncertainty of each scan beside its noise: {100 * settings.scan_uncertainty:.3g} %; of the calibration, common to all "
        f"scans: {_calibration_uncertainty(result, images)}.",
        "Uncertainty of S values, registration and segmentation beyond what is stated above is not included.",
    ]
    if settings.spect_resolution_fwhm_mm is None:
        items.append("The image resolution was not given: the uncertainty of outlines and volumes is not included.")
    return Bullets(items)


def _constants(result: StudyResult) -> Facts:
    constants = result.constants
    return Facts({
        "Half-life": f"{constants['half_life_h']:.6g} h",
        "Electrons and positrons": f"{constants['electron_energy_mev']:.5g} MeV per decay",
        "Photons": f"{constants['photon_energy_mev']:.5g} MeV per decay",
        "Alphas": f"{constants['alpha_energy_mev']:.5g} MeV per decay",
        "Local dose constant": f"{constants['local_dose_constant_j_per_gbq']:.5g} J/GBq",
        "Decay data": "; ".join(constants["sources"]),
    })


def _hashes(result: StudyResult) -> Details:
    rows = tuple(result.input_hashes.items())
    columns = (Column("Image, region or file", align="left"), Column("SHA-256 of its voxels or bytes", align="left"))
    return Details("Fingerprints of the input", [Table("Input", columns, rows)])
