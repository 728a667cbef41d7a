"""Several injections of the plan on the panel: what was typed of each, and the activity of each.

The activity of the panel is the sum. What is typed of one injection sets the shares; the sum scales them all.
"""

import json
from dataclasses import replace

import slicer

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.planning import Injection, Tumour
from RNTDosimetryScene.plan.entered import entered_of, refuse_missing

_DECIMALS = 3
_LARGEST_GBQ = 100.0
_TUMOR = "tumor"


def typed_injections(parameter_node) -> tuple[Injection, ...]:
    """The injections that were added by hand, with their activities of now; empty for a plan of one injection."""
    return shared(parameter_node, tuple(Injection.from_dict(item) for item in _kept(parameter_node).get("typed", ())))


def shared(parameter_node, injections: tuple[Injection, ...]) -> tuple[Injection, ...]:
    """Injections with their part of the activity of the panel, by what was typed of each, else by their own activities."""
    typed = _kept(parameter_node).get("activities", {})
    parts = typed if set(typed) == {item.name for item in injections} else {item.name: item.activity_gbq for item in injections}
    total = sum(parts.values())
    if not (total > 0 and parameter_node.planActivityGBq > 0):
        return injections
    return tuple(replace(item, activity_gbq=parts[item.name] / total * parameter_node.planActivityGBq) for item in injections)


def type_activity(parameter_node, injections: tuple[Injection, ...], name: str, text: str) -> None:
    """Take a typed activity in GBq of one injection. Raises DosimetryError for what is none, and when nothing is left to inject."""
    activities = {item.name: round(item.activity_gbq, _DECIMALS) for item in injections} | {
        name: _number(text, "the activity", "1.25")
    }
    total = round(sum(activities.values()), _DECIMALS)
    if not 0 < total <= _LARGEST_GBQ:
        raise DosimetryError(
            f"Expected activities above 0 and up to {_LARGEST_GBQ:g} GBq together, received {total:g}; type others."
        )
    with slicer.util.NodeModify(parameter_node.parameterNode):
        _keep(parameter_node, typed=_kept(parameter_node).get("typed", []), activities=activities)
        parameter_node.planActivityGBq = total


def add_injection(parameter_node) -> None:
    """A further entered injection, with the values of the fields of the panel. The first takes the whole activity, the others none yet.

    Raises DosimetryError for fields that are not given.
    """
    given = entered_of(parameter_node)
    needed = ["tumor_mass_g", "normal_liver_mass_g", "lung_shunt_fraction"]
    refuse_missing(given.missing(*needed, *(["tumor_to_normal"] if given.tumor_mass_g else [])))
    before = typed_injections(parameter_node)
    numbers = {
        int(item.name.rsplit(" ", 1)[1]) for item in before if item.name.startswith("injection ") and item.name[10:].isdigit()
    }
    name = f"injection {min(set(range(1, len(before) + 2)) - numbers)}"
    own = f"{_TUMOR} {name.rsplit(' ', 1)[1]}"
    tumors = (Tumour(own, given.tumor_mass_g, given.tumor_to_normal),) if given.tumor_mass_g else ()
    activity = 0.0 if before else parameter_node.planActivityGBq
    new = Injection(name, activity, tumors, given.normal_liver_mass_g, given.lung_shunt_fraction)
    _keep_typed(parameter_node, (*before, new))


def remove_injection(parameter_node, row: int) -> None:
    """Take a typed injection away, and its activity from the sum."""
    before = typed_injections(parameter_node)
    if not 0 <= row < len(before):
        raise DosimetryError("Expected an injection of the table, received none; click one first.")
    left = before[:row] + before[row + 1 :]
    _keep_typed(parameter_node, left)
    total = round(sum(item.activity_gbq for item in left), _DECIMALS)
    if total > 0:
        parameter_node.planActivityGBq = total


def type_injection(parameter_node, row: int, key: str, text: str) -> None:
    """Take a typed value of a typed injection: "name", "tumor_mass_g", "tumor_to_normal", "normal_liver_mass_g", "lung_shunt_percent".

    Raises DosimetryError for what is no such value; nothing is changed then.
    """
    before = typed_injections(parameter_node)
    item = before[row]
    if key == "name":
        changed = replace(item, name=text.strip())
        if changed.name in {other.name for other in before if other is not item}:
            raise DosimetryError(
                f"Expected another name than the other injections, received '{changed.name}' again; name each position."
            )
    elif key == "normal_liver_mass_g":
        changed = replace(item, normal_liver_mass_g=_number(text, "the mass of the normal liver", "600"))
    elif key == "lung_shunt_percent":
        changed = replace(item, lung_shunt_fraction=_number(text, "the lung shunt in %", "5", 99.0) / 100.0)
    else:
        changed = replace(item, tumours=_tumors(item, row, key, text))
    _keep_typed(parameter_node, (*before[:row], changed, *before[row + 1 :]))


def _tumors(item: Injection, row: int, key: str, text: str) -> tuple[Tumour, ...]:
    name, mass, ratio = (
        (item.tumours[0].name, item.tumours[0].mass_g, item.tumours[0].tnr) if item.tumours else (f"{_TUMOR} {row + 1}", 0.0, 1.0)
    )
    if key == "tumor_mass_g":
        mass = _number(text, "the mass of the tumor", "200; 0 for none")
    else:
        ratio = _number(text, "the tumor to normal ratio", "4")
    return (Tumour(name, mass, ratio),) if mass > 0 else ()


def _keep_typed(parameter_node, injections: tuple[Injection, ...]) -> None:
    _keep(parameter_node, typed=[item.to_dict() for item in injections], activities={})


def _kept(parameter_node) -> dict:
    return json.loads(parameter_node.planInjectionsJson or "{}")


def _keep(parameter_node, typed: list, activities: dict) -> None:
    parameter_node.planInjectionsJson = json.dumps({"typed": typed, "activities": activities}) if typed or activities else ""


def _number(text: str, what: str, example: str, highest: float = 1e5) -> float:
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError as error:
        raise DosimetryError(
            f"Expected a number for {what} of an injection, received '{text}'; type for example {example}."
        ) from error
    if not 0 <= value <= highest:
        raise DosimetryError(
            f"Expected {what} of an injection from 0 to {highest:g}, received '{text}'; type for example {example}."
        )
    return value
