"""Dose-point kernels against whole-nuclide Monte Carlo runs, and what always holds."""

import numpy as np
import pytest
from fixtures.kernel_references import reference_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.dose.kernels import (
    csda_range,
    dose_point_kernel,
    electron_energy_within,
    electron_spectrum,
    photon_energy_within,
    photon_table,
    positron_range_ratio,
    radiated_fraction,
)
from RNTDosimetryLib.nuclides import list_nuclides, source_nuclide


# EGSnrc runs of the whole nuclide (reference/nuclide_kernels_water.csv): within 3 % where dose * r2 is over 10 % of its maximum.
@pytest.mark.parametrize("name", ["Y-90", "Lu-177"])
def test_point_kernels_of_whole_nuclides(name):
    kernel = dose_point_kernel(name)
    rows = [tuple(float(row[key]) for key in ("r_lo_mm", "r_hi_mm", "E_MeV_per_decay")) for row in reference_rows_of(name)]
    largest = max(energy / (high - low) for low, high, energy in rows)
    compared = [row for row in rows if row[2] / (row[1] - row[0]) > 0.1 * largest]
    assert len(compared) > 20
    for low, high, energy in compared:
        within = kernel.energy_within_mev(np.array([low, high]))
        assert within[1] - within[0] == pytest.approx(energy, rel=0.015), (low, high)


# The same runs, photons of 177Lu from 1 cm to 50 cm: cumulative energy in spheres.
def test_photon_part_of_lu_177_far_from_the_source():
    kernel = dose_point_kernel("Lu-177")
    rows = reference_rows_of("Lu-177")
    start, stop = (next(row for row in rows if float(row["r_hi_mm"]) > limit) for limit in (10.0, 500.0))
    expected = sum(float(row["E_MeV_per_decay"]) for row in rows[rows.index(start) : rows.index(stop)])
    inside = kernel.energy_within_mev(np.array([float(start["r_lo_mm"]), float(stop["r_lo_mm"])]))
    assert inside[1] - inside[0] == pytest.approx(expected, rel=0.01)


# The same runs, bremsstrahlung of 90Y from 12 mm to 60 cm.
def test_bremsstrahlung_of_y_90():
    kernel = dose_point_kernel("Y-90")
    expected = sum(float(row["E_MeV_per_decay"]) for row in reference_rows_of("Y-90") if float(row["r_lo_mm"]) >= 12.0)
    inside = kernel.energy_within_mev(np.array([12.0, 600.0]))
    assert inside[1] - inside[0] == pytest.approx(expected, rel=0.05)


def reference_rows_of(name):
    return [row for row in reference_rows("nuclide_kernels_water.csv") if row["nuclide"] == name]


def test_a_tabulated_energy_gives_the_table_back():
    # 1 MeV electron: 0.02 to 0.04 of the range, and its CSDA range (ESTAR: 0.4367 g/cm2)
    energy = np.array([1.0])
    assert csda_range(energy)[0] == pytest.approx(0.4367, rel=0.001)
    # 0.364 MeV photon is a row of the table: energy within 60 cm
    table = photon_table()
    row = int(np.searchsorted(table.energy_mev, 0.364 - 1e-9))
    within = photon_energy_within(np.array([0.364]), np.array([1.0]), table.radius_cm)
    assert within == pytest.approx(table.cumulative[row], abs=1e-12)


# Rohrlich and Carlson, Phys Rev 93 (1954) 38: slow positrons lose more energy per length than electrons, fast ones less.
def test_positrons_stop_earlier_at_low_and_later_at_high_energy():
    ratio = positron_range_ratio(np.geomspace(0.01, 3.0, 50))
    assert np.all(np.diff(ratio) > 0.0)
    assert 0.85 < ratio[0] < 0.95
    assert 1.0 < ratio[-1] < 1.03


# Water at 8 keV: mass energy-absorption close to the attenuation 10.37 cm2/g (NISTIR 5632), so exp(-10.37 r) is left.
def test_photons_below_the_table_follow_the_absorption_law():
    radius = np.array([0.02, 0.05, 0.1, 0.2])
    within = photon_energy_within(np.array([0.008]), np.array([1.0]), radius)
    assert within == pytest.approx(1.0 - np.exp(-10.0 * radius), rel=0.05)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.0005, 5.0))
def test_any_electron_energy_closes(energy):
    energies = np.array([energy])
    radius = np.linspace(0.0, 1.2, 200) * csda_range(energies)[0]
    within = electron_energy_within(energies, np.ones(1), radius)
    assert np.all(np.diff(within) >= -1e-12)
    assert within[0] == pytest.approx(0.0, abs=1e-12)
    assert within[-1] + radiated_fraction(energies)[0] == pytest.approx(1.0, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.001, 3.0))
def test_any_photon_energy_is_monotone_and_below_one(energy):
    within = photon_energy_within(np.array([energy]), np.ones(1), np.geomspace(1e-5, 60.0, 200))
    assert np.all(np.diff(within) >= -1e-9)
    assert within[-1] <= 1.0 + 1e-6  # the stored table has seven digits
    assert within[-1] > 0.75  # even annihilation photons leave over three quarters of their energy within 60 cm


@pytest.mark.parametrize("name", list_nuclides())
def test_energy_is_closed_for_every_nuclide(name):
    nuclide, kernel = source_nuclide(name), dose_point_kernel(name)
    energy, electrons, positrons = electron_spectrum(nuclide)
    emitted = nuclide.electron_energy_mev
    assert np.sum(energy * (electrons + positrons)) == pytest.approx(emitted, rel=1e-6, abs=1e-12)
    assert np.sum(positrons) == pytest.approx(nuclide.positron_intensity, rel=1e-5, abs=1e-15)
    assert kernel.electron_total_mev + kernel.bremsstrahlung_mev == pytest.approx(
        emitted + nuclide.alpha_energy_mev, rel=1e-6, abs=1e-12
    )
    assert kernel.photon_total_mev - kernel.bremsstrahlung_mev == pytest.approx(nuclide.photon_energy_mev, rel=1e-6, abs=1e-12)
    assert kernel.electron_within_mev[-1] == pytest.approx(kernel.electron_total_mev, rel=1e-5, abs=1e-12)
    assert np.all(np.diff(kernel.electron_within_mev) >= -1e-12)
    assert np.all(np.diff(kernel.photon_within_mev) >= -1e-12)
    assert kernel.photon_within_mev[-1] <= kernel.photon_total_mev * (1 + 1e-9)


def test_alphas_are_local_and_kept_apart():
    kernel = dose_point_kernel("Ac-225+progeny")
    assert kernel.electron_within_mev[0] == pytest.approx(kernel.alpha_total_mev)
    assert kernel.to_dict()["alpha_total_mev"] == pytest.approx(27.48, rel=0.001)  # ICRP 107 sum over the chain


def test_an_unknown_nuclide_is_refused():
    with pytest.raises(DosimetryError, match="did you mean Lu-177"):
        dose_point_kernel("Lu-17")
