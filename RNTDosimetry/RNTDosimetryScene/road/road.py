"""The road in the scene, step by step: nodes in, the library's steps, frozen results, nodes out."""

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.progress import part, silent, stopping
from RNTDosimetryLib.dose import RegionDose
from RNTDosimetryLib.kinetics import KineticFit
from RNTDosimetryLib.measurement import TimeActivityCurve
from RNTDosimetryLib.nuclides import get_nuclide
from RNTDosimetryLib.roads.therapy import steps
from RNTDosimetryLib.roads.therapy.outputs import write_outputs
from RNTDosimetryLib.roads.therapy.request import RegionSettings
from RNTDosimetryLib.roads.therapy.result import Alignment, grouped
from RNTDosimetryLib.roads.therapy.run import assemble
from RNTDosimetryScene.road import alignment, keys
from RNTDosimetryScene.road.transaction import undone_on_failure
from RNTDosimetryScene.show import display
from RNTDosimetryScene.study.inputs import images_of_scene, missing_input, study_of_scene

STEPS = ("register", "measure", "fit", "dose")
NONE, CURRENT, STALE = "none", "current", "stale"
_ENDS = {"register": 0.5, "measure": 0.6, "fit": 0.65, "dose": 0.95}


@dataclass(frozen=True)
class RegionCurve:
    """What is known of one region's kinetics. dose: of the last computed dose, or foreseen for the present fit; None before any."""

    name: str
    curve: TimeActivityCurve
    fit: KineticFit | None
    dose: RegionDose | None = None
    dose_is_foreseen: bool = False


class Road:
    """What has been computed of one study: the frozen result of each step with the key of the inputs that it was made from."""

    def __init__(self):
        self._done = {}
        self._images = ("", None)
        self._foreseen = ("", {})

    def result(self, step: str):
        """Last result of a step, current or not; None when there is none."""
        return self._done[step][1] if step in self._done else None

    def is_current(self, step: str, found_keys: dict[str, str]) -> bool:
        return step in self._done and self._done[step][0] == found_keys[step]

    def keep(self, results: dict, found_keys: dict[str, str]) -> None:
        self._done.update({step: (found_keys[step], result) for step, result in results.items()})

    def images(self, parameter_node, found_keys: dict[str, str]):
        """The images of the scene, read once for as long as they stay the same."""
        key = found_keys["dose"]
        if self._images[0] != key:
            self._images = (key, images_of_scene(parameter_node))
        return self._images[1]

    def foreseen(self, region: str, found_keys: dict[str, str], make):
        """Foreseen dose of a region, found once for as long as inputs and last dose stay the same: the panel asks at every click."""
        key = f"{found_keys['dose']} {id(self.result('dose'))}"
        if self._foreseen[0] != key:
            self._foreseen = (key, {})
        kept = self._foreseen[1]
        if region not in kept:
            kept[region] = make()
        return kept[region]


def step_state(parameter_node, road: Road, step: str) -> str:
    """ "none", "current" or "stale"; of a scene that was read from a file, too."""
    stored = parameter_node.resultText is not None and bool(parameter_node.resultFingerprint)
    has_result = stored if step == "dose" else road.result(step) is not None or stored
    if not has_result:
        return NONE
    if missing_input(parameter_node, step):
        return STALE
    found = keys.step_keys(parameter_node)
    if stored and found["dose"] == parameter_node.resultFingerprint:
        return CURRENT
    return CURRENT if step != "dose" and road.is_current(step, found) else STALE


def run_to(parameter_node, road: Road, last: str, progress=None, cancel=None):
    """Do every step up to ``last`` that is not current, and show what was computed. Returns the result of ``last``.

    The scene and what is kept change only when everything has been computed.
    """
    if last not in STEPS:
        raise DosimetryError(f"Expected one of the steps {', '.join(STEPS)}, received '{last}'; correct it.")
    progress = stopping(progress or silent, cancel)
    progress(0.0, "Reading the scene")
    missing = missing_input(parameter_node, last)
    if missing:
        raise DosimetryError(f"{missing}.")
    keys.look_again()
    found_keys = keys.step_keys(parameter_node)
    wanted = STEPS[: STEPS.index(last) + 1]
    # A step that is asked for is done, even when nothing has changed; those before it only when something has.
    results = {step: road.result(step) for step in wanted[:-1] if road.is_current(step, found_keys)}
    with undone_on_failure(parameter_node):
        _compute(parameter_node, road, wanted, results, found_keys, progress)
        progress(0.95, "Showing the results")
        _show(parameter_node, wanted, results, road.images(parameter_node, found_keys) if last != "register" else None)
        if last == "dose":
            parameter_node.resultFingerprint = found_keys["dose"]
    road.keep(results, found_keys)
    progress(1.0, "Done")
    return results[last]


def _compute(parameter_node, road, wanted, results, found_keys, progress) -> None:
    images = None if wanted[-1] == "register" else road.images(parameter_node, found_keys)
    starts = dict(zip(STEPS, (0.02, *(_ENDS[step] for step in STEPS))))
    for step in wanted:
        if step in results:
            continue
        step_progress = part(progress, starts[step], _ENDS[step])
        step_progress(0.0, _WORDS[step])
        results[step] = _DO[step](parameter_node, images, results, step_progress)


def _register(parameter_node, images, results, progress):
    return alignment.align(parameter_node, progress, images)


def _measure(parameter_node, images, results, progress):
    return steps.measure(images, results["register"], study_of_scene(parameter_node).settings)


def _fit(parameter_node, images, results, progress):
    return steps.fit(results["measure"], images.nuclide, study_of_scene(parameter_node))


def _dose(parameter_node, images, results, progress):
    study = study_of_scene(parameter_node, alignment.registrations_of(parameter_node, results["register"]))
    tia = steps.integrate_voxels(images, results["register"], results["fit"], study.settings, part(progress, 0.0, 0.6))
    progress(0.6, "Computing the dose map")
    dose = steps.deposit(tia, images.nuclide, study.settings, images.scans[images.reference_index].ct)
    progress(0.85, "Assessing the regions")
    regions = steps.assess(images, results["measure"], results["fit"], tia, dose, study.settings)
    return assemble(images, study, results["register"], tia, dose, regions)


_DO = {"register": _register, "measure": _measure, "fit": _fit, "dose": _dose}
_WORDS = {
    "register": "Aligning the scans",
    "measure": "Measuring the regions",
    "fit": "Fitting the curves",
    "dose": "Integrating the voxels",
}


def _show(parameter_node, wanted, results, images) -> None:
    display.show_alignments(parameter_node, results["register"])
    if "dose" in wanted:
        display.show_result(parameter_node, images, results["dose"])
    elif "measure" in wanted:
        display.show_curves(parameter_node, results["measure"], results.get("fit"))


def region_curves(parameter_node, road: Road) -> dict[str, RegionCurve]:
    """Curve, fit and dose of every region by name, from this session or from the results saved with the scene; empty without any."""
    found_keys = keys.step_keys(parameter_node)
    result = road.result("dose")
    if step_state(parameter_node, road, "dose") == CURRENT:
        if result is not None and road.is_current("dose", found_keys):
            return {item.name: RegionCurve(item.name, item.curve, item.fit, item.dose) for item in result.regions}
        return _stored_curves(parameter_node)
    curves = road.result("measure") if road.is_current("measure", found_keys) else None
    if curves is None:
        return {}
    fits = road.result("fit") if road.is_current("fit", found_keys) else (None,) * len(curves)
    found = {}
    for curve, fit in zip(curves, fits):
        dose = None
        if fit is not None:
            dose = road.foreseen(
                curve.region, found_keys, partial(_foreseen_dose, parameter_node, road, found_keys, result, curve, fit)
            )
        found[curve.region] = RegionCurve(curve.region, curve, fit, dose, dose is not None)
    return found


def _stored_curves(parameter_node) -> dict[str, RegionCurve]:
    found = {}
    for item in stored_results(parameter_node)["regions"]:
        found[item["name"]] = RegionCurve(
            item["name"],
            TimeActivityCurve.from_dict(item["curve"]),
            KineticFit.from_dict(item["fit"]),
            RegionDose.from_dict(item["dose"]),
        )
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
    return steps.preview_dose(images, region, curve, fit, study_of_scene(parameter_node).settings, elsewhere)


def try_model(parameter_node, road: Road, region_name: str, model: str) -> RegionCurve:
    """Another model for one region, without taking it: its fit and the dose that it would give. Raises DosimetryError as the fit does."""
    known = region_curves(parameter_node, road).get(region_name)
    if known is None:
        raise DosimetryError(f"Expected the curve of '{region_name}', found none; measure the regions first.")
    curve = known.curve
    typed = study_of_scene(parameter_node).typed(region_name) or RegionSettings()
    fit = steps.fit_curve(curve, get_nuclide(parameter_node.nuclide).name, model, replace(typed, model=None))
    dose = _foreseen_dose(parameter_node, road, keys.step_keys(parameter_node), road.result("dose"), curve, fit)
    return RegionCurve(region_name, curve, fit, dose, dose is not None)


def write_report(folder, parameter_node, road: Road, progress=None, cancel=None) -> list[Path]:
    """Report, tables and dose files of the current results. Results of a saved scene are computed again first: they are the same."""
    if step_state(parameter_node, road, "dose") != CURRENT:
        raise DosimetryError("Expected results that belong to the inputs, received none or outdated ones; run again first.")
    found_keys = keys.step_keys(parameter_node)
    progress = progress or silent
    if not road.is_current("dose", found_keys):
        run_to(parameter_node, road, "dose", part(progress, 0.0, 0.8), cancel)
        found_keys = keys.step_keys(parameter_node)
    progress(0.8, "Writing the report")
    return write_outputs(road.result("dose"), road.images(parameter_node, found_keys), folder)


def alignments(parameter_node, road: Road) -> tuple[Alignment, ...]:
    """Last alignment of every scan, of this session or as saved with the scene; empty without any."""
    found = road.result("register")
    if found is not None:
        return found
    if parameter_node.resultText is None:
        return ()
    return tuple(Alignment.from_dict(item) for item in stored_results(parameter_node)["alignments"])


@dataclass(frozen=True)
class RegionNumbers:
    """What the dose table of the panel shows of a region."""

    name: str
    mass_g: float
    dose_gy: float
    dose_uncertainty_gy: float | None
    dose_per_activity_gy_per_gbq: float | None
    map_mean_gy: float


def region_numbers(parameter_node, road: Road) -> list[RegionNumbers]:
    """Last computed doses, current or not, of this session or as saved with the scene."""
    result = road.result("dose")
    if result is None:
        stored = stored_results(parameter_node)["regions"] if parameter_node.resultText is not None else []
        return [
            RegionNumbers(
                item["name"],
                item["mass_g"],
                item["dose"]["dose_gy"],
                item["dose"]["dose_uncertainty_gy"],
                item["dose_per_activity_gy_per_gbq"],
                item["map_mean_gy"],
            )
            for item in stored
        ]
    return [
        RegionNumbers(
            item.name,
            item.mass_g,
            item.dose.dose_gy,
            item.dose.dose_uncertainty_gy,
            item.dose_per_activity_gy_per_gbq,
            item.map_mean_gy,
        )
        for item in result.regions
    ]


def warnings_of_result(parameter_node, road: Road) -> tuple[str, ...]:
    """Everything doubtful but usable of the last computed dose, of this session or as saved with the scene."""
    found = road.result("dose")
    if found is not None:
        return found.all_warnings()
    if parameter_node.resultText is None:
        return ()
    stored = stored_results(parameter_node)
    parts = [
        stored,
        *stored.get("balances", ()),
        *stored["alignments"],
        *stored["regions"],
        stored["tia_map"],
        stored["dose_map"],
    ]
    return grouped([text for part in parts for text in part.get("warnings", ())])


def stored_results(parameter_node) -> dict:
    """Content of results.json as it is saved with the scene."""
    if parameter_node.resultText is None:
        raise DosimetryError("Expected results in the scene, found none; run first.")
    return json.loads(parameter_node.resultText.GetText())
