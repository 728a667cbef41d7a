"""What was measured: images and regions from DICOM and other files, aligned, resampled and measured."""

from RNTDosimetryLib.images.activity_balance import ActivityBalance, check_total_activity, total_activity_mbq
from RNTDosimetryLib.images.calibration import (
    Calibration,
    apply_calibration,
    combine_calibrations,
    read_calibration,
    typed_calibration,
    write_calibration,
)
from RNTDosimetryLib.images.chains import RigidTransform
from RNTDosimetryLib.images.dead_time import DeadTime, DeadTimeFactor, fit_dead_time, observed_rate_cps, true_rate_cps
from RNTDosimetryLib.images.deformable import DeformableRegistration, deform_activity, register_deformable
from RNTDosimetryLib.images.dose_files import DoseVolume, dose_on_grid, load_dose_file
from RNTDosimetryLib.images.files import load_activity_file, load_volume_file
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.image_contours import (
    DrawnRegion,
    EquivalentSphere,
    equivalent_sphere,
    fixed_threshold,
    hot_sphere,
    isocontour,
)
from RNTDosimetryLib.images.intake import read_folder
from RNTDosimetryLib.images.intake_records import (
    Administration,
    Intake,
    IntakeRefused,
    IntakeRow,
    Patient,
    Series,
    TimePoint,
    format_intake_rows,
    format_intake_table,
)
from RNTDosimetryLib.images.measurement import (
    RegionActivity,
    TimeActivityCurve,
    measure_activity,
    region_mass_g,
    time_activity_curve,
)
from RNTDosimetryLib.images.overlaps import exclude_lesions, is_without_lesions, overlap_warnings, whole_organ_name
from RNTDosimetryLib.images.planar import PhotonPath, PlanarActivity, PlanarCurve, PlanarView, conjugate_activity, planar_curve
from RNTDosimetryLib.images.planar_paths import photon_path
from RNTDosimetryLib.images.planar_scans import PlanarScan, read_planar_folder, read_planar_scan
from RNTDosimetryLib.images.planar_views import PlanarViews, read_planar_views
from RNTDosimetryLib.images.recovery import (
    RecoveryCoefficient,
    RecoveryCurve,
    apply_recovery,
    fit_recovery,
    read_recovery,
    volume_part_of_activity,
    write_recovery,
)
from RNTDosimetryLib.images.registration import RigidRegistration, register_rigid
from RNTDosimetryLib.images.registration_activity import register_rigid_activity
from RNTDosimetryLib.images.registration_masks import body_of_ct
from RNTDosimetryLib.images.registration_quality import RegistrationQuality
from RNTDosimetryLib.images.resampling import ResampledActivity, occupancy_on_grid, resample_activity, resample_mask
from RNTDosimetryLib.images.sensitivity import CalibrationSource, calibrate_planar, calibrate_point, calibrate_uniform
from RNTDosimetryLib.images.sphere_detection import DetectedSphere, SpherePhantomScan, detect_spheres, measure_sphere_recovery
from RNTDosimetryLib.images.spheres import sphere_region, sphere_volume_ml
from RNTDosimetryLib.images.visual_check import checkerboard, middle_of_patient
from RNTDosimetryLib.images.volumes import ActivityImage, CtImage, Region

__all__ = [
    "ActivityBalance",
    "ActivityImage",
    "Administration",
    "Calibration",
    "CalibrationSource",
    "CtImage",
    "DeadTime",
    "DeadTimeFactor",
    "DeformableRegistration",
    "DetectedSphere",
    "DoseVolume",
    "DrawnRegion",
    "EquivalentSphere",
    "ImageGeometry",
    "Intake",
    "IntakeRefused",
    "IntakeRow",
    "Patient",
    "PhotonPath",
    "PlanarActivity",
    "PlanarCurve",
    "PlanarScan",
    "PlanarView",
    "PlanarViews",
    "RecoveryCoefficient",
    "RecoveryCurve",
    "Region",
    "RegionActivity",
    "RegistrationQuality",
    "ResampledActivity",
    "RigidRegistration",
    "RigidTransform",
    "Series",
    "SpherePhantomScan",
    "TimeActivityCurve",
    "TimePoint",
    "apply_calibration",
    "apply_recovery",
    "body_of_ct",
    "calibrate_planar",
    "calibrate_point",
    "calibrate_uniform",
    "check_total_activity",
    "checkerboard",
    "combine_calibrations",
    "conjugate_activity",
    "deform_activity",
    "detect_spheres",
    "dose_on_grid",
    "equivalent_sphere",
    "exclude_lesions",
    "fit_dead_time",
    "fit_recovery",
    "fixed_threshold",
    "format_intake_rows",
    "format_intake_table",
    "hot_sphere",
    "is_without_lesions",
    "isocontour",
    "load_activity_file",
    "load_dose_file",
    "load_volume_file",
    "measure_activity",
    "measure_sphere_recovery",
    "middle_of_patient",
    "observed_rate_cps",
    "occupancy_on_grid",
    "overlap_warnings",
    "photon_path",
    "planar_curve",
    "read_calibration",
    "read_folder",
    "read_planar_folder",
    "read_planar_scan",
    "read_planar_views",
    "read_recovery",
    "region_mass_g",
    "register_deformable",
    "register_rigid",
    "register_rigid_activity",
    "resample_activity",
    "resample_mask",
    "sphere_region",
    "sphere_volume_ml",
    "time_activity_curve",
    "total_activity_mbq",
    "true_rate_cps",
    "typed_calibration",
    "volume_part_of_activity",
    "whole_organ_name",
    "write_calibration",
    "write_recovery",
]
