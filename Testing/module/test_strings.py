"""Texts of the panel can be translated: plain literals with placeholders, in the module and in the .ui file."""

import ast
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

MODULE = Path(__file__).resolve().parents[2] / "RNTDosimetry"
FILES = sorted(path for path in MODULE.rglob("*.py"))
PANEL = ElementTree.parse(MODULE / "Resources" / "UI" / "RNTDosimetry.ui")


def calls(path: Path, name: str) -> list[ast.Call]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_literals_are_translated(path):
    for call in calls(path, "_"):
        assert len(call.args) == 1, ast.unparse(call)
        assert isinstance(call.args[0], ast.Constant), ast.unparse(call)
        assert isinstance(call.args[0].value, str), ast.unparse(call)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_placeholders_have_names(path):
    """A translator may turn them round."""
    for call in calls(path, "_"):
        assert not re.search(r"\{\d*\}|%[sd]", call.args[0].value), call.args[0].value


@pytest.mark.parametrize("path", sorted((MODULE / "RNTDosimetryPanel").glob("*.py")), ids=lambda path: path.name)
def test_what_the_panel_says_is_translated(path):
    """First words of status lines, reasons and help of the buttons."""
    for name in ("enable", "say"):
        for call in calls(path, name):
            bare = [
                item.value
                for item in call.args
                if isinstance(item, ast.Constant) and isinstance(item.value, str) and " " in item.value
            ]
            assert bare == [], ast.unparse(call)


def test_the_panel_is_in_us_spelling():
    texts = [element.text or "" for element in PANEL.iter("string")]
    british = re.compile(r"colour|tumour|centre|organis|radioembolis|grey\b", re.IGNORECASE)
    assert [text for text in texts if british.search(text)] == []


def test_every_section_is_there_in_the_order_of_the_road():
    """With a place for the therapy course."""
    found = [widget.get("name") for widget in PANEL.iter("widget") if (widget.get("name") or "").endswith("CollapsibleButton")]
    sections = [
        widget.find("property[@name='text']/string").text
        for widget in PANEL.iter("widget")
        if widget.get("name") in found and re.match(r"\d\. ", widget.findtext("property[@name='text']/string") or "")
    ]
    assert sections == [
        "1. Study",
        "2. Time points",
        "3. Registration",
        "4. Regions",
        "5. Kinetics",
        "6. Dose",
        "7. Planning",
        "8. Course",
        "9. Report",
    ]
