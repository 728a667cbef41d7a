"""What was measured: images and regions from DICOM and other files, aligned, resampled and measured."""

from RNTDosimetryLib.images.files import load_activity_file, load_volume_file
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.images.intake import read_folder
from RNTDosimetryLib.images.intake_records import (
    Administration,
    Intake,
    IntakeRow,
    Patient,
    Series,
    TimePoint,
    format_intake_table,
)
from RNTDosimetryLib.images.measurement import (
    RegionActivity,
    TimeActivityCurve,
    exclude_lesions,
    measure_activity,
    region_mass_g,
    time_activity_curve,
)
from RNTDosimetryLib.images.registration import RigidRegistration, register_rigid
from RNTDosimetryLib.images.registration_quality import RegistrationQuality
from RNTDosimetryLib.images.resampling import ResampledActivity, occupancy_on_grid, resample_activity, resample_mask
from RNTDosimetryLib.images.volumes import ActivityImage, CtImage, Region

__all__ = [
    "ActivityImage",
    "Administration",
    "CtImage",
    "ImageGeometry",
    "Intake",
    "IntakeRow",
    "Patient",
    "Region",
    "RegionActivity",
    "RegistrationQuality",
    "ResampledActivity",
    "RigidRegistration",
    "Series",
    "TimeActivityCurve",
    "TimePoint",
    "exclude_lesions",
    "format_intake_table",
    "load_activity_file",
    "load_volume_file",
    "measure_activity",
    "occupancy_on_grid",
    "read_folder",
    "region_mass_g",
    "register_rigid",
    "resample_activity",
    "resample_mask",
    "time_activity_curve",
]
