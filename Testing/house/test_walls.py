"""The walls of the house: what may import what, and how large a file may grow (docs: CONTRIBUTING, design)."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "RNTDosimetryLib"
MODULE = ROOT / "RNTDosimetry"

# The floors of the house, from the ground up. A room imports only from floors below its own; what stands on one floor knows nothing of its neighbors.
FLOORS = (
    {"base"},
    {"nuclides"},
    {"images", "kinetics", "dose"},
    {"registration", "measurement", "report", "statistics"},
    {"camera"},
    {"intake"},
    {"planar"},
    {"planning"},
    {"course"},
    {"roads", "phantom"},
    {"validation"},
    {"demo"},
    {"commandline"},
    {"__main__"},
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
MOST_ENTRIES_AT_THE_TOP = 10
FILE_SCOPE_PACKAGES = {"numpy", "scipy", "SimpleITK", "vtk", "vtkmodules", "RNTDosimetryLib"}
INNER_PACKAGES = FILE_SCOPE_PACKAGES | {"pydicom", "highdicom"}
MODULE_FILE_SCOPE = FILE_SCOPE_PACKAGES | {"slicer", "qt", "ctk", "RNTDosimetryPanel", "RNTDosimetryScene", "RNTDosimetry"}
LARGEST_FILE = 460


def library_files() -> list[Path]:
    return sorted(LIBRARY.rglob("*.py"))


def python_files() -> list[Path]:
    folders = (LIBRARY, MODULE, ROOT / "Testing", ROOT / "tools")
    return sorted(path for folder in folders for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported_names(tree: ast.AST) -> list[tuple[str, int]]:
    """(dotted name, line) of every import below a node; ``from a.b import c`` counts as a.b.c."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            found += [(f"{prefix}.{alias.name}", node.lineno) for alias in node.names]
    return found


def outermost_imports(tree: ast.Module) -> list[tuple[str, int]]:
    """Imports that run when the file is imported: outside of functions, except those for type checkers."""
    found = []
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found += imported_names(node)
        waiting += list(ast.iter_child_nodes(node))
    return found


def room_of(path: Path) -> str:
    """Folder of a file at the top of the library, or the file itself where it lies beside the folders."""
    return Path(path.relative_to(LIBRARY).parts[0]).stem


def room_of_name(dotted: str) -> str | None:
    """Room of an imported name of the library; None for any other name, and for the library's own version."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == "RNTDosimetryLib" and len(parts) > 1 and parts[1] in FLOOR_OF else None


@pytest.mark.parametrize("path", library_files(), ids=name_of)
def test_library_imports_only_what_slicer_bundles(path):
    """No slicer, qt, ctk, PySide6, matplotlib or pandas; pydicom and highdicom only inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    standard = set(sys.stdlib_module_names)
    at_file_scope = [
        (name, line) for name, line in outermost_imports(tree) if name.split(".")[0] not in standard | FILE_SCOPE_PACKAGES
    ]
    anywhere = [(name, line) for name, line in imported_names(tree) if name.split(".")[0] not in standard | INNER_PACKAGES]
    assert at_file_scope == []
    assert anywhere == []


@pytest.mark.parametrize("path", sorted(MODULE.rglob("*.py")), ids=name_of)
def test_module_imports_at_file_scope_only_what_slicer_bundles(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    standard = set(sys.stdlib_module_names)
    foreign = [
        (name, line)
        for name, line in outermost_imports(tree)
        if name.lstrip(".").split(".")[0] not in standard | MODULE_FILE_SCOPE
    ]
    assert [item for item in foreign if not item[0].startswith(".")] == []


@pytest.mark.parametrize("path", [path for path in library_files() if path != LIBRARY / "__init__.py"], ids=name_of)
def test_rooms_import_only_towards_the_ground(path):
    """Imports inside functions count as well."""
    room = room_of(path)
    assert room in FLOOR_OF, f"{name_of(path)} lies in a room that is on no floor"
    for name, line in imported_names(ast.parse(path.read_text(encoding="utf-8"))):
        target = room_of_name(name)
        if target not in (None, room):
            assert FLOOR_OF[target] < FLOOR_OF[room], f"{name_of(path)}:{line} {room} imports {name} of {target}"


def test_few_things_lie_beside_the_rooms():
    entries = [path.name for path in LIBRARY.iterdir() if path.is_file()]
    assert len(entries) <= MOST_ENTRIES_AT_THE_TOP, entries
    assert not [path for path in LIBRARY.rglob("*_file.py")]


def file_of_name(dotted: str) -> Path | None:
    """The file of the library that a dotted name leads to."""
    parts = dotted.split(".")
    while parts:
        base = ROOT.joinpath(*parts)
        if base.with_suffix(".py").is_file():
            return base.with_suffix(".py")
        if (base / "__init__.py").is_file():
            return base / "__init__.py"
        parts.pop()
    return None


def test_no_import_goes_in_a_circle():
    """No file is reached again over the imports of it, those inside functions and for type checkers included."""
    arrows = {}
    for path in library_files():
        names = [
            name for name, _ in imported_names(ast.parse(path.read_text(encoding="utf-8"))) if name.startswith("RNTDosimetryLib")
        ]
        # A package that lists its own files is no circle: the files import one another directly.
        arrows[path] = {file_of_name(name) for name in names} - {None, path, path.parent / "__init__.py"}
    state = {}

    def visit(path, trail):
        assert path not in trail, " -> ".join(name_of(step) for step in [*trail, path])
        if state.get(path):
            return
        for target in sorted(arrows.get(path, ())):
            visit(target, [*trail, path])
        state[path] = True

    for path in arrows:
        visit(path, [])


def test_a_file_does_not_import_names_from_its_own_package():
    """The room's __init__ is for other rooms: within a room files name one another, or there would be a circle."""
    for path in library_files():
        if path.name == "__init__.py" or path.parent == LIBRARY:
            continue
        package = "RNTDosimetryLib." + path.parent.relative_to(LIBRARY).as_posix().replace("/", ".")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == package:
                siblings = [(path.parent / f"{alias.name}.py").is_file() for alias in node.names]
                assert all(siblings), f"{name_of(path)}:{node.lineno} imports from {package}"


@pytest.mark.parametrize("path", library_files(), ids=name_of)
def test_library_imports_are_absolute(path):
    assert [name for name, _ in imported_names(ast.parse(path.read_text(encoding="utf-8"))) if name.startswith(".")] == []


@pytest.mark.parametrize("path", python_files(), ids=name_of)
def test_files_are_short(path):
    count = len(path.read_text(encoding="utf-8").splitlines())
    assert count < LARGEST_FILE, f"{name_of(path)} has {count} lines: two things live in it"


def test_only_the_module_file_lies_directly_in_the_module_folder():
    """Slicer takes every .py file directly in a module path for a module."""
    assert [path.name for path in MODULE.glob("*.py")] in ([], ["RNTDosimetry.py"])


def test_the_walls_can_be_broken(tmp_path):
    """The look-ups above see what they are meant to see."""
    tree = ast.parse(
        "import pandas\ndef f():\n    import pydicom\nif TYPE_CHECKING:\n    import qt\nfrom RNTDosimetryLib.dose import bed\n"
    )
    assert {name for name, _ in outermost_imports(tree)} == {"pandas", "RNTDosimetryLib.dose.bed"}
    assert {name for name, _ in imported_names(tree)} == {"pandas", "pydicom", "qt", "RNTDosimetryLib.dose.bed"}
    assert room_of_name("RNTDosimetryLib.dose.bed") == "dose"
    assert room_of_name("RNTDosimetryLib.base.errors.DosimetryError") == "base"
    assert room_of_name("RNTDosimetryLib.roads.therapy.request.Study") == "roads"
    assert room_of_name("numpy.array") is None
