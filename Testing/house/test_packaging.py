"""The library is installed as a Python package and finds its data there."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = "from setuptools import setup; setup()"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What a wheel would hold, built from a copy so that the clone stays as it is."""
    folder = tmp_path_factory.mktemp("packaging")
    source = folder / "source"
    source.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "Screenshots", "catalog")
    for name in ("RNTDosimetryLib", "Resources"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE.txt"):
        shutil.copy(ROOT / name, source / name)
    result = subprocess.run(
        [sys.executable, "-c", BUILD, "-q", "build", "--build-lib", str(folder / "lib")],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return folder / "lib"


def files_below(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", "Screenshots", "catalog"} & set(path.parts) and not path.name.startswith(".")
    }


def test_package_holds_every_file_of_the_library(built):
    python_files = {name for name in files_below(ROOT / "RNTDosimetryLib") if name.endswith(".py")}
    packaged = {name for name in files_below(built / "RNTDosimetryLib") if name.endswith(".py")}
    assert packaged == python_files


def test_package_holds_all_data(built):
    assert files_below(built / "RNTDosimetryLib" / "Resources") == files_below(ROOT / "Resources")


def test_package_works_from_anywhere(built, tmp_path):
    program = (
        "import RNTDosimetryLib, RNTDosimetryLib.nuclides as n; from RNTDosimetryLib.base.resources import resources_folder;"
        "print(RNTDosimetryLib.__version__, resources_folder(), n.get_nuclide('Y-90').half_life_h, sep='|')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(built)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    version, data, half_life = result.stdout.strip().split("|")
    assert version
    assert Path(data) == built / "RNTDosimetryLib" / "Resources"
    # DDEP evaluation of Y-90: half-life 2.6684 d = 64.04 h.
    assert float(half_life) == pytest.approx(64.04, rel=1e-3)


def test_dependencies_fit_the_versions_of_slicer():
    """Slicer 5.10: numpy 2.0.2, scipy 1.13.1, pydicom 2.4.4, Python 3.12; Slicer 5.12: numpy 2.4.6, scipy 1.17.1, pydicom 3.0.2."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = {requirement.name: requirement for requirement in map(Requirement, project["dependencies"])}
    assert set(requirements) == {"numpy", "scipy", "SimpleITK", "pydicom", "vtk"}
    bundled = {"numpy": ("2.0.2", "2.4.6"), "scipy": ("1.13.1", "1.17.1"), "pydicom": ("2.4.4", "3.0.2"), "SimpleITK": ("2.5.5",)}
    for name, versions in bundled.items():
        assert all(requirements[name].specifier.contains(version) for version in versions), name
    assert SpecifierSet(project["requires-python"]).contains("3.11")
    assert SpecifierSet(project["requires-python"]).contains("3.12")
