"""The parts of the pages that follow from the code are those of the code."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import build_pages
    finally:
        sys.path.pop(0)
    return build_pages


def test_the_table_of_settings_is_that_of_the_declarations(tool):
    page = tool.STUDY_PAGE.read_text(encoding="utf-8")
    assert tool.with_settings(page) == page, "run make pages"


def test_the_api_reference_is_that_of_the_docstrings(tool):
    pages = tool.api_pages()
    assert {path.name for path in tool.API_FOLDER.glob("*.md")} == set(pages)
    for name, page in pages.items():
        assert (tool.API_FOLDER / name).read_text(encoding="utf-8") == page, f"{name}: run make pages"


def test_everything_that_a_room_offers_is_described(tool):
    import importlib

    for room in tool.ROOMS:
        module = importlib.import_module(f"RNTDosimetryLib.{room}")
        for name in module.__all__:
            item = getattr(module, name)
            assert not callable(item) or (item.__doc__ and not item.__doc__.startswith(f"{name}(")), f"{room}.{name}"


def test_the_page_of_warnings_holds_every_kind(tool):
    assert tool.WARNINGS_PAGE.read_text(encoding="utf-8") == tool.warnings_page(), "run make pages"


def test_every_warning_ends_with_a_remedy_and_leads_to_a_page(tool):
    from RNTDosimetryLib.base.warnings import warning_kinds

    for kind in warning_kinds().values():
        assert kind.page, kind.code
        assert any(mark in kind.text for mark in (";", ":", ",")), f"{kind.code}: what is to be done?"
