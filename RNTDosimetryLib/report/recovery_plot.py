"""The recovery curve of a sphere phantom scan as a plot."""

from RNTDosimetryLib.camera import RecoveryCurve
from RNTDosimetryLib.report.axes import Axis
from RNTDosimetryLib.report.plots import Band, Series, line_plot


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
        title, Axis("Volume", "mL", log=True), Axis("Recovery coefficient", lower=0.0), series,
        [Band(label, data["volume_ml"], data["lower"], data["upper"])], notes=notes,
        description=f"{len(curve.volumes_ml)} spheres of {min(curve.volumes_ml):.3g} to {max(curve.volumes_ml):.3g} mL",
    )
