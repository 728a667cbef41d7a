"""Where a scan lies relative to another: rigid, by activity, deformable, with a number for its quality."""

from RNTDosimetryLib.registration.by_activity import register_rigid_activity
from RNTDosimetryLib.registration.deformable import DeformableRegistration, deform_activity, register_deformable
from RNTDosimetryLib.registration.quality import RegistrationQuality
from RNTDosimetryLib.registration.rigid import RigidRegistration, register_rigid
from RNTDosimetryLib.registration.search import body_of_ct
from RNTDosimetryLib.registration.visual_check import checkerboard, middle_of_patient

__all__ = [
    "DeformableRegistration",
    "RegistrationQuality",
    "RigidRegistration",
    "body_of_ct",
    "checkerboard",
    "deform_activity",
    "middle_of_patient",
    "register_deformable",
    "register_rigid",
    "register_rigid_activity",
]
