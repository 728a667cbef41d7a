"""Writes the file lists of the CMake files from what lies on the disk: ``python tools/list_files.py [--check]``.

With --check nothing is written; exit 1 when a list does not match.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_INSTALLED = {"Screenshots", "catalog", "__pycache__"}


def files_under(folder: Path, pattern: str, relative_to: Path) -> list[str]:
    """Sorted paths of the files of a folder that are installed, with forward slashes."""
    found = []
    for path in folder.rglob(pattern):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts)
        if path.is_file() and not hidden and not NOT_INSTALLED & set(parts):
            found.append(path.relative_to(relative_to).as_posix())
    return sorted(found)


def expected_lists(root: Path = ROOT) -> dict[Path, dict[str, list[str]]]:
    """CMake file -> variable -> files."""
    module = root / "RNTDosimetry"
    return {
        root / "RNTDosimetryLib" / "files.cmake": {
            "LIBRARY_SCRIPTS": files_under(root / "RNTDosimetryLib", "*.py", root),
            "LIBRARY_RESOURCES": files_under(root / "Resources", "*", root),
        },
        module / "CMakeLists.txt": {
            "MODULE_PYTHON_SCRIPTS": files_under(module, "*.py", module),
            "MODULE_PYTHON_RESOURCES": files_under(module / "Resources", "*", module),
        },
    }


def _block(variable: str) -> re.Pattern:
    return re.compile(rf"set\({variable}\n(.*?)  \)\n", re.DOTALL)


def read_list(text: str, variable: str) -> list[str]:
    """Entries of ``set(variable ...)`` in the text of a CMake file."""
    match = _block(variable).search(text)
    if match is None:
        raise ValueError(f"Expected a list set({variable} in the CMake file, found none.")
    return match[1].split()


def with_list(text: str, variable: str, entries: list[str]) -> str:
    """The text with other entries in ``set(variable ...)``."""
    read_list(text, variable)
    lines = "".join(f"  {entry}\n" for entry in entries)
    return _block(variable).sub(lambda match: f"set({variable}\n{lines}  )\n", text)


def main(check_only: bool) -> int:
    differs = False
    for path, lists in expected_lists().items():
        text = path.read_text(encoding="utf-8")
        new = text
        for variable, entries in lists.items():
            new = with_list(new, variable, entries)
        if new != text:
            differs = True
            print(f"{path.relative_to(ROOT)}: {'differs' if check_only else 'written'}")
            if not check_only:
                path.write_text(new, encoding="utf-8")
    return 1 if differs and check_only else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
