"""The extension is configured and installed by CMake against the stand-in of Slicer's build package, then used from there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTED_MODULES = "lib/Slicer-5.12/qt-scripted-modules"
REPOSITORY = "https://github.com/RNTDosimetry/SlicerRNTDosimetry"
RAW_FILES = "https://raw.githubusercontent.com/RNTDosimetry/SlicerRNTDosimetry/main/"
# project() asks for compilers, and an extension of scripts needs none: these make CMake take them for given.
NO_COMPILERS = [
    f"-DCMAKE_{language}_COMPILER{suffix}={value}"
    for language in ("C", "CXX")
    for suffix, value in (("", sys.executable), ("_FORCED", "1"), ("_ID_RUN", "1"))
]


def list_files():
    """The tool that writes the lists, as a module."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import list_files
    finally:
        sys.path.pop(0)
    return list_files


def cmake(*arguments) -> subprocess.CompletedProcess:
    program = "import sys, cmake; sys.exit(cmake.cmake())"
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)


def configure(source: Path, build: Path, prefix: Path) -> subprocess.CompletedProcess:
    return cmake(
        "-S",
        str(source),
        "-B",
        str(build),
        f"-DSlicer_DIR={ROOT / 'Testing' / 'fakeslicer'}",
        f"-DCMAKE_INSTALL_PREFIX={prefix}",
        *NO_COMPILERS,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Folder of scripted modules of an installed extension."""
    folder = tmp_path_factory.mktemp("cmake")
    configured = configure(ROOT, folder / "build", folder / "installed")
    assert configured.returncode == 0, configured.stderr
    result = cmake("--install", str(folder / "build"))
    assert result.returncode == 0, result.stderr
    return folder / "installed" / SCRIPTED_MODULES


def run_there(installed: Path, program: str) -> str:
    """Output of a program that sees the installed files and not the clone."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=installed,
        env=environment | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_lists_name_every_file():
    """Both ways: nothing missing, nothing that is not there. ``make cmake-lists`` writes them."""
    tool = list_files()
    for path, lists in tool.expected_lists(ROOT).items():
        text = path.read_text(encoding="utf-8")
        for variable, files in lists.items():
            assert tool.read_list(text, variable) == files, f"{variable} of {path.relative_to(ROOT)}: run make cmake-lists"


def test_the_tool_writes_a_list():
    tool = list_files()
    text = "set(A\n  old.py\n  )\n\nset(B\n  )\n"
    changed = tool.with_list(text, "A", ["x.py", "y/z.py"])
    assert changed == "set(A\n  x.py\n  y/z.py\n  )\n\nset(B\n  )\n"
    assert tool.read_list(changed, "A") == ["x.py", "y/z.py"]
    with pytest.raises(ValueError, match="Expected a list"):
        tool.with_list(text, "C", [])


def test_installed_module_folder_holds_the_module_and_no_other(installed):
    """Slicer takes every .py file directly in this folder for a module."""
    assert [path.name for path in installed.glob("*.py")] == ["RNTDosimetry.py"]
    assert (installed / "Resources" / "UI" / "RNTDosimetry.ui").is_file()
    assert (installed / "Resources" / "README.md").is_file()


def test_installed_library_is_the_one_of_the_clone(installed):
    for path in (ROOT / "RNTDosimetryLib").rglob("*.py"):
        assert (installed / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


def test_installed_library_finds_its_data(installed):
    program = (
        "import RNTDosimetryLib.nuclides as n; from RNTDosimetryLib.base.resources import resources_folder;"
        "print(n.__file__, resources_folder(), n.get_nuclide('Lu-177').half_life_h, sep='|')"
    )
    library, data, half_life = run_there(installed, program).split("|")
    assert Path(library).is_relative_to(installed)
    assert Path(data) == installed / "Resources"
    # DDEP evaluation of Lu-177: half-life 6.647 d = 159.53 h.
    assert float(half_life) == pytest.approx(159.53, rel=1e-4)


def test_a_missing_file_stops_the_configuration(tmp_path):
    """The stand-in package refuses as Slicer does; otherwise the tests above would show nothing."""
    source = tmp_path / "source"
    source.mkdir()
    text = (
        (ROOT / "CMakeLists.txt")
        .read_text(encoding="utf-8")
        .replace("include(RNTDosimetryLib/files.cmake)", "set(LIBRARY_SCRIPTS a.py)")
    )
    (source / "CMakeLists.txt").write_text(text, encoding="utf-8")
    result = configure(source, tmp_path / "build", tmp_path / "installed")
    assert result.returncode != 0
    assert "'a.py', which is not a file" in result.stderr


def metadata() -> dict[str, str]:
    """Meta-information as the extension index reads it: literal, one line each."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return dict(re.findall(r'^set\(EXTENSION_(\w+) "([^"$]*)"\)?', text, re.MULTILINE))


def test_metadata_of_the_extension():
    found = metadata()
    assert set(found) == {"HOMEPAGE", "CATEGORY", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"}
    assert found["HOMEPAGE"] == REPOSITORY
    assert found["CATEGORY"] == "Nuclear Medicine"
    assert found["DEPENDS"] == "NA"
    assert "research only" in found["DESCRIPTION"]
    for url in [found["ICONURL"], *found["SCREENSHOTURLS"].split()]:
        assert url.startswith(RAW_FILES)
    assert "project(RNTDosimetry)" in (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")


def test_icon_and_screenshots_of_the_metadata_exist():
    found = metadata()
    for url in [found["ICONURL"], *found["SCREENSHOTURLS"].split()]:
        picture = ROOT / url.removeprefix(RAW_FILES)
        assert picture.read_bytes().startswith(b"\x89PNG"), url
