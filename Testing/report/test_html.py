"""The page: one file, nothing from elsewhere, everything escaped."""

import re
from html.parser import HTMLParser

import pytest

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.report import (
    Bullets,
    Column,
    Details,
    Facts,
    Figure,
    Measured,
    Section,
    Table,
    TimeActivity,
    render_page,
    time_activity_plot,
)

HOSTILE = "<script>alert('1')</script>"
_VOID = {"meta", "br", "link", "img", "input", "hr"}


class Structure(HTMLParser):
    """Elements with their attributes, the text, and whether every element is closed in order."""

    def __init__(self, page: str):
        super().__init__()
        self.elements, self.words, self.open = [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def full_page() -> str:
    table = Table(
        HOSTILE, (Column("Region", align="left"), Column("Dose", "Gy")), ((HOSTILE, Measured(12.3, 0.4)),), note=HOSTILE
    )
    figure = Figure(time_activity_plot([TimeActivity(HOSTILE, [4.0, 24.0], [10.0, 5.0])]), HOSTILE)
    content = [HOSTILE, table, figure, Facts({HOSTILE: HOSTILE, "Residual": None}), Details(HOSTILE, [table, Bullets([HOSTILE])])]
    return render_page(
        HOSTILE, [Section(HOSTILE, content), Section("Two", ["Text."])], HOSTILE, [HOSTILE, "b & c", "b & c"], {"numpy": HOSTILE}
    )


def test_hostile_names_stay_text():
    page = Structure(full_page())
    assert not [tag for tag, _ in page.elements if tag in ("script", "iframe", "object", "embed")]
    assert "".join(page.words).count(HOSTILE) >= 14
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_page_holds_everything_itself():
    text = full_page()
    page = Structure(text)
    for tag, attributes in page.elements:
        assert tag != "link"
        for name in ("src", "href", "action", "data", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,"))
    addresses = set(re.findall(r"https?://[^\s\"'<]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert "@import" not in text
    assert not re.search(r"url\(", text)
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_page_has_notice_warnings_contents_and_versions():
    page = Structure(full_page())
    words = "".join(page.words)
    assert words.count("For research only") >= 2
    assert "2 warnings" in words
    assert words.count("b & c") == 1
    assert f"numpy {HOSTILE}" in words
    anchors = [attributes["href"][1:] for tag, attributes in page.elements if tag == "a"]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert anchors == ids == ["section-1", "section-2"]


def test_a_plain_page_has_neither_warnings_nor_contents():
    page = Structure(render_page("Doses", [Section("Results", ["Text."])]))
    assert not [a for _, a in page.elements if a.get("class") == "warnings" or a.get("role") == "note"]
    assert "nav" not in {tag for tag, _ in page.elements}


def test_facts_print_numbers_as_tables_do():
    facts = Facts({"Mass": 152.3456, "Dose": Measured(12.34, 0.41), "Scans": 4, "Residual": None, "Path": ("a", 1)})
    words = Structure(render_page("t", [Section("s", [facts])])).words
    assert [words[words.index(name) + 1] for name in facts.pairs] == ["152", "12.3 ± 0.4", "4", "–", "('a', 1)"]


def test_other_content_is_refused():
    with pytest.raises(DosimetryError, match="Expected an SVG element for a figure"):
        Figure("<img>")
    with pytest.raises(
        DosimetryError, match="Expected text, a table, a figure, facts, bullets or details in a report, received int"
    ):
        render_page("Doses", [Section("Results", [3])])
