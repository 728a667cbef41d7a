"""plan.json as versions before 2 wrote it, brought into the present form: its numbers come again from the compartments that it holds."""

from collections.abc import Mapping
from typing import Any

from RNTDosimetryLib.planning import Injection, plan_of, read_limits
from RNTDosimetryLib.planning.compartments import ONLY, Compartments

_MARKS = ("plan", "injections")


def present_content(data: Mapping) -> dict[str, Any]:
    """Content of a plan.json; one of the present form stays as it is."""
    if not isinstance(data.get("limits"), Mapping) and "injections" not in data:
        return dict(data)
    content = {key: value for key, value in data.items() if key not in ("injections", "limited", "binding", "table", "product")}
    compartments = _compartments(data)
    content["plan"] = plan_of(compartments).to_dict()
    limits = data.get("limits") or {}
    content["limits"] = [limit.to_dict() for limit in read_limits(limits)] if limits else []
    content["checks"] = [present_check(row) for row in data.get("checks", ())]
    limited = data.get("limited") or {}
    content["largest_activity_gbq"] = limited.get("largest_activity_gbq")
    content["smallest_activity_gbq"] = limited.get("smallest_activity_gbq")
    sampled = data.get("sampled")
    if sampled:
        spreads = {key: {"compartment": row["name"], **row} for key, row in sampled["spreads"].items()}
        content["sampled"] = {**sampled, "spreads": spreads}
    return content


def present_check(row: Mapping) -> dict[str, Any]:
    """A check of a limit with the limit as a record of its own."""
    if "limit" in row:
        return dict(row)
    limit = {"compartment": row["name"], "kind": row["kind"], "dose_gy": row["limit_gy"]}
    return {"limit": limit, **{key: value for key, value in row.items() if key not in ("name", "kind", "limit_gy")}}


def _compartments(data: Mapping) -> Compartments:
    """Of one injection as it stood in "plan", of several in "injections"."""
    several = data.get("injections")
    if several:
        parts, activities, masses = several["plans"], several["activities_gbq"], several["masses_g"]
    else:
        parts, activities, masses = {ONLY: data["plan"]}, {ONLY: data["plan"]["activity_gbq"]}, {}
    insides = {name: part["compartments"] for name, part in parts.items()}
    injections = tuple(
        Injection.from_dict({**inside, "name": name, "activity_gbq": activities[name]}) for name, inside in insides.items()
    )
    first = next(iter(insides.values()))
    own = {tumour.name: tumour.mass_g for item in injections for tumour in item.tumours}
    named = {name: mass for name, mass in masses.items() if name not in ("normal_liver", "whole_normal_liver", "lung_session")}
    request = data.get("request") or {}
    return Compartments.from_dict(
        {
            **{key: first[key] for key in ("constant", "lung_mass_g")},
            "injections": injections,
            "tumour_masses_g": named or own,
            "perfused_normal_liver_mass_g": masses.get("normal_liver", first["normal_liver_mass_g"]),
            "whole_normal_liver_mass_g": masses.get("whole_normal_liver", first.get("whole_normal_liver_mass_g")),
            "previous_lung_dose_gy": request.get("previous_lung_dose_gy", first.get("previous_lung_dose_gy", 0.0)),
        }
    )
