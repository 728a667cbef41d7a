"""The catalog of warnings: every sentence is found again, every code that the library names is there and in the docs."""

import ast
import string
from pathlib import Path

import pytest

from RNTDosimetryLib.base import warnings
from RNTDosimetryLib.base.warnings import kind_of, rank_of, ranked, warned, warning_kinds

ROOT = Path(__file__).resolve().parents[2]


def codes_in(folder: Path) -> set[str]:
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "warned" and node.args:
                assert isinstance(node.args[0], ast.Constant), (
                    f"{path.name}:{node.lineno} names its warning by something else than its code"
                )
                found.add(node.args[0].value)
    return found


def bare_sentences(path: Path) -> list[str]:
    """Sentences of five words or more that become warnings without the catalog."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("append", "extend", "warn"):
            target, values = ast.unparse(node.func.value) + (" warnings" if node.func.attr == "warn" else ""), node.args
        elif isinstance(node, (ast.Assign, ast.AugAssign, ast.keyword)):
            target = (
                node.arg or ""
                if isinstance(node, ast.keyword)
                else ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
            )
            values = [node.value]
        else:
            continue
        if "notes" in target or not any(word in target for word in ("warnings", "texts", "doubts")):
            continue
        for value in values:
            inside = {
                id(item)
                for call in ast.walk(value)
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "warned"
                for item in ast.walk(call)
            }
            found += [
                f"{path.name}:{item.lineno}: {item.value}"
                for item in ast.walk(value)
                if isinstance(item, ast.Constant)
                and isinstance(item.value, str)
                and len(item.value.split()) > 4
                and id(item) not in inside
            ]
    return found


def sentences_of_functions(path: Path) -> list[str]:
    """Sentences in functions that make warnings, by their name, outside the catalog and refusals."""
    found = []
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef) or "warning" not in function.name:
            continue
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
        apart = [node for node in calls if getattr(node.func, "id", "") in ("warned", "DosimetryError")] + function.body[:1]
        inside = {id(item) for node in apart for item in ast.walk(node)}
        found += [
            f"{path.name}:{item.lineno}: {item.value}"
            for item in ast.walk(function)
            if isinstance(item, ast.Constant)
            and isinstance(item.value, str)
            and len(item.value.split()) > 8
            and id(item) not in inside
        ]
    return found


def test_no_warning_passes_the_catalog_by():
    columns = {"tidy.py"}  # a column of a table that says what it holds
    files = [
        path
        for folder in ("RNTDosimetryLib", "RNTDosimetry")
        for path in (ROOT / folder).rglob("*.py")
        if path.name not in columns
    ]
    assert [text for path in files for text in (*bare_sentences(path), *sentences_of_functions(path))] == []


def filled(text: str) -> str:
    names = {name: specification for _, name, specification, _ in string.Formatter().parse(text) if name}
    values = {name: "liver" if not any(letter in spec for letter in "gfed%") else 3.0 for name, spec in names.items()}
    return text.format(**values)


def test_every_code_of_the_library_is_in_the_catalog_and_every_kind_is_used():
    assert codes_in(ROOT / "RNTDosimetryLib") | codes_in(ROOT / "RNTDosimetry") == set(warning_kinds())


@pytest.mark.parametrize("kind", warning_kinds().values(), ids=lambda kind: kind.code)
def test_a_sentence_is_known_again_with_a_name_before_it(kind):
    assert kind_of(f"kidney_left: {filled(kind.text)}") == kind
    assert kind.page == "" or (ROOT / "docs" / kind.page.split("#")[0]).is_file()


def test_what_changes_the_number_comes_first_and_nothing_twice(monkeypatch):
    kinds = {
        "small": warnings.WarningKind("small", 3, "The study has {count:d} scans; more would tell"),
        "grave": warnings.WarningKind("grave", 1, "{region}: no recovery was given; measure it"),
    }
    monkeypatch.setattr(warnings, "warning_kinds", lambda: kinds)
    warnings._patterns.cache_clear()
    try:
        texts = [warned("small", count=3), "something of old", warned("grave", region="liver"), warned("small", count=3)]
        assert ranked(texts) == (
            "liver: no recovery was given; measure it",
            "something of old",
            "The study has 3 scans; more would tell",
        )
        assert rank_of("something of old") == warnings.UNKNOWN_RANK
    finally:
        monkeypatch.undo()
        warnings._patterns.cache_clear()
