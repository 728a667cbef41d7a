"""Tumour control (TCP) and normal-tissue complication (NTCP) probability; every parameter set is data."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from RNTDosimetryLib.base.checks import finite_array, non_negative_number, positive_number, shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.base.warnings import warned
from RNTDosimetryLib.dose.histograms import generalized_eud


@dataclass(frozen=True)
class Response(Record):
    """Probability (0 to 1) of a response model with the dose it was computed from."""

    probability: float
    parameter_set: str
    model: str
    quantity: str
    endpoint: str
    effective_dose_gy: float
    source: str
    status: str
    warnings: tuple[str, ...] = ()


def tcp_poisson(bed_gy, clonogens: float, alpha_per_gy: float, weights=None) -> float:
    """TCP = exp(-N0 sum v_i exp(-alpha BED_i)): no clonogen of N0 survives (linear-quadratic Poisson model).

    bed_gy: BED per voxel in Gy, any shape, or one number. weights: share of each voxel, same shape; None for equal. N0: clonogens in
    all voxels together. Raises DosimetryError for NaN, negative BED, N0 or alpha not positive.
    """
    values = finite_array(bed_gy, "the biologically effective dose", "compute it with bed first").astype(float).ravel()
    number = positive_number(clonogens, "number of clonogens")
    alpha = positive_number(alpha_per_gy, "alpha in 1/Gy")
    share = (
        np.full(values.size, 1 / values.size) if weights is None else finite_array(weights, "the weights", "give shares").ravel()
    )
    if share.shape != values.shape or share.sum() <= 0:
        raise DosimetryError("Expected one weight of zero or more per voxel, received others; give the occupancy of the voxels.")
    return float(np.exp(-number * (share / share.sum()) @ np.exp(-alpha * values)))


def logistic_probability(dose_gy: float, d50_gy: float, gamma50: float) -> float:
    """P = 1 / (1 + (D50 / D)^(4 gamma50)): one half at D50, with the normalized slope D dP/dD = gamma50 there. For TCP and NTCP."""
    dose = non_negative_number(dose_gy, "dose in Gy")
    middle = positive_number(d50_gy, "dose of 50 % in Gy")
    slope = positive_number(gamma50, "slope gamma50")
    if dose == 0:
        return 0.0
    exponent = 4 * slope * math.log(middle / dose)
    return 1 / (1 + math.exp(exponent)) if exponent < 700 else 0.0


def ntcp_lkb(geud_gy: float, td50_gy: float, m: float) -> float:
    """Lyman-Kutcher-Burman NTCP = Phi((gEUD - TD50) / (m TD50)), Phi the normal distribution; gEUD with exponent 1/n."""
    dose = non_negative_number(geud_gy, "gEUD in Gy")
    middle = positive_number(td50_gy, "TD50 in Gy")
    return float(ndtr((dose - middle) / (positive_number(m, "slope m") * middle)))


def response_sets() -> dict[str, dict]:
    """The shipped parameter sets by name, each with model, quantity, endpoint, source and status."""
    return read_json("dose", "response_models.json")["sets"]


def radiobiology_sets() -> dict[str, dict]:
    """The shipped alpha/beta and repair half-times by tissue, each with source and status."""
    return read_json("dose", "radiobiology.json")["sets"]


def response_probability(dose_gy, parameters, weights=None, volume_ml: float | None = None) -> Response:
    """TCP or NTCP of a region's voxel doses with a parameter set.

    dose_gy: doses of the region's voxels in Gy (any shape) in the quantity the set was fitted to ("dose", "bed" or "eqd2"), or one number.
    parameters: name of a shipped set, or a dictionary of the same form. weights: share of each voxel. volume_ml: needed by the Poisson
    model, for the number of clonogens. Raises DosimetryError for an unknown set or model, or a parameter that is missing.
    """
    name, values = _parameter_set(parameters)
    try:
        model = values["model"]
        if model == "poisson":
            clonogens = positive_number(values["clonogens_per_ml"], "clonogens per mL") * positive_number(
                volume_ml, "volume in mL", "the Poisson model needs it"
            )
            effective = generalized_eud(dose_gy, 1.0, weights)
            probability = tcp_poisson(dose_gy, clonogens, values["alpha_per_gy"], weights)
        elif model in ("logistic", "lkb"):
            effective = generalized_eud(dose_gy, values["geud_exponent"], weights)
            slope = (logistic_probability, "gamma50") if model == "logistic" else (ntcp_lkb, "m")
            probability = slope[0](effective, values["d50_gy"], values[slope[1]])
        else:
            raise DosimetryError(
                f"Expected a response model lkb, logistic or poisson, received '{model}' in set '{name}'; correct it."
            )
    except KeyError as error:
        raise DosimetryError(f"Expected the parameter {error} in the response set '{name}', found none; add it.") from error
    status = values.get("status", "given by the user")
    warnings = () if status != "unchecked" else (warned("response_set_unchecked", name=name),)
    return Response(
        probability=probability,
        parameter_set=name,
        model=model,
        quantity=values.get("quantity", "dose"),
        endpoint=values.get("endpoint", ""),
        effective_dose_gy=effective,
        source=values.get("source", "given by the user"),
        status=status,
        warnings=warnings,
    )


def _parameter_set(parameters) -> tuple[str, dict]:
    if isinstance(parameters, dict):
        return parameters.get("name", "given by the user"), parameters
    known = response_sets()
    if not isinstance(parameters, str) or parameters not in known:
        raise DosimetryError(f"Expected a response set, received '{shown(parameters)}'; known are {', '.join(sorted(known))}.")
    return parameters, known[parameters]
