"""Reading of evaluations and atomic relaxation by the scripts that build the nuclide table."""

import importlib
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"

# Lines of the DDEP evaluation of 177Lu (BIPM Monographie-5), in the fixed columns of ENSDF.
LUTETIUM = """\
177HF    177LU B- DECAY (6.647 D)
177HF T        54.612             1.59     3     XKA2
177HF T        55.7909            2.78     6     XKA1
177HF T
177HF T        62.985         |]                 XKB3
177HF T        63.234         |]  0.917   23     XKB1
177HF T        63.662         |]                 XKB5II
177HF T
177HF T        42.601-46.007  |]                 KLL AUGER
177HF T        51.391-55.784  |]  0.28     9     KLX AUGER
177HF T        60.15-65.34    |]                 KXY AUGER
177HF T        4.3-11.2           8.75    20     L AUGER
177LU  P 0.0         7/2+              6.647 D   4              498.3     8
177HF  N 1.0         1.0       1         1.0
177HF  L 0           7/2-               STABLE
177HF  B 498.3     8 79.3     5          6.7
177HFS B EAV=149.4 3
177HF  L 112.9499    9/2-              0.506 NS
177HF  B 385.4     8 9.1      5          7.3                                 1
177HFS B EAV=111.7 3
177HF  G 112.9498  4 6.20     7M1+E2                   2.272   5
177HF2 G KC=0.817    12$LC=1.104     6$MC=0.2755   14
"""


@pytest.fixture
def tools(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module("decay_sets"), importlib.import_module("atomic_relaxation")


@pytest.fixture
def lutetium(tools, tmp_path):
    file = tmp_path / "Lu-177.txt"
    file.write_text(LUTETIUM)
    (decay_set,) = tools[0].read_ddep(file, {})
    return decay_set


def test_an_evaluation_is_read_column_by_column(lutetium):
    assert (lutetium.parent, lutetium.parent_z, lutetium.mass_number, lutetium.daughter) == ("Lu-177", 71, 177, "Hf-177")
    assert lutetium.half_life_h == pytest.approx(6.647 * 24)
    assert lutetium.half_life_uncertainty_h == pytest.approx(0.004 * 24)
    assert not lutetium.daughter_is_radioactive
    assert lutetium.betas == [
        ("beta-", 498.3, 149.4, pytest.approx(0.793), ""),
        ("beta-", 385.4, 111.7, pytest.approx(0.091), "1"),
    ]


def test_outer_shells_take_the_rest_of_the_total_conversion(lutetium):
    (transition,) = lutetium.transitions
    assert transition.photons == pytest.approx(0.062)
    assert transition.conversion == pytest.approx({"K": 0.817, "L": 1.104, "M": 0.2755, "N": 2.272 - 0.817 - 1.104 - 0.2755})


def test_bracketed_lines_share_their_intensity(lutetium):
    lines = {label: intensity for label, _, intensity in lutetium.lines}
    assert lines["XKA1"] == pytest.approx(0.0278)
    assert lines["XKB3+XKB1+XKB5II"] == pytest.approx(0.00917)
    assert lines["KLL AUGER+KLX AUGER+KXY AUGER"] == pytest.approx(0.0028)


@pytest.mark.parametrize(
    ("value", "digits", "expected"), [("6.647", "4", 0.004), ("12.7004", "20", 0.0020), ("1.4E-6", "3", 3e-7), ("10", "", None)]
)
def test_uncertainties_count_last_digits(tools, value, digits, expected):
    assert tools[0].uncertainty(value, digits) == (None if expected is None else pytest.approx(expected))


def test_transition_energy_is_closed_by_electrons_and_relaxation(tools, lutetium):
    relaxation = tools[1]
    # Hafnium binding energies in keV, Bearden and Burr 1967 (rounded), and K fluorescence yield
    atom = relaxation.Atom({"K": 65.35, "L": 10.5, "M": 2.1, "N": 0.45}, 0.95, 0.24, 55.4, 63.4, 0.21, {"XLA": 7.9, "XLB": 9.1})
    holes, electrons = relaxation.vacancies(lutetium, atom)
    xrays, augers = relaxation.relaxation(lutetium, atom, holes, 1.0)
    (transition,) = lutetium.transitions
    converted = transition.photons * sum(transition.conversion.values())
    kinetic = sum(energy * intensity for _, energy, intensity in electrons)
    released = sum(row[1] * row[2] for row in xrays + augers)
    assert sum(intensity for *_, intensity in electrons) == pytest.approx(converted)
    # the evaluation's lines count the K vacancies of all transitions, of which this excerpt holds 89 %: at most that excess
    assert kinetic + released == pytest.approx(converted * transition.energy_kev, rel=0.02)
