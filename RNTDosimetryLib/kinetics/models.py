"""The curve models: sums of exponentials with rates that never fall below physical decay. One small class each.

A model is an ordered list of rates (slowest first) with amplitudes A_i: activity(t) = sum A_i exp(-rate_i t).
The amplitudes are fitted as coefficients c_k >= 0 of the basis

    g_k = exp(-rate_k t) - exp(-rate_(k+1) t)        g_last = exp(-rate_last t)

so that the curve is never negative. A model that starts at zero leaves the last basis curve out. With A_1 = c_1 and
A_k = c_k - c_(k-1) a second exponential may be clearance (A_2 > 0) or uptake (A_2 < 0).

To add a model, write a class with its name, label and number of fitted rates; put @register on top.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from RNTDosimetryLib.base.checks import shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import read_json

_MODELS: dict[str, "ExponentialModel"] = {}


@lru_cache(maxsize=1)
def rules() -> dict:
    """Rates held fixed, admission limits and warning limits: Resources/kinetics/rules.json."""
    return read_json("kinetics", "rules.json")


@dataclass(frozen=True)
class ExponentialModel:
    """A sum of exponentials. ``fitted_rates`` slowest rates are fitted; ``fixed_biological_rates_per_h`` are faster and fixed.

    held: for each fitted rate, the kind of population rate that holds it by default ("uptake", "early_clearance") or "".
    """

    name: str = ""
    label: str = ""
    fitted_rates: int = 0
    fixed_biological_rates_per_h: tuple[float, ...] = ()
    starts_at_zero: bool = False
    held: tuple[str, ...] = ()

    @property
    def rate_count(self) -> int:
        return self.fitted_rates + len(self.fixed_biological_rates_per_h)

    @property
    def amplitude_count(self) -> int:
        return self.rate_count - int(self.starts_at_zero)

    @property
    def parameter_count(self) -> int:
        return self.amplitude_count + self.fitted_rates

    @property
    def parameter_names(self) -> tuple[str, ...]:
        amplitudes = [f"amplitude_{index + 1}_mbq" for index in range(self.amplitude_count)]
        return (*amplitudes, *(f"rate_{index + 1}_per_h" for index in range(self.fitted_rates)))

    @property
    def parameters_from_coefficients(self) -> np.ndarray:
        """(amplitudes, amplitudes): natural amplitudes A_1.. from the coefficients c_1.. of the basis."""
        return np.eye(self.amplitude_count) - np.eye(self.amplitude_count, k=-1)

    def exponentials(self, parameters: np.ndarray, decay_constant_per_h: float) -> tuple[np.ndarray, np.ndarray]:
        """Amplitudes (..., rates) in MBq and effective rates (..., rates) per hour from parameters in the order of their names."""
        parameters = np.asarray(parameters, dtype=float)
        amplitudes = parameters[..., : self.amplitude_count]
        rates = parameters[..., self.amplitude_count :]
        if self.fixed_biological_rates_per_h:
            fixed = decay_constant_per_h + np.array(self.fixed_biological_rates_per_h)
            rates = np.concatenate([rates, np.broadcast_to(fixed, (*rates.shape[:-1], fixed.size))], axis=-1)
        if self.starts_at_zero:
            amplitudes = np.concatenate([amplitudes, -amplitudes.sum(axis=-1, keepdims=True)], axis=-1)
        return amplitudes, rates


def register(model_class):
    """Make a model class known by its name."""
    model = model_class()
    _MODELS[model.name] = model
    return model_class


@register
@dataclass(frozen=True)
class Physical(ExponentialModel):
    """Nothing leaves: A exp(-lambda_phys t)."""

    name: str = "physical"
    label: str = "physical decay only"
    fixed_biological_rates_per_h: tuple[float, ...] = (0.0,)


@register
@dataclass(frozen=True)
class Mono(ExponentialModel):
    """A exp(-l1 t)."""

    name: str = "mono"
    label: str = "mono-exponential"
    fitted_rates: int = 1


@register
@dataclass(frozen=True)
class MonoEarlyClearance(ExponentialModel):
    """A1 exp(-l1 t) + A2 exp(-l2 t), l2 held by a population rate: a mono-exponential after an early clearance."""

    name: str = "mono_early_clearance"
    label: str = "mono-exponential with early clearance held by a population rate"
    fitted_rates: int = 2
    held: tuple[str, ...] = ("", "early_clearance")


@register
@dataclass(frozen=True)
class UptakeHeld(ExponentialModel):
    """A (exp(-l1 t) - exp(-l2 t)), l2 held by a population rate."""

    name: str = "uptake_held"
    label: str = "uptake and clearance, uptake held by a population rate"
    fitted_rates: int = 2
    starts_at_zero: bool = True
    held: tuple[str, ...] = ("", "uptake")


@register
@dataclass(frozen=True)
class Uptake(ExponentialModel):
    """A (exp(-l1 t) - exp(-l2 t))."""

    name: str = "uptake"
    label: str = "uptake and clearance"
    fitted_rates: int = 2
    starts_at_zero: bool = True


@register
@dataclass(frozen=True)
class Bi(ExponentialModel):
    """A1 exp(-l1 t) + A2 exp(-l2 t); A2 may be negative, as low as -A1."""

    name: str = "bi"
    label: str = "bi-exponential"
    fitted_rates: int = 2


@register
@dataclass(frozen=True)
class BiFromZero(ExponentialModel):
    """A1 exp(-l1 t) + A2 exp(-l2 t) - (A1 + A2) exp(-l3 t), l3 fixed at the circulation's rate: starts at zero."""

    name: str = "bi_from_zero"
    label: str = "bi-exponential that starts at zero"
    fitted_rates: int = 2
    fixed_biological_rates_per_h: tuple[float, ...] = (np.log(2.0) / rules()["circulation_half_life_h"]["value"],)
    starts_at_zero: bool = True


@register
@dataclass(frozen=True)
class Tri(ExponentialModel):
    """A1 exp(-l1 t) + A2 exp(-l2 t) + A3 exp(-l3 t)."""

    name: str = "tri"
    label: str = "tri-exponential"
    fitted_rates: int = 3


TRAPEZOID = "trapezoid"
"""Straight lines between the samples and a physical tail; not a fit, so it has no parameters."""


def list_models() -> tuple[str, ...]:
    """Names accepted by ``fit_time_activity(model=...)`` besides "auto"."""
    return (*_MODELS, TRAPEZOID)


def get_model(model) -> ExponentialModel:
    """Model of a name, or the model itself. Raises DosimetryError for an unknown name."""
    if isinstance(model, ExponentialModel):
        return model
    if not isinstance(model, str) or model not in _MODELS:
        raise DosimetryError(
            f"Expected a model out of auto, {', '.join(list_models())}, received '{shown(model)}'; choose one of these."
        )
    return _MODELS[model]


MODEL_NAMES = list_models()
"""Names of the models that come with the library."""
