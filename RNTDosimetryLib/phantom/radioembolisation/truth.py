"""What is true of the radioembolisation phantom: masses, ratios, shunts, planned and delivered doses."""

from dataclasses import dataclass

from RNTDosimetryLib.base.records import Record
from RNTDosimetryLib.phantom.radioembolisation.case import (
    LUNGS,
    TareSettings,
    tare_activities_mbq,
    tare_masses_g,
    tare_positions,
    tare_protocol,
    tare_volumes_ml,
)
from RNTDosimetryLib.planning import dose_constant


@dataclass(frozen=True)
class TareRegionTruth(Record):
    """Truth of one region. planned_dose_gy: the treatment's activities shared as the scout did; delivered_dose_gy: as they did lodge."""

    name: str
    volume_ml: float
    mass_g: float
    scout_mbq: float
    treatment_mbq: float
    planned_dose_gy: float
    delivered_dose_gy: float


@dataclass(frozen=True)
class TareTruth(Record):
    """Everything true of one case.

    tnr, scout_lung_shunt_fraction, ...: of the scout; treatment_... of the treatment. Doses by the product's dose constant, all energy
    absorbed where it arises, permanent trapping. activities_gbq: at administration, residual included.
    """

    settings: TareSettings
    dose_constant_j_per_gbq: float
    regions: dict[str, TareRegionTruth]
    tnr: dict[str, float]
    treatment_tnr: dict[str, float]
    lung_shunt_fraction: float
    treatment_lung_shunt_fraction: float
    position_shunt_fraction: dict[str, float]
    activities_gbq: dict[str, float]
    residual_fraction: dict[str, float]
    net_activity_gbq: float


def tare_truth(settings: TareSettings | None = None) -> TareTruth:
    """Truth of the case of these settings."""
    settings = TareSettings() if settings is None else settings
    constant = dose_constant(tare_protocol()["treatment"]["product"]).j_per_gbq
    volumes, masses = tare_volumes_ml(), tare_masses_g()
    scout, treatment = (tare_activities_mbq(part, settings) for part in ("scout", "treatment"))
    planned = _planned_mbq(settings)
    scout_positions, treated = (tare_positions(part, settings) for part in ("scout", "treatment"))
    net = sum(position.activity_mbq for position in treated)
    return TareTruth(
        settings=settings,
        dose_constant_j_per_gbq=constant,
        regions={
            name: TareRegionTruth(
                name=name,
                volume_ml=volumes[name],
                mass_g=masses[name],
                scout_mbq=scout[name],
                treatment_mbq=treatment[name],
                planned_dose_gy=constant * planned[name] / masses[name],
                delivered_dose_gy=constant * treatment[name] / masses[name],
            )
            for name in volumes
        },
        tnr={name: value for position in scout_positions for name, value in position.tnr.items()},
        treatment_tnr={name: value for position in treated for name, value in position.tnr.items()},
        lung_shunt_fraction=scout[LUNGS] / sum(scout.values()),
        treatment_lung_shunt_fraction=treatment[LUNGS] / net,
        position_shunt_fraction={position.name: position.lung_shunt_fraction for position in scout_positions},
        activities_gbq={position.name: position.activity_mbq / 1000 / (1 - position.residual_fraction) for position in treated},
        residual_fraction={position.name: position.residual_fraction for position in treated},
        net_activity_gbq=net / 1000,
    )


def _planned_mbq(settings: TareSettings) -> dict[str, float]:
    """Activity of every region if each treatment injection had lodged as the scout's did."""
    volumes, territories = tare_volumes_ml(), tare_protocol()["territories"]
    scout = {position.name: position for position in tare_positions("scout", settings)}
    planned = dict.fromkeys(volumes, 0.0)
    for position in tare_positions("treatment", settings):
        as_scout = scout[position.name]
        weights = {name: volumes[name] * as_scout.tnr.get(name, 1.0) for name in territories[position.name]}
        for name, weight in weights.items():
            planned[name] += position.activity_mbq * (1 - as_scout.lung_shunt_fraction) * weight / sum(weights.values())
        planned[LUNGS] += position.activity_mbq * as_scout.lung_shunt_fraction
    return planned
