"""From segments to plan: scout scan, CT and segments of the scene, measured by the library and kept with the parameter node.

What is entered over a measured value changes the plan of all tumors and territories; it does not end it.
"""

import json
from dataclasses import dataclass, replace

import numpy as np
import slicer
import vtk

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.images import ActivityImage, Region, join_regions
from RNTDosimetryLib.planning import Injection, ScoutMeasurement, Tumour
from RNTDosimetryLib.roads.plan.request import PlanRequest, request_from_scout
from RNTDosimetryLib.roads.plan.scout import deposit_warnings, measure_segments
from RNTDosimetryScene.nodes import segments, volumes
from RNTDosimetryScene.nodes.geometry import geometry_of_volume
from RNTDosimetryScene.plan import injections
from RNTDosimetryScene.plan.entered import Entered, entered_of
from RNTDosimetryScene.road.transaction import undone_on_failure

TERRITORY, TUMOR, LIVER, LUNGS, EXTRAHEPATIC, IGNORE = ROLES = ("territory", "tumor", "liver", "lungs", "extrahepatic", "ignore")
"""What a segment is in a plan. A territory is the perfused volume of one injection with its tumors; liver is the whole liver."""

_ROLE_TAG = "RNTDosimetry.planRole"
_TUMOR_WORDS = ("tumor", "tumour", "lesion", "metasta", "hcc")
_TERRITORY_WORDS = ("liver", "lobe", "territor", "perfused", "segmentectomy")
_EXTRAHEPATIC_WORDS = ("stomach", "duodenum", "bowel", "intestine", "gallbladder", "pancreas", "extrahepatic")
_WHOLE_LIVER = ("liver", "whole liver", "whole_liver")

FILLED = {
    "planTumorMassG": ("tumor mass in g", 1, 0.0, 10000.0),
    "planTumorToNormal": ("tumor-to-normal ratio", 2, 0.0, 100.0),
    "planNormalLiverMassG": ("normal liver mass in g", 1, 0.0, 10000.0),
    "planWholeNormalLiverMassG": ("mass of the whole normal liver in g", 1, 1.0, 10000.0),
    "planLungShuntPercent": ("lung shunt in %", 2, 0.0, 99.0),
    "planLungMassG": ("lung mass in g", 0, 100.0, 5000.0),
}
"""Fields that the segments fill: words, decimals, and the range that the panel takes."""
_NOTHING = {"planWholeNormalLiverMassG": 0.0, "planLungMassG": 0.0}
"""What a field shows when nothing is given; below 0 for the others."""
_SAME = 1e-6


@dataclass(frozen=True)
class KeptPlan:
    """The plan that was measured last, with what was entered over it. overruled: the measured values of those fields; stale: a segment or an image was changed."""

    request: PlanRequest
    overruled: dict[str, float]
    stale: bool


# --- roles


def roles(segmentation) -> dict[str, str]:
    """Role of every segment by name: the chosen one, else the one that its name and kind suggest."""
    if segmentation is None:
        return {}
    content = segmentation.GetSegmentation()
    found = [content.GetNthSegment(index) for index in range(content.GetNumberOfSegments())]
    suggested = {segment.GetName(): _suggested(segment) for segment in found}
    if sum(role == TERRITORY for role in suggested.values()) > 1:
        # Beside lobes or territories of its own, "liver" is the whole.
        suggested |= {name: LIVER for name in suggested if name.strip().lower() in _WHOLE_LIVER}
    return suggested | {segment.GetName(): _chosen(segment) for segment in found if _chosen(segment)}


def set_role(segmentation, name: str, role: str) -> None:
    """Keep the role of a segment on the segment. Raises DosimetryError for an unknown role or segment."""
    if role not in ROLES:
        raise DosimetryError(f"Expected one of the roles {', '.join(ROLES)}, received '{role}'; choose one.")
    segments.segment_by_name(segmentation, name).SetTag(_ROLE_TAG, role)


def _chosen(segment) -> str:
    text = vtk.reference("")
    return str(text) if segment.GetTag(_ROLE_TAG, text) and str(text) in ROLES else ""


def _suggested(segment) -> str:
    words = segment.GetName().lower()
    if segments.region_settings(segment).kind == "lesion" or any(word in words for word in _TUMOR_WORDS):
        return TUMOR
    if "lung" in words:
        return LUNGS
    if any(word in words for word in _TERRITORY_WORDS):
        return TERRITORY
    return EXTRAHEPATIC if any(word in words for word in _EXTRAHEPATIC_WORDS) else IGNORE


# --- inputs


def missing_input(parameter_node) -> str:
    """What is missing before the segments make a plan, for people; empty when nothing is."""
    if parameter_node.planScoutVolume is None:
        return "Choose the scout scan first"
    if parameter_node.planSegmentation is None:
        return "Choose the segmentation with territories and tumors first"
    if TERRITORY not in roles(parameter_node.planSegmentation).values():
        return "Give one segment the role territory first"
    return ""


def choose_scout(parameter_node, scout) -> None:
    """Take a scout, and with it the only segmentation of the scene and the only volume that is a CT by its unit or name."""
    parameter_node.planScoutVolume = scout
    nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    if parameter_node.planSegmentation is None and len(nodes) == 1:
        parameter_node.planSegmentation = nodes[0]
    cts = [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        if node is not scout
        and (node.GetAttribute(volumes.ATTRIBUTE + "Unit") == "HU" or "CT" in node.GetName().replace("_", " ").split())
    ]
    if parameter_node.planCtVolume is None and len(cts) == 1:
        parameter_node.planCtVolume = cts[0]


# --- measuring


def plan_from_segments(parameter_node, progress: Progress = silent) -> PlanRequest:
    """Measure scout, CT and segments, fill the fields of the plan, and keep the plan of all tumors and territories.

    Raises DosimetryError for what makes no plan; nothing is changed then.
    """
    missing = missing_input(parameter_node)
    if missing:
        raise DosimetryError(f"{missing}.")
    with undone_on_failure(parameter_node, progress) as guarded:
        request, measured, by_segments = _measured(parameter_node, guarded)
    fields = {**_pooled(measured), **by_segments}
    filled = {name: _fitting(name, value) for name, value in fields.items() if value is not None}
    with undone_on_failure(parameter_node), slicer.util.NodeModify(parameter_node.parameterNode):
        for name, value in filled.items():
            setattr(parameter_node, name, value)
        parameter_node.planInjectionsJson = ""
        parameter_node.planMeasuredJson = json.dumps(
            {"request": request.to_dict(), "filled": filled, "inputs": _inputs(parameter_node)}
        )
    progress(1.0, "Planned")
    return request


def kept_plan(parameter_node) -> KeptPlan | None:
    """The plan of the segments with the activities of now and what was entered over it; None before there is one.

    Raises DosimetryError for a value that no segment stands for.
    """
    if not parameter_node.planMeasuredJson:
        return None
    kept = json.loads(parameter_node.planMeasuredJson)
    request, overruled = _completed(PlanRequest.from_dict(kept["request"]), kept["filled"], entered_of(parameter_node)), {}
    for name, measured in kept["filled"].items():
        value = getattr(parameter_node, name)
        if abs(value - measured) > _SAME and not _nothing(name, value):
            request = _overrule(request, name, value, measured)
            overruled[name] = measured
    if request.injections:
        request = replace(request, injections=injections.shared(parameter_node, request.injections))
    return KeptPlan(request=request, overruled=overruled, stale=kept["inputs"] != _inputs(parameter_node))


def _completed(request: PlanRequest, filled: dict[str, float], given: Entered) -> PlanRequest:
    """With what no segment told and the fields say."""
    said = []
    if "planLungShuntPercent" not in filled and given.lung_shunt_fraction is not None:
        request = _changed(request, lambda item: replace(item, lung_shunt_fraction=given.lung_shunt_fraction))
        said.append(warned("lung_shunt_entered", percent=100 * given.lung_shunt_fraction))
    if "planLungMassG" not in filled:
        request = replace(request, lung_mass_g=given.lung_mass_g)
        said += [] if given.lung_mass_g is None else [warned("lung_mass_entered", mass=given.lung_mass_g)]
    if "planWholeNormalLiverMassG" not in filled:
        request = replace(request, whole_normal_liver_mass_g=given.whole_normal_liver_mass_g)
    return replace(request, scout_warnings=(*said, *request.scout_warnings))


def _nothing(name: str, value: float) -> bool:
    """Whether a field is back to "not given": the measured value holds."""
    return value == _NOTHING[name] if name in _NOTHING else value < 0


def _overrule(request: PlanRequest, name: str, value: float, measured: float) -> PlanRequest:
    """The request with an entered value in the place of a measured one; what was measured piece by piece changes in proportion."""
    words = FILLED[name][0]
    said = warned("measured_value_overruled", what=words, value=value, measured=measured)
    request = replace(request, scout_warnings=(said, *request.scout_warnings))
    if name == "planLungMassG":
        return replace(request, lung_mass_g=value)
    if name == "planWholeNormalLiverMassG":
        return replace(request, whole_normal_liver_mass_g=value)
    if name == "planLungShuntPercent":
        return _changed(request, lambda item: replace(item, lung_shunt_fraction=value / 100.0))
    if not (measured > 0 and value > 0):
        raise DosimetryError(
            f"Expected a {words} above 0 over the measured {measured:g}, received {value:g}; give the segments another role to change what the plan holds."
        )
    factor = value / measured
    if name == "planNormalLiverMassG":
        perfused, whole = request.perfused_normal_liver_mass_g, request.whole_normal_liver_mass_g
        # What lies outside the territories stays as it is.
        whole = None if whole is None else whole + value - measured
        request = replace(
            request,
            perfused_normal_liver_mass_g=None if perfused is None else perfused * factor,
            whole_normal_liver_mass_g=whole,
        )
        return _changed(request, lambda item: replace(item, normal_liver_mass_g=item.normal_liver_mass_g * factor))
    key = "mass_g" if name == "planTumorMassG" else "tnr"
    if key == "mass_g":
        request = replace(request, tumour_masses_g={tumor: mass * factor for tumor, mass in request.tumour_masses_g.items()})
    return _changed(request, lambda item: replace(item, tumours=_scaled(item.tumours, key, factor)))


def _scaled(tumors: tuple[Tumour, ...], key: str, factor: float) -> tuple[Tumour, ...]:
    return tuple(replace(tumor, **{key: getattr(tumor, key) * factor}) for tumor in tumors)


def _changed(request: PlanRequest, change) -> PlanRequest:
    """Every injection changed; one that stands outside the list is that of the whole plan."""
    if request.injections:
        return replace(request, injections=tuple(change(item) for item in request.injections))
    only = change(
        Injection(
            "only", 1.0, request.tumours, request.normal_liver_mass_g, request.lung_shunt_fraction, request.residual_fraction
        )
    )
    return replace(
        request,
        tumours=only.tumours,
        normal_liver_mass_g=only.normal_liver_mass_g,
        lung_shunt_fraction=only.lung_shunt_fraction,
    )


def _measured(parameter_node, progress: Progress) -> tuple[PlanRequest, ScoutMeasurement, dict[str, float | None]]:
    """Nodes to the library's images and regions, measured there as for a plan file. Also the fields that the lungs and the whole liver fill."""
    scout, ct, segmentation = parameter_node.planScoutVolume, parameter_node.planCtVolume, parameter_node.planSegmentation
    for node in (scout, ct, segmentation):
        if node is not None and node.GetParentTransformNode() is not None:
            raise DosimetryError(f"Expected '{node.GetName()}' without a transform, received one; harden it in Transforms first.")
    progress(0.05, "Reading the segments")
    image = ActivityImage(scout.GetName(), geometry_of_volume(scout), np.array(volumes.voxels(scout), dtype=np.float32))
    found = {region.name: region for region in segments.regions_of_segmentation(segmentation, _grid_of(segmentation, ct, scout))}
    by_role = {role: [found[name] for name, given in roles(segmentation).items() if given == role] for role in ROLES}
    progress(0.3, "Measuring the scout")
    scanned = measure_segments(
        image,
        by_role[TERRITORY],
        by_role[TUMOR],
        ct=None if ct is None else volumes.ct_image(ct),
        liver=_joined("liver", by_role[LIVER]),
        lungs=_joined("lungs", by_role[LUNGS]),
        others=by_role[EXTRAHEPATIC],
        resolution_fwhm_mm=parameter_node.planScoutResolutionMm or None,
    )
    warnings = [*scanned.warnings, *deposit_warnings(scanned.deposits, ras=True)]
    given, filled = entered_of(parameter_node), {"planWholeNormalLiverMassG": scanned.scout.whole_normal_mass_g}
    shunt, lung_mass_g = scanned.lung_shunt_fraction, scanned.lung_mass_g
    filled |= {"planLungShuntPercent": None if shunt is None else 100.0 * shunt, "planLungMassG": lung_mass_g}
    if shunt is None:
        shunt = given.lung_shunt_fraction
        if shunt is None:
            raise DosimetryError(
                "Expected a segment with the role lungs, or the lung shunt, received neither; draw the lungs or enter the shunt."
            )
    request = request_from_scout(
        scanned.scout,
        given.product or "",
        lung_shunt_fraction=shunt,
        lung_mass_g=lung_mass_g,
        notes=scanned.notes,
        scout_warnings=tuple(dict.fromkeys(warnings)),
    )
    return request, scanned.scout, filled


def _grid_of(segmentation, ct, scout):
    """The finest grid at hand: the CT, the volume that the segments were drawn on, or else the scout."""
    drawn_on = segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole())
    return next(node for node in (ct, drawn_on, scout) if node is not None and node.GetImageData() is not None)


def _joined(name: str, regions: list[Region]) -> Region | None:
    return join_regions(name, regions) if regions else None


def _pooled(measured: ScoutMeasurement) -> dict[str, float]:
    """All tumors as one, with the mean of their concentrations by mass; of one tumor in one territory its own numbers."""
    tumors = [
        (mass, item.tnr[name] * (item.normal_mean or 1.0))
        for item in measured.territories
        for name, mass in item.tumour_mass_g.items()
    ]
    normal = [(item.normal_mass_g, item.normal_mean) for item in measured.territories if item.normal_mass_g > 0] or [(1.0, 1.0)]
    mass = sum(part for part, _mean in tumors)
    reference = sum(part * mean for part, mean in normal) / sum(part for part, _mean in normal)
    ratio = sum(part * mean for part, mean in tumors) / mass / reference if mass > 0 else 0.0
    return {"planTumorMassG": mass, "planTumorToNormal": ratio, "planNormalLiverMassG": measured.perfused_normal_mass_g}


def _fitting(name: str, value: float) -> float:
    words, decimals, lowest, highest = FILLED[name]
    if not lowest <= value <= highest:
        raise DosimetryError(
            f"Expected a {words} from {lowest:g} to {highest:g}, received {value:.4g}; check the roles of the segments."
        )
    return round(float(value), decimals)


def _inputs(parameter_node) -> list:
    """What the plan was measured on, as far as a look at the names and volumes tells; the same after the scene was saved and read."""
    nodes = [parameter_node.planScoutVolume, parameter_node.planCtVolume, parameter_node.planSegmentation]
    found = [None if node is None else node.GetName() for node in nodes]
    if nodes[2] is None:
        return found
    content = nodes[2].GetSegmentation()
    sizes = {
        content.GetNthSegment(i).GetName(): round(segments.volume_ml(content.GetNthSegment(i)), 2)
        for i in range(content.GetNumberOfSegments())
    }
    return [*found, parameter_node.planScoutResolutionMm, roles(nodes[2]), sizes]
