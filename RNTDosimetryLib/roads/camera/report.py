"""What a report says of the camera: calibration and recovery curve."""

import numpy as np

from RNTDosimetryLib.camera import Calibration, DeadTime, RecoveryCurve
from RNTDosimetryLib.report import Facts, Figure, Section
from RNTDosimetryLib.report.axes import Axis
from RNTDosimetryLib.report.plots import Band, Series, line_plot


def camera_section(calibration: Calibration | None, curve: RecoveryCurve | None) -> list[Section]:
    """What the calibration and recovery files of a study hold; no section without them."""
    content = []
    if calibration is not None:
        content.append(_calibration_facts(calibration))
    if curve is not None:
        words = ", ".join(f"{key}: {value}" for key, value in curve.setup.items())
        content += [
            f"Recovery curve: {curve.model} model, {_parameters(curve)}, fitted to {len(curve.volumes_ml)} spheres of {min(curve.volumes_ml):.3g} to "
            f"{max(curve.volumes_ml):.3g} mL{'; ' + words if words else ''}.",
            Figure(recovery_plot(curve), "Measured recovery of the spheres and the fitted curve."),
        ]
    return [Section("Calibration and recovery", content)] if content else []


def _parameters(curve: RecoveryCurve) -> str:
    spread = np.sqrt(np.diag(np.asarray(curve.covariance, dtype=float)))
    return ", ".join(f"{name} {value:.4g} ± {u:.2g}" for (name, value), u in zip(curve.parameters.items(), spread))


def _calibration_facts(calibration: Calibration) -> Facts:
    relative = calibration.relative_uncertainty
    known = ", ".join(f"{cause} {100 * share:.2g} %" for cause, share in calibration.parts.items())
    return Facts(
        {
            "Sensitivity": f"{calibration.sensitivity_cps_per_mbq:.5g} cps/MBq of {calibration.nuclide}",
            "Its relative standard uncertainty": ("not known" if relative is None else f"{100 * relative:.2g} %")
            + (f" ({known})" if known else ""),
            "Measured with": f"{calibration.kind} source" if calibration.kind != "typed" else "typed",
            "Calibration date": "not stated" if calibration.measured is None else f"{calibration.measured:%Y-%m-%d %H:%M}",
            "Half-life used": f"{calibration.half_life_h:.6g} h",
            **({} if calibration.dead_time is None else {"Dead time": _dead_time_words(calibration.dead_time)}),
            **{key.capitalize(): value for key, value in calibration.setup.items()},
        }
    )


def _dead_time_words(dead_time: DeadTime) -> str:
    return f"{1e6 * dead_time.dead_time_s:.3g} µs, {dead_time.model}; applied to scans whose count rate was typed (intake table)"


def recovery_plot(curve: RecoveryCurve, title: str = "Recovery coefficient") -> str:
    """Measured spheres with standard uncertainty, the fitted curve and its band, as one SVG element."""
    data = curve.plot_data()
    label = f"fit, {curve.model}"
    errors = data["point_error"] if curve.uncertainties is not None else None
    series = [
        Series("spheres", data["point_volume_ml"], data["point_recovery"], errors, line=False, markers=True),
        Series(label, data["volume_ml"], data["recovery"]),
    ]
    notes = ["Band and error bars: standard uncertainty (k = 1)."]
    return line_plot(
        title,
        Axis("Volume", "mL", log=True),
        Axis("Recovery coefficient", lower=0.0),
        series,
        [Band(label, data["volume_ml"], data["lower"], data["upper"])],
        notes=notes,
        description=f"{len(curve.volumes_ml)} spheres of {min(curve.volumes_ml):.3g} to {max(curve.volumes_ml):.3g} mL",
    )
