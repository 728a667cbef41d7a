"""From segments to plan: scout scan, CT and segments of the scene, measured by the library and kept with the parameter node."""

import json
from dataclasses import dataclass, replace

import numpy as np
import slicer
import vtk

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import Progress, silent
from RNTDosimetryLib.images import ActivityImage, Region, join_regions
from RNTDosimetryLib.planning import ScoutMeasurement
from RNTDosimetryLib.planning.positions import own_normal_liver
from RNTDosimetryLib.roads.plan.request import PlanRequest, plan_from_dict, request_from_scout
from RNTDosimetryLib.roads.plan.scout import deposit_warnings, measure_segments
from RNTDosimetryScene.nodes import segments, volumes
from RNTDosimetryScene.nodes.geometry import geometry_of_volume
from RNTDosimetryScene.plan import injections
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
    "planLungShuntPercent": ("lung shunt in %", 2, 0.0, 99.0),
    "planLungMassG": ("lung mass in g", 0, 100.0, 5000.0),
}
"""Fields that the segments fill: words, decimals, and the range that the panel takes."""


@dataclass(frozen=True)
class KeptPlan:
    """The plan that was measured last. typed_over: a filled field was changed since; stale: a segment or an image was."""

    request: PlanRequest
    typed_over: bool
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
        request, measured = _measured(parameter_node, guarded)
    fields = {
        **_pooled(measured),
        "planLungShuntPercent": 100.0 * _lung_shunt(request),
        "planLungMassG": request.lung_mass_g,
    }
    filled = {name: _fitting(name, value) for name, value in fields.items()}
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
    """The plan of the segments, for the product, activity and limits of now; None before there is one."""
    if not parameter_node.planMeasuredJson:
        return None
    kept = json.loads(parameter_node.planMeasuredJson)
    request, activity = plan_from_dict(kept["request"]), parameter_node.planActivityGBq
    lung = {"lung": parameter_node.planLungLimitGy}
    if request.injections:
        names = [own_normal_liver(item.name) for item in request.injections if item.normal_liver_mass_g > 0]
        request = replace(request, injections=injections.shared(parameter_node, request.injections), keep_activities=True)
    else:
        names = ["normal_liver"]
        request = replace(request, activity_gbq=activity)
    limits = dict.fromkeys(names, parameter_node.planLiverLimitGy) | lung
    typed_over = any(abs(getattr(parameter_node, name) - value) > 1e-6 for name, value in kept["filled"].items())
    return KeptPlan(
        request=replace(request, product=parameter_node.planProduct, limits=limits),
        typed_over=typed_over,
        stale=kept["inputs"] != _inputs(parameter_node),
    )


def _measured(parameter_node, progress: Progress) -> tuple[PlanRequest, ScoutMeasurement]:
    """Nodes to the library's images and regions, measured there as for a plan file."""
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
    shunt, lung_mass_g = scanned.lung_shunt_fraction, scanned.lung_mass_g
    if shunt is None:
        shunt = parameter_node.planLungShuntPercent / 100.0
        warnings.append(f"No segment has the role lungs: the lung shunt of {100 * shunt:.3g} % was typed.")
    if lung_mass_g is None:
        lung_mass_g = parameter_node.planLungMassG
        warnings.append(f"No CT with lungs: the lung mass of {lung_mass_g:.0f} g was typed.")
    request = request_from_scout(
        scanned.scout,
        parameter_node.planProduct,
        lung_shunt_fraction=shunt,
        lung_mass_g=lung_mass_g,
        notes=scanned.notes,
        scout_warnings=tuple(dict.fromkeys(warnings)),
    )
    return request, scanned.scout


def _grid_of(segmentation, ct, scout):
    """The finest grid at hand: the CT, the volume that the segments were drawn on, or else the scout."""
    drawn_on = segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole())
    return next(node for node in (ct, drawn_on, scout) if node is not None and node.GetImageData() is not None)


def _joined(name: str, regions: list[Region]) -> Region | None:
    return join_regions(name, regions) if regions else None


def _lung_shunt(request: PlanRequest) -> float:
    return request.injections[0].lung_shunt_fraction if request.injections else request.lung_shunt_fraction


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
