"""Tables as text, HTML and CSV."""

import csv
import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.report import Column, Measured, Table, table_csv, table_html, table_text

HOSTILE = '<script>alert("1")</script>'
DOSES = Table(
    "Absorbed dose",
    (Column("Region", align="left"), Column("Absorbed dose", "Gy"), Column("Model", align="left")),
    (("Left kidney", Measured(12.34, 0.41), "mono"), (HOSTILE, Measured(5.0), None), ("Spleen", None, "bi")),
    note="Electrons only & local.",
)


def test_terminal_text_is_aligned_with_units_under_names():
    assert table_text(DOSES).splitlines() == [
        "Absorbed dose",
        "Region                       Absorbed dose  Model",
        "                                        Gy",
        "───────────────────────────  ─────────────  ─────",
        "Left kidney                     12.3 ± 0.4  mono",
        f"{HOSTILE}           5.00  –",
        "Spleen                                   –  bi",
        "Electrons only & local.",
    ]


def test_wide_letters_and_control_characters_do_not_break_the_alignment():
    table = Table("", (Column("Region", align="left"), Column("n")), (("肝臓", 1), ("a\x1b[2J\nb", 22)))
    lines = table_text(table).splitlines()
    assert lines[2] == "肝臓         1"
    assert lines[3].startswith("a\\x1b[2J b")
    assert lines[3].endswith("22")
    assert "\x1b" not in table_text(table)


def test_html_is_well_formed_escaped_and_names_rows():
    root = ElementTree.fromstring(table_html(DOSES))
    assert not root.findall(".//script")
    headings = root.findall(".//tbody/tr/th")
    assert [cell.text for cell in headings] == ["Left kidney", HOSTILE, "Spleen"]
    assert {cell.get("scope") for cell in headings} == {"row"}
    assert [cell.text for cell in root.findall(".//tbody/tr/td")] == ["12.3 ± 0.4", "mono", "5.00", "–", "–", "bi"]
    assert root.find(".//thead/tr/th/span").text == "Gy"


def test_wide_tables_are_set_smaller_so_that_they_fit_the_page():
    assert 'class="table"' in table_html(DOSES)
    assert 'class="table wide"' in table_html(Table("t", tuple(Column(str(i)) for i in range(8))))


def test_csv_has_units_uncertainty_columns_and_full_precision():
    assert table_csv(DOSES) == (
        "Region,Absorbed dose (Gy),Absorbed dose standard uncertainty (Gy),Model\r\n"
        "Left kidney,12.34,0.41,mono\r\n"
        '"<script>alert(""1"")</script>",5.0,,\r\n'
        "Spleen,,,bi\r\n"
    )


@given(
    st.lists(
        st.tuples(
            st.text(
                st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zl", "Zp"), exclude_characters="=+-@＝＋－＠"),
                min_size=1,
            ),
            st.floats(allow_nan=False, allow_infinity=False) | st.none(),
            st.integers(),
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(deadline=None, max_examples=100)
def test_csv_comes_back_exactly(rows):
    """Of text without control characters, which are shown, and without the beginnings of formulas, which are defused: see below."""
    table = Table("t", (Column("Name", align="left"), Column("Value", "Gy"), Column("n")), tuple(rows))
    back = list(csv.reader(io.StringIO(table_csv(table), newline="")))
    assert back[0] == ["Name", "Value (Gy)", "n"]
    assert [(name, float(value) if value else None, int(n)) for name, value, n in back[1:]] == [tuple(row) for row in rows]
    ElementTree.fromstring(table_html(table))
    assert "nan" not in table_text(Table("t", table.columns[1:], tuple(row[1:] for row in rows)))


def test_numpy_numbers_and_stored_tables_are_welcome():
    table = Table("t", ("Region", Column("Dose", "Gy")), (("a", np.float32(2.5)), ("b", Measured(1.0, 0.25))))
    assert table.rows[0][1] == 2.5
    assert Table.from_dict(table.to_dict()) == table


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((("a",),), "Expected 2 cells in row 1 of table 'Doses', received 1"),
        ((("a", float("nan")),), "received nan; use None for a value that is not known"),
        ((("a", np.float64("inf")),), "received inf"),
        ((("a", [1]),), r"received \[1\]"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows, message):
    with pytest.raises(DosimetryError, match=message):
        Table("Doses", ("Region", "Dose"), rows)


def test_columns_are_checked():
    with pytest.raises(DosimetryError, match='Expected "left", "right" or "center" for column Dose'):
        Column("Dose", align="middle")
    with pytest.raises(DosimetryError, match="Expected at least one significant digit"):
        Column("Dose", digits=0)
    with pytest.raises(DosimetryError, match="Expected at least one column"):
        Table("Doses", ())


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("=1+1", "'=1+1"),
        ('=HYPERLINK("http://x","y")', '\'=HYPERLINK("http://x","y")'),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1+1", "' =1+1"),
        ("\r\n=1", "'  =1"),
        ("＝1+1", "'＝1+1"),
        ("-3.5", "-3.5"),
        ("+1e3", "+1e3"),
        ("kidney = left", "kidney = left"),
        ("a\u202eb\x1b", "a\\u202eb\\x1b"),
    ],
)
def test_text_of_a_csv_is_no_formula_and_numbers_stay_numbers(text, field):
    table = Table("t", (Column(text, align="left"), Column("Dose", "Gy")), ((text, -2.5),))
    head, row = csv.reader(io.StringIO(table_csv(table), newline=""))
    assert head[0] == row[0] == field
    assert float(row[1]) == -2.5
