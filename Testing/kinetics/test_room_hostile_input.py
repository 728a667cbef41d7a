"""Whatever is typed: every public function answers with a finite result or with one sentence."""

import copy
import dataclasses
import pickle
from datetime import datetime, timedelta

import numpy as np
import pytest
from fixtures.hostile import VALUES, answer_or_sentence, arrays_like
from fixtures.simulation import Lu177

from RNTDosimetryLib import kinetics
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.kinetics import KineticFit, RatePrior, fit_time_activity, later_cycle, single_time_point
from RNTDosimetryLib.kinetics.voxels import fit_voxels
from RNTDosimetryLib.kinetics.voxels.engines import BlockFit
from RNTDosimetryLib.kinetics.voxels.fit import VoxelMaps
from RNTDosimetryLib.kinetics.voxels.series import FitCancelled, run_blocks
from RNTDosimetryLib.kinetics.voxels.shared import SharedShape

LU = Lu177()
DECAY = LU.decay_constant_per_h
PHYSICAL_H = np.log(2) / DECAY
LN2 = np.log(2)
TIMES_H = [4.0, 24.0, 96.0, 168.0]
IN_SECONDS = [14400.0, 86400.0, 345600.0, 604800.0]
ACTIVITIES = [38.0, 31.0, 15.0, 8.0]
SHAPE = (2, 2, 3)
ONES = np.ones(SHAPE, dtype=int)
IMAGES = np.array(ACTIVITIES)[:, None, None, None] * np.full(SHAPE, 1e3)
REGION = fit_time_activity(TIMES_H, ACTIVITIES, LU, 1.0, model="mono")

HOSTILE = (
    *VALUES,
    *arrays_like(ONES),
    *arrays_like(IMAGES),
    *arrays_like(TIMES_H),
    [1e300] * 4,
    [1e-300] * 4,
    [1e-300, 1.0, 1.0, 1.0],
    ["a", "b", "c", "d"],
    [timedelta(hours=4)] * 4,
    [np.datetime64("2026-01-01")] * 4,
)

CALLS = {
    "fit_time_activity": dict(
        times_h=TIMES_H,
        activities_mbq=ACTIVITIES,
        nuclide="Lu-177",
        uncertainties_mbq=1.0,
        model="mono",
        counts=None,
        relative_uncertainty=None,
        weighting="relative",
        prior=None,
        bootstrap=0,
        seed=0,
    ),
    "fit_time_activities": dict(
        times_h=TIMES_H, activities_mbq=[ACTIVITIES], nuclide="Lu-177", relative_uncertainty=0.05, model="mono", prior=None
    ),
    "single_time_point": dict(
        time_h=96.0,
        activity_mbq=10.0,
        nuclide="Lu-177",
        method="hanscheid",
        effective_half_life_h=60.0,
        uncertainty_mbq=0.5,
        prior=None,
        half_life_log_sd=0.2,
    ),
    "two_points": dict(times_h=[24.0, 96.0], activities_mbq=[30.0, 15.0], nuclide="Lu-177", uncertainties_mbq=1.0, prior=None),
    "later_cycle": dict(
        times_h=24.0, activities_mbq=10.0, nuclide="Lu-177", earlier=51.0, uncertainties_mbq=0.5, half_life_cv=0.1
    ),
    "hybrid_curve": dict(
        planar_times_h=TIMES_H,
        planar_values=ACTIVITIES,
        spect_times_h=24.0,
        spect_activities_mbq=30.0,
        planar_uncertainties=1.0,
        spect_uncertainties_mbq=1.0,
        spect_systematic_relative=0.05,
    ),
    "RatePrior": dict(median_per_h=0.01, log_sd=0.3),
    "PopulationPrior": dict(name="x", clearance=None, uptake=None, early_clearance=None),
    "general_rate": dict(kind="uptake"),
    "get_model": dict(model="mono"),
    "population_prior": dict(radiopharmaceutical="177Lu-PSMA-617", tissue="kidney"),
    "fit_voxels": dict(
        times_h=TIMES_H,
        images_bq_ml=IMAGES,
        nuclide="Lu-177",
        model="mono",
        uncertainties_bq_ml=None,
        relative_uncertainty=None,
        weighting="relative",
        mask=None,
        regions=ONES,
        region_rates=None,
        region_tia_mbq_h_ml=None,
        effective_half_life_h=None,
        effective_half_life_uncertainty_h=None,
        shortest_half_life_h=None,
        threads=1,
    ),
}
VARIANTS = {
    "madsen": (
        "single_time_point",
        {"method": "madsen"},
        ("time_h", "activity_mbq", "effective_half_life_h", "half_life_log_sd", "prior"),
    ),
    "prior": (
        "single_time_point",
        {"method": "prior"},
        ("time_h", "effective_half_life_h", "half_life_log_sd", "prior", "uncertainty_mbq"),
    ),
    "earlier fit": ("later_cycle", {"earlier": REGION}, ("times_h", "activities_mbq", "uncertainties_mbq", "half_life_cv")),
    "auto": ("fit_time_activity", {"model": "auto"}, ("times_h", "activities_mbq", "uncertainties_mbq", "prior")),
    "counts": (
        "fit_time_activity",
        {"uncertainties_mbq": None},
        ("counts", "relative_uncertainty", "weighting", "bootstrap", "seed"),
    ),
    "bootstrap": ("fit_time_activity", {"bootstrap": 3}, ("seed", "prior")),
    "trapezoid": ("fit_time_activity", {"model": "trapezoid"}, ("times_h", "activities_mbq", "uncertainties_mbq")),
    "shared": (
        "fit_voxels",
        {"model": "shared", "region_rates": {1: 0.01}},
        ("region_rates", "regions", "mask", "uncertainties_bq_ml"),
    ),
    "conserved": ("fit_voxels", {"conserve_region_tia": True}, ("region_tia_mbq_h_ml", "images_bq_ml")),
    "known": ("fit_voxels", {"effective_half_life_h": 50.0}, ("effective_half_life_h", "effective_half_life_uncertainty_h")),
    "auto voxels": (
        "fit_voxels",
        {"model": "auto"},
        ("times_h", "images_bq_ml", "uncertainties_bq_ml", "shortest_half_life_h", "relative_uncertainty"),
    ),
}


@pytest.mark.parametrize(
    ("function", "name"), [(function, name) for function, call in CALLS.items() for name in call if name != "name"]
)
def test_hostile_argument(function, name):
    for value in HOSTILE:
        answer_or_sentence(getattr(kinetics, function), {**CALLS[function], name: value})


@pytest.mark.parametrize(("variant", "name"), [(variant, name) for variant, (_, _, names) in VARIANTS.items() for name in names])
def test_hostile_argument_of_a_method(variant, name):
    function, changes, _ = VARIANTS[variant]
    for value in HOSTILE:
        answer_or_sentence(getattr(kinetics, function), {**CALLS[function], **changes, name: value})


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_argument_of_results(value):
    answer_or_sentence(REGION.activity_mbq, {"times_h": value})
    answer_or_sentence(kinetics.PopulationPrior("x").rate, {"kind": value})
    for name in ("half_life_h", "decay_constant_per_h", "log_sd"):
        answer_or_sentence(
            RatePrior.from_effective_half_life, {"half_life_h": 50.0, "decay_constant_per_h": DECAY, "log_sd": 0.3, name: value}
        )


@pytest.mark.parametrize(
    "call",
    [
        lambda times: fit_time_activity(times, ACTIVITIES, "Lu-177"),
        lambda times: fit_voxels(times, IMAGES, "Lu-177"),
        lambda times: later_cycle(times, ACTIVITIES, "Lu-177", 51.0),
        lambda times: single_time_point(times[1], 10.0, "Lu-177"),
        lambda times: single_time_point(times[1], 10.0, "Lu-177", "madsen", effective_half_life_h=50),
    ],
)
@pytest.mark.parametrize("times", [IN_SECONDS, [240.0, 5760.0, 5760.5, 10080.0]])
def test_times_in_seconds_or_minutes_are_refused(call, times):
    with pytest.raises(DosimetryError, match=r"within 30 physical half-lives .* check the unit: hours expected"):
        call(times)


@pytest.mark.parametrize("half_lives", [29.9, 30.1])
def test_the_last_time_may_be_thirty_half_lives(half_lives):
    times = np.array([24.0, half_lives * PHYSICAL_H])
    images = np.exp(-DECAY * times)[:, None, None, None] * np.full(SHAPE, 1e6)
    if half_lives < 30:
        assert fit_time_activity(times, images[:, 0, 0, 0], LU, 1.0, model="mono").tia_mbq_h == pytest.approx(
            1e6 / DECAY, rel=1e-3
        )
        assert fit_voxels(times, images, LU, model="physical").tia_mbq_h_ml == pytest.approx(1 / DECAY, rel=1e-5)
    else:
        for call in (lambda: fit_time_activity(times, [2.0, 1.0], LU), lambda: fit_voxels(times, images, LU)):
            with pytest.raises(DosimetryError, match="hours expected"):
                call()


@pytest.mark.parametrize("rates", [1e-6, [0.01, 1e-6], DECAY * (1 - 1e-6), SharedShape.free(0.004)])
def test_shared_rates_below_physical_decay_are_refused(rates):
    with pytest.raises(DosimetryError, match=r"rates not below physical decay, 0\.004345 per hour for Lu-177"):
        fit_voxels(TIMES_H, IMAGES, LU, model="shared", regions=ONES, region_rates={1: rates})


def test_shared_rates_at_physical_decay_are_taken():
    images = np.exp(-DECAY * np.array(TIMES_H))[:, None, None, None] * np.full(SHAPE, 1e6)
    fit = fit_voxels(TIMES_H, images, LU, model="shared", regions=ONES, region_rates={1: DECAY * (1 - 1e-10)})
    assert fit.tia_mbq_h_ml == pytest.approx(1 / DECAY, rel=1e-5)


@pytest.mark.parametrize("over_physical", [0.5, 1.0, 1.05, 1.5, 2.0, 2.38])
def test_hanscheid_curve_holds_its_integral_and_never_falls_below_physical_decay(over_physical):
    # 2t/ln2 is the integral of a half-life of t, by hand; physical decay through the sample has exp(kt)/k
    time = over_physical * PHYSICAL_H
    fit = single_time_point(time, 10.0, LU)
    assert fit.tia_mbq_h == pytest.approx(10 * 2 * time / LN2, rel=1e-12)
    assert fit.rates_per_h[0] == pytest.approx(LN2 / min(time, PHYSICAL_H), rel=1e-12)
    assert fit.amplitudes_mbq[0] / fit.rates_per_h[0] == pytest.approx(fit.tia_mbq_h, rel=1e-12)
    # no curve without uptake that starts at A(0) has a larger integral than physical decay from there
    assert fit.tia_mbq_h <= fit.activity_mbq(0.0) / DECAY * (1 + 1e-12)
    beside = [text for text in fit.warnings if "later than the physical half-life" in text]
    if over_physical <= 1:
        assert fit.activity_mbq(time) == pytest.approx(10.0, rel=1e-12)
        assert not beside
    else:
        off = fit.tia_mbq_h / (10 * np.exp(DECAY * time) / DECAY) - 1
        assert abs(off) < 0.1
        assert f"its integral is {100 * off:+.1f} % off" in beside[0]


def test_hanscheid_range_ends_at_the_physical_half_life():
    assert "half-lives of 126 to 160 h" in single_time_point(300, 10, LU).warnings[0]
    # 159.528 h / 0.42
    for time in (380.0, 1000.0):
        with pytest.raises(
            DosimetryError, match=r"before 380 h for the method 'hanscheid'.* half-lives over the physical 159\.5 h"
        ):
            single_time_point(time, 10, LU)


def test_madsen_is_refused_where_the_half_life_alone_decides():
    # d ln(TIA) / d ln(T) = 1 - kt: a spread of 25 % is an error of e at kt = 5, which is 361 h for 50 h; the curvature brings it nearer
    assert single_time_point(250, 10, LU, "madsen", effective_half_life_h=50).tia_mbq_h > 0
    for time in (400, 1000, 4000):
        with pytest.raises(DosimetryError, match="expected error is over 100 %"):
            single_time_point(time, 10, LU, "madsen", effective_half_life_h=50)
        with pytest.raises(DosimetryError, match="unknown by more than a factor"):
            later_cycle(time, 10.0, LU, 50.0, half_life_cv=0.25)


@pytest.mark.parametrize(
    "values",
    [
        np.array([4, 24, 96, 168], dtype="timedelta64[h]"),
        [np.timedelta64(4, "h")] * 4,
        np.array(["2026-01-01"] * 4, dtype="datetime64[D]"),
        [timedelta(hours=4)] * 4,
        [datetime(2026, 1, 1)] * 4,
        np.array(TIMES_H, dtype=complex),
        np.ma.masked_greater(TIMES_H, 100),
        [1.0, np.ma.masked, 2.0, 3.0],
        [1.0, "x", 2.0, 3.0],
        [[1.0], [2.0, 3.0]],
    ],
)
def test_what_is_no_plain_number_is_refused(values):
    for call in (
        lambda: fit_time_activity(values, ACTIVITIES, LU),
        lambda: fit_time_activity(TIMES_H, values, LU),
        lambda: fit_time_activity(TIMES_H, ACTIVITIES, LU, values),
        lambda: fit_voxels(values, IMAGES, LU),
        lambda: fit_voxels(TIMES_H, IMAGES, LU, uncertainties_bq_ml=values),
        lambda: REGION.activity_mbq(values),
        lambda: kinetics.fit_time_activities(TIMES_H, [values], LU),
    ):
        with pytest.raises(DosimetryError, match=r"^Expected numbers in "):
            call()


def test_masked_images_are_refused():
    with pytest.raises(DosimetryError, match="in images, received masked elements"):
        fit_voxels(TIMES_H, np.ma.masked_less(IMAGES, 9e3), LU)
    with pytest.raises(DosimetryError, match="images of numbers in Bq/mL, received timedelta64"):
        fit_voxels(TIMES_H, IMAGES.astype(int).astype("timedelta64[s]"), LU)


@pytest.mark.parametrize(
    ("function", "changes", "text"),
    [
        ("fit_time_activity", {"prior": "abc"}, "a PopulationPrior or RatePrior as prior, received abc"),
        ("single_time_point", {"method": "madsen", "prior": "abc"}, "a PopulationPrior or RatePrior as prior, received abc"),
        ("fit_time_activity", {"bootstrap": "a"}, "whole number for bootstrap, received a"),
        ("fit_time_activity", {"bootstrap": 2.5}, "whole number from 0 to 20000 for bootstrap, received 2.5"),
        ("fit_time_activity", {"seed": -1}, "whole number from 0 .* for seed, received -1"),
        ("fit_time_activity", {"relative_uncertainty": 5, "uncertainties_mbq": None}, "at most 1, received 5; give 0.05 for 5 %"),
        ("single_time_point", {"effective_half_life_h": "a"}, "a number for effective_half_life_h, received a"),
        ("single_time_point", {"half_life_log_sd": "a"}, "a number for half_life_log_sd, received a"),
        ("single_time_point", {"half_life_log_sd": 25}, "at most 2, received 25; 0.25 is a spread of about 25 %"),
        ("later_cycle", {"earlier": None}, "the fit of the earlier cycle or its effective half-life in hours, received None"),
        ("later_cycle", {"half_life_cv": "a"}, "a number for half_life_cv, received a"),
        ("later_cycle", {"half_life_cv": float("inf")}, "a number for half_life_cv, received inf"),
        ("later_cycle", {"half_life_cv": -1}, "half_life_cv from 0 to 1, received -1"),
        ("RatePrior", {"median_per_h": "a"}, "a number for median_per_h, received a"),
        ("general_rate", {"kind": "x"}, "kind of rate uptake or early_clearance, received 'x'"),
        ("get_model", {"model": []}, r"a model out of auto, .* received '\[\]'"),
        ("hybrid_curve", {"spect_systematic_relative": "a"}, "a number for spect_systematic_relative, received a"),
        ("fit_voxels", {"relative_uncertainty": "a"}, "a number for relative_uncertainty, received a"),
        ("fit_voxels", {"relative_uncertainty": 5}, "relative uncertainty such as 0.05, received 5; give a fraction, at most 1"),
        ("fit_voxels", {"uncertainties_bq_ml": "a"}, "numbers in uncertainties_bq_ml, received a"),
        ("fit_voxels", {"uncertainties_bq_ml": 1e300}, r"one positive uncertainty in Bq/mL, .* received 1e\+300"),
        ("fit_voxels", {"uncertainties_bq_ml": [1e-9, 1, 1, 1]}, "uncertainties_bq_ml within a factor of 1e"),
        ("fit_voxels", {"weighting": []}, "weighting relative, constant or counts"),
        ("fit_voxels", {"shortest_half_life_h": "a"}, "a number for shortest_half_life_h, received a"),
        ("fit_voxels", {"shortest_half_life_h": 0.1}, "at least a 30th of the first time, received 0.1"),
        ("fit_voxels", {"threads": "a"}, "a whole number for threads, received a"),
        ("fit_voxels", {"region_rates": "abc"}, "region_rates as a dictionary from label to value, received abc"),
        ("fit_voxels", {"region_tia_mbq_h_ml": {1: "a"}}, "a number for the TIA of region 1, received a"),
        ("fit_voxels", {"mask": np.full(SHAPE, np.nan)}, "mask of True and False, or of numbers, received NaN"),
        ("fit_voxels", {"mask": -np.ones(SHAPE)}, "mask of True and False, or of numbers from 0, received -1"),
        ("fit_voxels", {"mask": -np.ones(SHAPE, dtype=int)}, "mask of True and False, or of numbers from 0, received -1"),
        (
            "fit_voxels",
            {"images_bq_ml": np.full((4, *SHAPE), 1e30)},
            r"images up to 1e\+24 Bq/mL, received 1e\+30; check the unit",
        ),
    ],
)
def test_the_sentence_names_what_to_change(function, changes, text):
    with pytest.raises(DosimetryError, match=text):
        getattr(kinetics, function)(**{**CALLS[function], **changes})


@pytest.mark.parametrize(
    "fit", [REGION, fit_time_activity(TIMES_H, ACTIVITIES, LU, 1.0, model="trapezoid"), single_time_point(24, 5, LU)]
)
def test_a_curve_has_no_activity_before_the_administration(fit):
    for times in (-1e6, [24.0, -0.1]):
        with pytest.raises(DosimetryError, match="after the start of administration, received -"):
            fit.activity_mbq(times)
    with pytest.raises(DosimetryError, match="finite numbers in times_h"):
        fit.activity_mbq(np.nan)


def test_the_matrices_of_a_result_cannot_be_changed():
    for fit in (REGION, KineticFit.from_dict(REGION.to_dict()), dataclasses.replace(REGION, warnings=())):
        for matrix in (fit.covariance, fit.correlation):
            with pytest.raises(ValueError, match="read-only"):
                matrix[0, 0] = 0.0
        assert fit.to_dict()["covariance"] == REGION.to_dict()["covariance"]
    for again in (copy.deepcopy(REGION), pickle.loads(pickle.dumps(REGION))):
        assert again.to_dict() == REGION.to_dict()
    mine = np.array(REGION.covariance)
    dataclasses.replace(REGION, covariance=mine)
    mine[0, 0] = 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e39])
@pytest.mark.parametrize("name", ["tia", "tia_uncertainty", "half_life_h"])
def test_maps_take_only_finite_numbers(name, bad):
    good = dict(
        tia=np.ones(2),
        tia_uncertainty=np.ones(2),
        tail=np.zeros(2),
        code=np.ones(2, np.uint8),
        half_life_h=np.ones(2),
        at_bound=np.zeros(2, bool),
    )
    VoxelMaps((1, 1, 2)).write(slice(0, 2), BlockFit(**good))
    with pytest.raises(DosimetryError, match="in every voxel, received others; check the units"):
        VoxelMaps((1, 1, 2)).write(slice(0, 2), BlockFit(**{**good, name: np.array([1.0, bad])}))


def test_a_cancelled_fit_says_how_far_it_came():
    done = []
    with pytest.raises(FitCancelled, match="before its first block"):
        run_blocks([1, 2, 3], done.append, 1, cancel=lambda: True)
    assert not done
    with pytest.raises(FitCancelled, match="after 99 %"):
        run_blocks(list(range(300)), done.append, 1, cancel=lambda: len(done) >= 299)
    # nothing is left to stop after the last block
    run_blocks([1], done.append, 1, cancel=lambda: 1 in done[-1:])
