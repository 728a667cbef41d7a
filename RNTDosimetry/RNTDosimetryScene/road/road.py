"""The road in the scene, step by step: nodes in, the library's steps, frozen results, nodes out."""

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import slicer

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import part, silent, stopping
from RNTDosimetryLib.dose import RegionDose
from RNTDosimetryLib.kinetics import KineticFit
from RNTDosimetryLib.measurement import TimeActivityCurve
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads import therapy
from RNTDosimetryLib.roads.therapy.request import RegionSettings
from RNTDosimetryLib.roads.therapy.result import Alignment, RegionResult, StudyResult
from RNTDosimetryLib.roads.therapy.run import Source, Therapy
from RNTDosimetryLib.roads.therapy.settings import STEPS
from RNTDosimetryLib.roads.therapy.steps import fit_curve, preview_dose
from RNTDosimetryScene.road import alignment, keys
from RNTDosimetryScene.road.transaction import Interrupted, undone_on_failure
from RNTDosimetryScene.show import display
from RNTDosimetryScene.study.camera import earlier_of
from RNTDosimetryScene.study.inputs import choices_of_scene, images_of_scene, missing_input, scans_of_scene, study_of_scene

NONE, CURRENT, STALE = "none", "current", "stale"


@dataclass(frozen=True)
class RegionCurve:
    """What is known of one region's kinetics. dose: of the last computed dose, or foreseen for the present fit; None before any."""

    name: str
    curve: TimeActivityCurve
    fit: KineticFit | None
    dose: RegionDose | None = None
    dose_is_foreseen: bool = False


class Road:
    """The steps of one study of the scene, the images that they read, and what the panel asks for at every click."""

    def __init__(self):
        self.steps = Therapy()
        self._images = ("", None)
        self._foreseen = ("", {})
        self._stored = ("", None)

    def images(self, parameter_node, found_keys: dict[str, str]):
        """The images of the scene, read once for as long as they stay the same."""
        key = found_keys["dose"]
        if self._images[0] != key:
            self._images = (key, images_of_scene(parameter_node))
        return self._images[1]

    def foreseen(self, region: str, found_keys: dict[str, str], make):
        """Foreseen dose of a region, found once for as long as inputs and last dose stay the same: the panel asks at every click."""
        key = f"{found_keys['dose']} {id(self.steps.result('dose'))}"
        if self._foreseen[0] != key:
            self._foreseen = (key, {})
        kept = self._foreseen[1]
        if region not in kept:
            kept[region] = make()
        return kept[region]

    def last(self, parameter_node) -> StudyResult | None:
        """Last computed result, current or not, of this session or as saved with the scene; None without any."""
        result = self.steps.result("dose")
        if result is not None or parameter_node.resultText is None:
            return result
        text = parameter_node.resultText.GetText()
        if self._stored[0] != text:
            self._stored = (text, StudyResult.from_content(json.loads(text)))
        return self._stored[1]


def step_state(parameter_node, road: Road, step: str) -> str:
    """ "none", "current" or "stale"; of a scene that was read from a file, too."""
    stored = parameter_node.resultText is not None and bool(parameter_node.resultFingerprint)
    has_result = stored if step == "dose" else road.steps.result(step) is not None or stored
    if not has_result:
        return NONE
    if missing_input(parameter_node, step):
        return STALE
    found = keys.keys_of(parameter_node)
    if stored and found["dose"] == parameter_node.resultFingerprint:
        return CURRENT
    return CURRENT if step != "dose" and road.steps.is_current(step, found) else STALE


def run_to(parameter_node, road: Road, last: str, progress=None, cancel=None):
    """Do every step up to ``last`` that is not current, and show what was computed. Returns the result of ``last``.

    The scene and what is kept change only when everything has been computed.
    """
    if last not in STEPS:
        raise DosimetryError(f"Expected one of the steps {', '.join(STEPS)}, received '{last}'; correct it.")
    done = progress or silent
    progress = stopping(done, cancel)
    progress(0.0, "Reading the scene")
    _refuse_removed(parameter_node)
    missing = missing_input(parameter_node, last)
    if missing:
        raise DosimetryError(f"{missing}.")
    keys.look_again()
    with undone_on_failure(parameter_node, progress) as progress:
        source = _source(parameter_node, road)
        results = road.steps.compute_to(last, source, part(progress, 0.02, 0.95))
        progress(0.95, "Showing the results")
        _show(parameter_node, results)
        if last == "dose":
            parameter_node.resultFingerprint = source.keys["dose"]
    road.steps.keep(results, source.keys)
    done(1.0, "Done")
    return results[last]


def _refuse_removed(parameter_node) -> None:
    if not slicer.mrmlScene.IsNodePresent(parameter_node.parameterNode):
        raise Interrupted("Expected a study that is in the scene, received one that was removed; choose another or make one.")


def _source(parameter_node, road: Road) -> Source:
    """What the library's steps read of the scene."""
    found_keys = keys.keys_of(parameter_node)
    return Source(
        study=study_of_scene(parameter_node),
        keys=found_keys,
        scans=lambda: (scans_of_scene(parameter_node), parameter_node.referenceIndex),
        images=lambda: road.images(parameter_node, found_keys),
        register=lambda scans, index, progress: alignment.align(parameter_node, scans, progress),
        settled=lambda found: study_of_scene(parameter_node, alignment.registrations_of(parameter_node, found)),
    )


def _show(parameter_node, results) -> None:
    display.show_alignments(parameter_node, results["register"])
    if "dose" in results:
        display.show_result(parameter_node, results["dose"])
    elif "measure" in results:
        display.show_curves(parameter_node, results["measure"], results.get("fit"))


def region_curves(parameter_node, road: Road) -> dict[str, RegionCurve]:
    """Curve, fit and dose of every region by name, from this session or from the results saved with the scene; empty without any."""
    found_keys, steps = keys.keys_of(parameter_node), road.steps
    result = road.last(parameter_node)
    if step_state(parameter_node, road, "dose") == CURRENT:
        return {item.name: RegionCurve(item.name, item.curve, item.fit, item.dose) for item in result.regions}
    curves = steps.result("measure") if steps.is_current("measure", found_keys) else None
    if curves is None:
        return {}
    fits = steps.result("fit") if steps.is_current("fit", found_keys) else (None,) * len(curves)
    found = {}
    for curve, fit in zip(curves, fits):
        dose = None
        if fit is not None:
            dose = road.foreseen(
                curve.region,
                found_keys,
                partial(_foreseen_dose, parameter_node, road, found_keys, steps.result("dose"), curve, fit),
            )
        found[curve.region] = RegionCurve(curve.region, curve, fit, dose, dose is not None)
    return found


def _foreseen_dose(parameter_node, road, found_keys, result, curve, fit):
    """Dose of a region for the present fit, with the photons from elsewhere of the last dose map; None before any map."""
    known = {item.name: item for item in result.regions} if result is not None else {}
    if curve.region not in known:
        return None
    images = road.images(parameter_node, found_keys)
    region = next((item for item in images.regions if item.name == curve.region), None)
    if region is None:
        return None
    elsewhere = known[curve.region].dose.parts["photons from elsewhere"]
    return preview_dose(images, region, curve, fit, choices_of_scene(parameter_node).settings, elsewhere)


def try_model(parameter_node, road: Road, region_name: str, model: str) -> RegionCurve:
    """Another model for one region, without taking it: its fit and the dose that it would give. Raises DosimetryError as the fit does."""
    known = region_curves(parameter_node, road).get(region_name)
    if known is None:
        raise DosimetryError(f"Expected the curve of '{region_name}', found none; measure the regions first.")
    curve = known.curve
    typed = choices_of_scene(parameter_node).typed(region_name) or RegionSettings()
    earlier = earlier_of(parameter_node)
    known_fit = None if earlier is None else earlier.fits.get(region_name)
    fit = fit_curve(curve, get_nuclide(parameter_node.nuclide).name, model, replace(typed, model=None), known_fit)
    dose = _foreseen_dose(parameter_node, road, keys.keys_of(parameter_node), road.steps.result("dose"), curve, fit)
    return RegionCurve(region_name, curve, fit, dose, dose is not None)


def write_report(folder, parameter_node, road: Road, progress=None, cancel=None) -> list[Path]:
    """Report, tables and dose files of the current results. Results of a saved scene are computed again first: they are the same."""
    if step_state(parameter_node, road, "dose") != CURRENT:
        raise DosimetryError("Expected results that belong to the inputs, received none or outdated ones; run again first.")
    progress = progress or silent
    if not road.steps.is_current("dose", keys.keys_of(parameter_node)):
        run_to(parameter_node, road, "dose", part(progress, 0.0, 0.8), cancel)
    progress(0.8, "Writing the report")
    return therapy.write(road.steps.result("dose"), folder)


def alignments(parameter_node, road: Road) -> tuple[Alignment, ...]:
    """Last alignment of every scan, of this session or as saved with the scene; empty without any."""
    found, last = road.steps.result("register"), road.last(parameter_node)
    return found or (() if last is None else last.alignments)


def regions_of_result(parameter_node, road: Road) -> tuple[RegionResult, ...]:
    """Every region of the last computed result, current or not; empty without any."""
    last = road.last(parameter_node)
    return () if last is None else last.regions


def warnings_of_result(parameter_node, road: Road) -> tuple[str, ...]:
    """Everything doubtful but usable of the last computed result; empty without any."""
    last = road.last(parameter_node)
    return () if last is None else last.all_warnings()
