"""Calibration and recovery from 200 noisy scans of the generator each, and deformable registration of a made-up patient.

Source, filled volume and filled concentration are wrong in each scan by an amount drawn from their stated uncertainty.
"""

import math
import time

import numpy as np

REPEATS = 200
SOURCE, VOLUME, CONCENTRATION = 0.02, 0.01, 0.01
VOLUMES_ML = (0.6, 1.0, 3.0, 10.0, 30.0, 100.0, 200.0)


def run() -> list[tuple[str, float, str, str]]:
    """Rows (name, value, unit, requirement)."""
    return [*_sensitivity_rows(), *_recovery_rows(), *_deformable_rows()]


def _sensitivity_rows():
    from RNTDosimetryLib.phantom import planar_scan, point_scan, uniform_scan

    rows = []
    for scan in (planar_scan(), point_scan(), uniform_scan()):
        rng = np.random.default_rng(1)
        errors, scores = [], []
        for _ in range(REPEATS):
            counts, drawn = scan.counts(rng), rng.standard_normal(2)
            exact = _calibrate(scan, counts, 0.0, 0.0)
            errors.append(abs(exact.sensitivity_cps_per_mbq / scan.sensitivity_cps_per_mbq - 1))
            result = _calibrate(scan, counts, *drawn)
            scores.append(abs(result.sensitivity_cps_per_mbq - scan.sensitivity_cps_per_mbq) / result.uncertainty_cps_per_mbq)
        rows.append((f"sensitivity, {scan.kind}, largest error of {REPEATS} scans", 100 * max(errors), "%", "<= 1"))
        rows += _coverage_rows(f"sensitivity, {scan.kind}", np.array(scores))
    return rows


def _calibrate(scan, counts, source_draw: float, volume_draw: float):
    from RNTDosimetryLib.camera import CalibrationSource, calibrate_planar, calibrate_point, calibrate_uniform

    activity = scan.source_activity_mbq * (1 + SOURCE * source_draw)
    source = CalibrationSource(scan.nuclide, activity, scan.source_measured, SOURCE)
    if scan.kind == "planar":
        axes = [(np.arange(n) - (n - 1) / 2) * scan.geometry.spacing_mm[1] for n in scan.geometry.size[1:]]
        distance = np.hypot(axes[0][:, None], axes[1][None, :])
        return calibrate_planar(counts[0], source, scan.start, scan.duration_s, distance < 75, distance > 110)
    if scan.kind == "point":
        return calibrate_point(counts, scan.geometry, source, scan.start, scan.duration_s, scan.fwhm_mm)
    volume = scan.volume_ml * (1 + VOLUME * volume_draw)
    return calibrate_uniform(counts, scan.geometry, source, scan.start, scan.duration_s, volume, scan.fwhm_mm, VOLUME)


def _coverage_rows(name: str, scores: np.ndarray):
    """68.3 % and 95.4 % of normal errors lie within one and two standard uncertainties; three standard deviations of 200 draws allowed."""
    return [
        (f"{name}, truth within 1 standard uncertainty", float(100 * np.mean(scores <= 1)), "%", ">= 58.4"),
        (f"{name}, truth within 2 standard uncertainties", float(100 * np.mean(scores <= 2)), "%", ">= 91"),
    ]


def _recovery_rows():
    from RNTDosimetryLib.camera import apply_calibration, detect_spheres, fit_recovery, measure_sphere_recovery, typed_calibration
    from RNTDosimetryLib.measurement.uncertainty import FWHM_PER_SIGMA, sphere_recovery
    from RNTDosimetryLib.phantom import sphere_scan

    scan = sphere_scan()
    calibration = typed_calibration(scan.nuclide, scan.sensitivity_cps_per_mbq, 0.0)
    diameters = [sphere.diameter_mm for sphere in scan.spheres]
    # The voxels blur by their own width as well.
    fwhm = math.hypot(scan.fwhm_mm, FWHM_PER_SIGMA * scan.geometry.spacing_mm[0] / math.sqrt(12))
    truth = np.array([sphere_recovery(volume, fwhm) for volume in VOLUMES_ML])
    rng = np.random.default_rng(2)
    errors: dict[str, list[float]] = {"auto": [], "logistic": []}
    scores, places = [], []
    for _ in range(REPEATS):
        image = apply_calibration(scan.counts(rng), scan.geometry, calibration, scan.nuclide, scan.duration_s, 0.0)
        spheres = detect_spheres(image, diameters, scan.fwhm_mm)
        places += [
            np.linalg.norm(np.subtract(found.center_lps_mm, true.center_lps_mm)) for found, true in zip(spheres, scan.spheres)
        ]
        measured = measure_sphere_recovery(image, spheres, scan.concentration_bq_ml, scan.fwhm_mm, CONCENTRATION)
        for model, found in errors.items():
            curve = fit_recovery(measured.volumes_ml, measured.recoveries, measured.uncertainties, model)
            found.append(float(np.abs(curve.value(VOLUMES_ML) / truth - 1).max()))
        wrong = np.array(measured.recoveries) * (1 + CONCENTRATION * rng.standard_normal())
        curve = fit_recovery(measured.volumes_ml, wrong, measured.uncertainties, "auto", CONCENTRATION)
        scores.append(abs(float(curve.value([10.0])[0]) - truth[3]) / curve.coefficient(10.0).uncertainty)
    return [
        (f"spheres found, largest distance from their place in {REPEATS} scans", float(max(places)), "mm", "<= 2"),
        ("recovery curve, 0.6 to 200 mL, largest error", 100 * max(errors["auto"]), "%", "<= 3"),
        ("the same with the logistic curve, which says that it does not fit", 100 * max(errors["logistic"]), "%", ""),
        *_coverage_rows("recovery at 10 mL", np.array(scores)),
    ]


def _deformable_rows():
    from fixtures.moving_patient import GRID, patient

    from RNTDosimetryLib.images import CtImage
    from RNTDosimetryLib.registration import register_deformable

    center, push, width = np.array([-30.0, 10.0, 150.0]), np.array([4.0, -6.0, 12.0]), 70.0

    def displacement(points):
        return push * np.exp(-0.5 * ((points - center) ** 2).sum(axis=-1, keepdims=True) / width**2)

    z, y, x = np.meshgrid(*(np.arange(n) for n in GRID.size), indexing="ij")
    points = (np.stack([x, y, z, np.ones_like(x)], axis=-1) @ GRID.index_to_lps.T)[..., :3]
    back = points
    for _ in range(12):
        back = points - displacement(back)
    rng = np.random.default_rng(3)
    fixed, moving = (
        CtImage(name, GRID, patient(at) + rng.normal(0, 10, GRID.size)) for name, at in (("fixed", points), ("moving", back))
    )
    start = time.perf_counter()
    result = register_deformable(fixed, moving)
    seconds = time.perf_counter() - start
    organs = np.array([[x, y, z] for x in (-90, -60, -30) for y in (-30, 10, 50) for z in (110, 150, 190)], dtype=float)
    errors = np.linalg.norm(result.moving_points(organs) - organs - displacement(organs), axis=1)
    return [
        ("deformable registration, push of 14 mm, mean distance left", float(errors.mean()), "mm", "<= 3"),
        ("the same, before", float(np.linalg.norm(displacement(organs), axis=1).mean()), "mm", ""),
        ("the same, time on one core", seconds, "s", "<= 60"),
    ]


if __name__ == "__main__":
    for name, value, unit, requirement in run():
        print(f"{name}: {value:.4g} {unit}" + (f" (required {requirement})" if requirement else ""))
