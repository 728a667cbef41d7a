"""A simulated patient with known truth: an abdomen with kidneys, liver, lesions and spleen, scanned after 177Lu-DOTATATE.

    from RNTDosimetryLib.phantom import make_phantom
    patient = make_phantom("phantom", size="small", noise=False)
    patient.truth.regions["kidney_left"].tia_mbq_h

``simulate_scans``, ``phantom_regions`` and ``phantom_truth`` give the same patient in memory, without DICOM.
``simulate_tare`` and ``tare_truth`` are a second case, for radioembolisation: a liver with two tumours in two territories.
"""

from RNTDosimetryLib.phantom.body import load_anatomy
from RNTDosimetryLib.phantom.camera import blurred_map, true_map
from RNTDosimetryLib.phantom.cohort import CohortTruth, PatientTruth, make_cohort
from RNTDosimetryLib.phantom.course import RegionKinetics, load_kinetics
from RNTDosimetryLib.phantom.dicom_images import write_planar
from RNTDosimetryLib.phantom.generator import PhantomPatient, make_phantom, read_truth
from RNTDosimetryLib.phantom.planar_scans import PhantomPlanar, simulate_planar_scan
from RNTDosimetryLib.phantom.scans import PhantomScan, phantom_regions, simulate_scan, simulate_scans
from RNTDosimetryLib.phantom.settings import PhantomSettings, load_protocol
from RNTDosimetryLib.phantom.sources import (
    CalibrationScan,
    HotSphere,
    RateSeries,
    decaying_source,
    planar_scan,
    point_scan,
    sphere_scan,
    uniform_scan,
)
from RNTDosimetryLib.phantom.truth import PhantomTruth, RegionTruth, ScanTruth, phantom_truth

__all__ = [
    "CalibrationScan",
    "CohortTruth",
    "HotSphere",
    "PatientTruth",
    "PhantomPatient",
    "PhantomPlanar",
    "PhantomScan",
    "PhantomSettings",
    "PhantomTruth",
    "RateSeries",
    "RegionKinetics",
    "RegionTruth",
    "ScanTruth",
    "blurred_map",
    "decaying_source",
    "load_anatomy",
    "load_kinetics",
    "load_protocol",
    "make_cohort",
    "make_phantom",
    "phantom_regions",
    "phantom_truth",
    "planar_scan",
    "point_scan",
    "read_truth",
    "simulate_planar_scan",
    "simulate_scan",
    "simulate_scans",
    "sphere_scan",
    "true_map",
    "uniform_scan",
    "write_planar",
]
