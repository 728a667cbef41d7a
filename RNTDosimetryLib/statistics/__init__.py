"""Statistics over patients: survival, ranks and cut-offs, trend, dose and response, agreement, population kinetics. Numbers and arrays only."""

from RNTDosimetryLib.statistics.agreement import Agreement, PairedChange, bland_altman, paired_change
from RNTDosimetryLib.statistics.population import (
    OneScan,
    PatientCurve,
    PopulationKinetics,
    PriorsFile,
    fit_population,
    one_scan_instead,
)
from RNTDosimetryLib.statistics.ranks import CutOff, Distribution, RankCorrelation, distribution, roc_cut_off, spearman
from RNTDosimetryLib.statistics.response import DoseResponse, dose_response
from RNTDosimetryLib.statistics.survival import (
    CoxEffect,
    CoxResult,
    LogRank,
    SurvivalCurve,
    cox_regression,
    kaplan_meier,
    log_rank,
    survival_at,
)
from RNTDosimetryLib.statistics.trend import MixedTrend, mixed_trend

__all__ = [
    "Agreement",
    "CoxEffect",
    "CoxResult",
    "CutOff",
    "Distribution",
    "DoseResponse",
    "LogRank",
    "MixedTrend",
    "OneScan",
    "PairedChange",
    "PatientCurve",
    "PopulationKinetics",
    "PriorsFile",
    "RankCorrelation",
    "SurvivalCurve",
    "bland_altman",
    "cox_regression",
    "distribution",
    "dose_response",
    "fit_population",
    "kaplan_meier",
    "log_rank",
    "mixed_trend",
    "one_scan_instead",
    "paired_change",
    "roc_cut_off",
    "spearman",
    "survival_at",
]
