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
