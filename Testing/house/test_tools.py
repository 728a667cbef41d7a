"""The small tools of the house: the environment check and the table of benchmarks."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.__main__ import find, is_met, line, main, measure

ROOT = Path(__file__).resolve().parents[2]


def check_environment(question: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "tools" / "check_environment.py"), question]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_environment_lists_the_requirements():
    lines = check_environment("requirements").stdout.splitlines()
    assert any(text.startswith("numpy") for text in lines)
    assert any(text.startswith("slicer-core") for text in lines)


def test_environment_can_draw():
    """What the set-up script asks before it installs graphics libraries."""
    result = check_environment("graphics")
    assert result.returncode == 0, result.stderr


def test_environment_refuses_an_unknown_question():
    assert check_environment("weather").returncode == 2


@pytest.mark.parametrize(
    ("value", "requirement", "expected"),
    [
        (1.0, "", None),
        (1.0, "< 1.5", True),
        (1.5, "< 1.5", False),
        (1.5, "<= 1.5", True),
        (200.0, ">= 200", True),
        (199.0, ">= 200", False),
        (2.0, "> 2e0", False),
        (2.9, "< 3 on 2 cores", True),
    ],
)
def test_requirement_of_a_benchmark(value, requirement, expected):
    assert is_met(value, requirement) is expected


def test_unreadable_requirement_is_refused():
    with pytest.raises(ValueError, match="Expected a requirement"):
        is_met(1.0, "fast")


def test_benchmarks_are_found_by_subject(tmp_path):
    for name in ("bench_a.py", "bench_b.py", "other.py"):
        (tmp_path / name).write_text("", encoding="utf-8")
    assert [path.name for path in find([], tmp_path)] == ["bench_a.py", "bench_b.py"]
    assert [path.name for path in find(["b"], tmp_path)] == ["bench_b.py"]
    with pytest.raises(ValueError, match="Expected one of a, b, received c"):
        find(["c"], tmp_path)


def test_a_benchmark_is_measured_and_shown(tmp_path):
    file = tmp_path / "bench_x.py"
    file.write_text("def run():\n    return [('sum', 3.0, 's', '< 2'), ('size', 1.0, 'MB', '')]\n", encoding="utf-8")
    rows = measure(file)
    assert [row["met"] for row in rows] == [False, None]
    assert line(rows[0]).endswith("NOT MET")


def test_unknown_benchmark_is_bad_input(capsys):
    assert main(["no-such-subject"]) == 2
    assert "received no-such-subject" in capsys.readouterr().err
