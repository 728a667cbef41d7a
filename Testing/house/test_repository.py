"""What a clone holds: documents, commands that exist, nothing of the machine it was written on."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from RNTDosimetryLib.commandline import main

ROOT = Path(__file__).resolve().parents[2]
MADE_FOLDERS = {
    ".git",
    ".venv",
    "out",
    "build",
    "dist",
    "__pycache__",
    ".pytest_cache",
    ".ruff_cache",
    ".mypy_cache",
    ".hypothesis",
}
TEXT_ENDINGS = {".py", ".md", ".txt", ".toml", ".sh", ".cmake", ".cff", ".json", ".csv", ".ui", ".html", ".svg", ""}
LARGEST_REPOSITORY_MB = 100
# In parts, so that this file does not find itself.
MACHINE_TRACES = re.compile("|".join((r"/wo" + "rk/", r"/ho" + "me/", r"/ro" + "ot/", r"/op" + "t/", r"C:\\" + "Users")))
REGISTRY_HOSTS = re.compile(
    "|".join(("pypi" + r"\.org", "python" + r"hosted\.", "npm" + r"js\.", "arti" + "factory", "--index" + "-url"))
)
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b|pytest\.(sk" + r"ip|xf" + r"ail)|mark\.(sk" + r"ip\b|xf" + "ail)")
"""A test may wait for what only some machines have (files of real scanners, an optional package), with the reason: ``skipif``."""


def repository_files() -> list[Path]:
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in MADE_FOLDERS and not name.endswith(".egg-info")]
        found += [Path(folder) / name for name in names if not name.endswith(".pyc") and name != ".git"]
    return sorted(found)


def texts():
    for path in repository_files():
        if path.suffix in TEXT_ENDINGS:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def lines_with(pattern: re.Pattern) -> list[str]:
    """name:line for each line of the repository that has the pattern."""
    return [
        f"{name}:{number}" for name, text in texts() for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)
    ]


def test_no_path_of_a_machine():
    assert lines_with(MACHINE_TRACES) == []


def test_no_host_of_a_package_registry():
    assert lines_with(REGISTRY_HOSTS) == []


def test_nothing_is_left_for_later():
    assert lines_with(UNFINISHED) == []


def test_repository_is_small():
    """The extension index asks for less than 100 MB."""
    assert sum(path.stat().st_size for path in repository_files()) < LARGEST_REPOSITORY_MB * 1e6


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE.txt"])
def test_document_is_there(name):
    assert (ROOT / name).stat().st_size > 100


def test_license_is_apache():
    text = (ROOT / "LICENSE.txt").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def documents() -> dict[str, str]:
    return {name: text for name, text in texts() if name.endswith(".md")}


def test_make_targets_of_the_documents_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    assert {"setup", "demo", "test", "bench", "lint", "clean"} <= targets
    named = {(name, target) for name, text in documents().items() for target in re.findall(r"`make ([a-z][a-z-]*)", text)}
    named |= {
        (name, target)
        for name, text in documents().items()
        for target in re.findall(r"^ *make ([a-z][a-z-]*)", text, re.MULTILINE)
    }
    assert {item for item in named if item[1] not in targets} == set()


def test_verbs_of_the_documents_exist(capsys):
    """Every ``python -m RNTDosimetryLib VERB`` that a document shows has a help text."""
    verbs = {verb for text in documents().values() for verb in re.findall(r"-m RNTDosimetryLib ([a-z]+)", text)}
    for verb in sorted(verbs):
        with pytest.raises(SystemExit) as stopped:
            main([verb, "--help"])
        assert stopped.value.code == 0, verb
        assert verb in capsys.readouterr().out


def test_links_of_the_documents_lead_somewhere():
    """Relative links of Markdown files name files of the repository."""
    broken = []
    for name, text in documents().items():
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if "://" not in target and not target.startswith("mailto:") and not ((ROOT / name).parent / target).exists():
                broken.append(f"{name}: {target}")
    assert broken == []


def test_ci_runs_the_tests():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\nset -e\n")
    assert "make test" in script.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["tools/prepare.sh", ".ci/run"])
def test_shell_scripts_parse(path):
    assert subprocess.run(["bash", "-n", str(ROOT / path)], capture_output=True, check=False).returncode == 0


def test_make_knows_its_targets():
    """Every target can be planned (nothing is run)."""
    for target in ("demo", "test", "bench", "lint", "cmake-lists", "clean"):
        result = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
