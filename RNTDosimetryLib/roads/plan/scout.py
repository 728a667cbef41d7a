"""The part "scout" of a plan file: images and segments to masses, ratios, lung shunt and lung mass."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images import ActivityImage, CtImage, Region, join_regions
from RNTDosimetryLib.intake import load_volume_file, read_folder
from RNTDosimetryLib.intake.volume_files import load_ct_file, load_mask_file
from RNTDosimetryLib.planning import (
    ExtrahepaticDeposit,
    ScoutMeasurement,
    extrahepatic_deposits,
    lung_mass_from_ct,
    lung_shunt_spect,
    measure_scout,
)
from RNTDosimetryLib.roads.plan.request import PlanRequest, ScoutFiles, request_from_scout


def read_scan(path: Path, what: str) -> tuple[ActivityImage, CtImage | None, dict[str, Region]]:
    """Image, CT and segments of a DICOM folder; of a volume file the image alone, in the unit of the file.

    Raises DosimetryError for a folder with more or less than one scan. what: the scan in words.
    """
    if not os.path.isdir(path):
        geometry, values = load_volume_file(path)
        return ActivityImage(path.name, geometry, values), None, {}
    points = read_folder(path).time_points
    if len(points) != 1:
        raise DosimetryError(
            f"Expected one scan in the {what} folder {path.name}, received {len(points)}; name the folder of the {what} alone."
        )
    point = points[0]
    ct = None if point.ct is None else point.ct.load_ct()
    return point.activity, ct, {region.name: region for region in point.regions}


def read_segments(items, found: dict[str, Region], folder: Path) -> list[Region]:
    """Segments by name and place: {"T1": "tumour.nrrd"}, or a list of names among the segments ``found`` in the DICOM folder."""
    pairs = items.items() if isinstance(items, Mapping) else [(name, name) for name in items]
    return [read_segment(str(name), str(where), found, folder) for name, where in pairs]


def read_segment(name: str, where: str, found: dict[str, Region], folder: Path) -> Region:
    """One segment: of that name in the DICOM folder, or a file beside the request. Raises DosimetryError when it is neither."""
    if where in found:
        return found[where]
    if not os.path.isfile(folder / where):
        known = ", ".join(found) or "none"
        raise DosimetryError(
            f"Expected a segment '{where}' in the DICOM folder (it has {known}) or a file of that name, found neither; check the name."
        )
    return Region(name, *load_mask_file(folder / where, name))


_MEASURED = ("scout", "lung_shunt_fraction", "lung_mass_g", "residual_fraction", "notes", "scout_warnings")
"""Of a request, what the scout's own request holds already."""


@dataclass(frozen=True)
class MeasuredScout(Record):
    """Numbers of the scout as they go into the plan, with how they were measured, in words."""

    scout: ScoutMeasurement
    lung_shunt_fraction: float | None
    lung_mass_g: float | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    deposits: tuple[ExtrahepaticDeposit, ...] = ()


def measure_scout_files(files: ScoutFiles) -> MeasuredScout:
    """Read and measure what "scout" of a plan file names. Raises DosimetryError for missing files and unknown segments."""
    image, ct, segments = read_scan(Path(files.image), "scout")
    if files.ct is not None:
        ct = load_ct_file(Path(files.ct))
    territories, tumours, others = (
        read_segments(item, segments, Path()) for item in (files.territories, files.tumours, files.others)
    )
    liver, lungs = (
        None if item is None else read_segment(Path(item).stem.split(".")[0], item, segments, Path())
        for item in (files.liver, files.lungs)
    )
    return measure_segments(
        image, territories, tumours, ct=ct, liver=liver, lungs=lungs, others=others, resolution_fwhm_mm=files.resolution_fwhm_mm,
        density_g_ml=files.density_g_ml,
    )  # fmt: skip


def measure_segments(
    image: ActivityImage, territories: list[Region], tumours: list[Region], *, ct: CtImage | None = None, liver: Region | None = None,
    lungs: Region | None = None, others: list[Region] = (), resolution_fwhm_mm: float | None = None, density_g_ml: float | None = None,
) -> MeasuredScout:  # fmt: skip
    """Masses, ratios, lung shunt and lung mass of a scout and its segments, for plan files and for the scene alike.

    The lung shunt needs the lungs; without the whole liver the territories and tumours together stand for it. The lung mass needs the CT too.
    Raises DosimetryError as ``measure_scout``, ``lung_shunt_spect`` and ``lung_mass_from_ct`` do.
    """
    others = list(others)
    near = [*([lungs] if lungs is not None else []), *others]
    found = measure_scout(
        image,
        territories,
        tumours,
        liver=liver,
        others=near,
        resolution_fwhm_mm=resolution_fwhm_mm,
        default_density_g_ml=density_g_ml,
    )
    notes, warnings = [f"Masses and ratios from the scout '{image.name}' and the segments."], list(found.warnings)
    in_liver = join_regions("liver", [*([] if liver is None else [liver]), *territories, *tumours])
    shunt = mass = None
    if lungs is not None:
        measured = lung_shunt_spect(image, lungs, in_liver, *others, resolution_fwhm_mm=resolution_fwhm_mm)
        shunt = measured.fraction
        notes.append(f"Lung shunt {100 * shunt:.3g} % by {measured.method}.")
        warnings += measured.warnings
    if lungs is not None and ct is not None:
        by_ct = lung_mass_from_ct(ct, lungs)
        mass = by_ct.mass_g
        notes.append(f"Lung mass {mass:.0f} g from the CT '{ct.name}'.")
        warnings += by_ct.warnings
    if len(territories) > 1:
        notes.append("Activities that are not typed are shared among the territories as that of the scout was.")
    deposits = extrahepatic_deposits(image, in_liver, lungs)
    return MeasuredScout(found, shunt, mass, tuple(notes), tuple(dict.fromkeys(warnings)), deposits)


def deposit_warnings(deposits: tuple[ExtrahepaticDeposit, ...], ras: bool = False) -> tuple[str, ...]:
    """A line for every hot place outside liver and lungs, with where it is in LPS, or in RAS as Slicer shows it."""
    flip, frame = ((-1.0, -1.0, 1.0), "RAS") if ras else ((1.0, 1.0, 1.0), "LPS")
    lines = []
    for deposit in deposits:
        where = ", ".join(f"{value:.0f}" for value in np.array(deposit.center_lps_mm) * flip)
        lines.append(warned("extrahepatic_deposit", percent=100 * deposit.share, where=where, frame=frame))
    return tuple(lines)


def measured_request(request: PlanRequest) -> PlanRequest:
    """The request with the measured numbers in the place of its scout; what was entered beside it wins. Without a scout the request itself."""
    if request.scout is None:
        return request
    measured = measure_scout_files(request.scout)
    shunt = measured.lung_shunt_fraction if request.lung_shunt_fraction is None else request.lung_shunt_fraction
    if shunt is None:
        raise DosimetryError(
            "Expected lung_shunt_fraction, or liver and lungs in 'scout', found neither; type it or name the segments."
        )
    found = request_from_scout(
        measured.scout,
        request.product,
        request.scout.activities_gbq,
        lung_shunt_fraction=shunt,
        lung_mass_g=measured.lung_mass_g if request.lung_mass_g is None else request.lung_mass_g,
        residual_fraction=request.residual_fraction,
        notes=(*measured.notes, *request.notes),
        scout_warnings=(*measured.warnings, *deposit_warnings(measured.deposits), *request.scout_warnings),
    )
    of_nothing = PlanRequest()
    entered = {item.name: getattr(request, item.name) for item in fields(PlanRequest) if item.name not in _MEASURED}
    return replace(found, **{name: value for name, value in entered.items() if value != getattr(of_nothing, name)})
