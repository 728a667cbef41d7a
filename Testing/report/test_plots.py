"""Plots: well-formed SVG, marks where the numbers are, legends and labels that say units."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.report import (
    Axis,
    Band,
    Bar,
    DoseLine,
    DoseVolumeCurve,
    ReferenceLine,
    Series,
    TimeActivity,
    dose_against_activity_plot,
    dvh_plot,
    limit_plot,
    line_plot,
    scatter_plot,
    time_activity_plot,
)
from RNTDosimetryLib.report.plots import spread
from RNTDosimetryLib.report.svg import outline_style, series_style, shortened, text_width

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('1')</script>&"
TIMES_H = np.array([4.0, 24.0, 72.0, 168.0])


def curve_mbq(times_h):
    return 150.0 * np.exp(-np.log(2) / 50.0 * np.asarray(times_h))


def kidney(label="Left kidney", **changes):
    values = {
        "uncertainties_mbq": 0.08 * curve_mbq(TIMES_H),
        "fit_mbq": curve_mbq,
        "fit_uncertainty_mbq": lambda t: 0.05 * curve_mbq(t),
    }
    return TimeActivity(label, TIMES_H, curve_mbq(TIMES_H), **{**values, **changes})


def parsed(svg: str) -> ElementTree.Element:
    assert not re.search(r"\b(nan|inf)\b", svg)
    root = ElementTree.fromstring(svg)
    assert root.find(f"{SVG}title").text == root.get("aria-label")
    assert root.find(f"{SVG}desc").text
    assert not root.findall(".//script")
    return root


def texts(root) -> list[str]:
    return [item.text for item in root.iter(f"{SVG}text")]


def places(path: str) -> np.ndarray:
    return np.array([[float(n) for n in pair.split(",")] for pair in re.findall(r"-?[\d.]+,-?[\d.]+", path)])


def frame(root) -> tuple[float, float, float, float]:
    box = next(item for item in root.findall(f"{SVG}rect") if item.get("fill") == "none")
    return tuple(float(box.get(name)) for name in ("x", "y", "width", "height"))


def test_time_activity_has_points_curve_dashed_tail_band_and_units():
    root = parsed(time_activity_plot([kidney(), kidney(HOSTILE)], title="Kidneys"))
    words = texts(root)
    assert "Time after administration (h)" in words
    assert "Activity (MBq)" in words
    assert "Left kidney" in words
    assert HOSTILE in words
    assert any("Dashed: extrapolated" in word and "k = 1" in word for word in words)
    lines = [item for item in root.iter(f"{SVG}path") if item.get("fill") == "none"]
    assert [line.get("stroke-dasharray") for line in lines] == [None, "6 4"] * 2
    assert sum(item.get("fill-opacity") is not None and item.get("fill-opacity") != "1" for item in root.iter(f"{SVG}path")) == 2


def test_a_point_lies_where_its_numbers_are():
    root = parsed(
        line_plot("t", Axis("x", lower=0, upper=100), Axis("y", lower=0, upper=50), [Series("a", [25.0], [10.0], markers=True)])
    )
    x, y, width, height = frame(root)
    point = root.find(f"{SVG}circle")
    assert float(point.get("cx")) == pytest.approx(x + 0.25 * width, abs=0.1)
    assert float(point.get("cy")) == pytest.approx(y + 0.8 * height, abs=0.1)


def test_the_curve_goes_through_the_points_on_a_log_axis():
    root = parsed(time_activity_plot([kidney()]))
    line = places(next(item for item in root.iter(f"{SVG}path") if item.get("fill") == "none").get("d"))
    points = [(float(c.get("cx")), float(c.get("cy"))) for c in root.findall(f"{SVG}circle")][:4]
    for x, y in points:
        assert np.interp(x, line[:, 0], line[:, 1]) == pytest.approx(y, abs=0.3)


def test_points_at_zero_on_a_log_axis_are_counted_not_hidden():
    plot = time_activity_plot([TimeActivity("Blood", TIMES_H, [10.0, 1.0, 0.0, -0.1])])
    assert "2 points at or below zero cannot be shown" in plot
    parsed(plot)
    parsed(time_activity_plot([TimeActivity("Blood", [4.0], [0.0])]))
    assert "cannot be shown" not in time_activity_plot([TimeActivity("Blood", TIMES_H, [10.0, 1.0, 0.0, -0.1])], log=False)


def test_a_curve_that_rises_from_zero_does_not_stretch_the_log_axis():
    curve = kidney(fit_mbq=lambda t: curve_mbq(t) * (1 - np.exp(-0.5 * np.asarray(t))))
    labels = [word for word in texts(parsed(time_activity_plot([curve]))) if re.fullmatch(r"[\d.]+", word or "")]
    assert "10" in labels
    assert not {"0.1", "0.01", "0.001"} & set(labels)


def test_one_point_without_fit_is_drawn():
    root = parsed(time_activity_plot([TimeActivity("Liver", [24.0], [100.0])]))
    assert not any("Dashed" in word for word in texts(root))
    assert len(root.findall(f"{SVG}circle")) == 2


@pytest.mark.parametrize("count", [1, 5, 14])
def test_legend_lies_under_the_data_and_inside_the_picture(count):
    root = parsed(time_activity_plot([kidney(f"Region with a rather long name {i}") for i in range(count)]))
    _, y, _, height = frame(root)
    entries = [item for item in root.iter(f"{SVG}text") if (item.text or "").startswith("Region")]
    assert len(entries) == count
    for entry in entries:
        assert float(entry.get("y")) - 12 > y + height
        assert float(entry.get("x")) + text_width(entry.text) <= float(root.get("width"))
        assert float(entry.get("y")) < float(root.get("height"))
    rows = itertools.groupby(entries, key=lambda entry: entry.get("y"))
    for _, row in rows:
        row = list(row)
        for left, right in itertools.pairwise(row):
            assert float(left.get("x")) + text_width(left.text) < float(right.get("x")) - 30


def test_no_two_series_look_alike():
    looks = [series_style(index) for index in range(24)]
    assert len(set(looks)) == 24
    assert all(a[0] != b[0] and a[1] != b[1] and a[2] != b[2] for a, b in itertools.combinations(looks[:8], 2))
    assert len({outline_style(index) for index in range(32)}) == 32


def test_dvh_falls_to_zero_with_limits_labeled():
    dose = np.linspace(0, 30, 61)
    curves = [
        DoseVolumeCurve(name, dose, 100 * np.exp(-((dose / scale) ** 4))) for name, scale in (("Kidneys", 12), ("Lesion", 40))
    ]
    root = parsed(dvh_plot(curves, limits_gy=[("23 Gy", 23.0)]))
    assert {"Absorbed dose (Gy)", "Volume receiving at least the dose (%)", "23 Gy", "Kidneys", "Lesion"} <= set(texts(root))
    x, y, _, height = frame(root)
    for line in (item for item in root.iter(f"{SVG}path") if item.get("fill") == "none"):
        corners = places(line.get("d"))
        np.testing.assert_allclose(corners[0], [x, y], atol=0.1)
        assert corners[-1][1] == pytest.approx(y + height, abs=0.1)
        assert np.all(np.diff(corners[:, 1]) >= 0)


def test_texts_of_near_limits_stand_side_by_side():
    dose = np.linspace(0, 30, 61)
    limits = [("kidney 23 Gy", 23.0), ("kidney 24 Gy", 24.0), ("kidney 28 Gy", 28.0)]
    root = parsed(dvh_plot([DoseVolumeCurve("Kidneys", dose, 100 - dose / 0.3)], limits_gy=limits))
    labels = [item for item in root.findall(f"{SVG}text") if (item.text or "").startswith("kidney")]
    assert [item.text for item in labels] == [text for text, _ in limits]
    for left, right in itertools.pairwise(labels):
        assert float(right.get("x")) - float(left.get("x")) >= text_width(left.text, 11)
    assert float(labels[-1].get("x")) + text_width(labels[-1].text, 11) / 2 <= float(root.get("width"))


def test_a_region_keeps_its_look_in_every_plot():
    dose = np.linspace(0, 30, 61)
    curves = [DoseVolumeCurve("Liver", dose, 100 - dose / 0.3, style=2), DoseVolumeCurve("Other", dose, 100 - dose / 0.3)]
    plots = [dvh_plot(curves), time_activity_plot([kidney("Liver", style=2), kidney("Other")])]
    for plot in plots:
        lines = [item.get("stroke") for item in parsed(plot).iter(f"{SVG}path") if item.get("fill") == "none"]
        assert list(dict.fromkeys(lines)) == [series_style(2)[0], series_style(0)[0]]


@pytest.mark.parametrize(
    ("dose", "volume"), [([0, 2, 1], [100, 50, 0]), ([0, 1, 2], [100, 50, 60]), ([0, 1, 2], [1000, 50, 0]), ([0, 1], [100, -3])]
)
def test_another_histogram_is_refused(dose, volume):
    with pytest.raises(DosimetryError, match="Expected a cumulative histogram for Liver"):
        dvh_plot([DoseVolumeCurve("Liver", dose, volume)])


def test_limit_plot_says_in_words_what_its_colors_say():
    bars = [
        Bar("Kidneys", 12.3, 1.4, 23),
        Bar("Marrow", 2.3, None, 2),
        Bar("Lesion", 138, 22, 120, "min"),
        Bar(HOSTILE, 80, 3, 120, "min"),
    ]
    root = parsed(limit_plot("Limits", Axis("Absorbed dose", "Gy"), [*bars, Bar("Spleen", 5.0)]))
    words = texts(root)
    assert {"within the limit ≤ 23", "above the limit ≤ 2", "goal reached ≥ 120", "below the goal ≥ 120", "12.3 ± 1.4"} <= set(
        words
    )
    assert "Absorbed dose (Gy)" in words
    widths = [float(item.get("width")) for item in root.findall(f"{SVG}rect") if item.get("fill-opacity")]
    np.testing.assert_allclose(np.array(widths) / widths[2], np.array([12.3, 2.3, 138, 80, 5.0]) / 138, atol=2e-3)
    assert Bar("Kidneys", 23.0, limit=23.0).verdict == "within the limit"


def test_dose_against_activity_shows_limits_and_plan():
    lines = [DoseLine("Tumour", 100, 120, "min"), DoseLine("Normal liver", 20, 40), DoseLine("Lung", 2.5, 30, offset_gy=10.0)]
    root = parsed(dose_against_activity_plot(lines, 2.5, 1.85))
    assert {"Tumour ≥ 120 Gy", "Normal liver ≤ 40 Gy", "Lung ≤ 30 Gy", "planned 1.85 GBq", "Administered activity (GBq)"} <= set(
        texts(root)
    )
    x, y, width, height = frame(root)
    first = [places(item.get("d")) for item in root.iter(f"{SVG}path") if item.get("fill") == "none"]
    # 250 Gy at 2.5 GBq is the upper end of the axis, so the tumour's line ends in the corner; the lung starts at its 10 Gy.
    np.testing.assert_allclose(first[0][-1], [x + width, y], atol=0.1)
    assert first[2][0][1] == pytest.approx(y + height * (1 - 10 / 250), abs=0.1)
    parsed(dose_against_activity_plot(lines, 2.5, log=True))


def test_scatter_has_groups_and_line_of_agreement():
    groups = [Series("Kidneys", [10, 12], [10.2, 11.8], [0.5, 0.6], [0.5, 0.6]), Series("Lesions", [30, 80], [32, 77])]
    root = parsed(scatter_plot("Two methods", Axis("Local", "Gy"), Axis("Kernel", "Gy"), groups, identity=True))
    assert {"Kidneys", "Lesions", "equal", "Local (Gy)", "Kernel (Gy)"} <= set(texts(root))
    parsed(scatter_plot("Two methods", Axis("Local", "Gy", log=True), Axis("Kernel", "Gy", log=True), groups, identity=True))


@given(st.lists(st.floats(0, 300), min_size=1, max_size=8))
@settings(deadline=None, max_examples=50)
def test_labels_do_not_overlap_and_keep_their_order_and_limits(places):
    moved = spread(places, 13.0, 0.0, 300.0)
    by_place = [item for _, item in sorted(zip(places, moved))]
    assert all(b - a >= 13.0 - 1e-6 for a, b in itertools.pairwise(sorted(by_place)))
    assert min(moved) >= 0
    assert max(moved) <= 300
    distinct = [(p, m) for p, m in sorted(zip(places, moved)) if places.count(p) == 1]
    assert all(a[1] < b[1] for a, b in itertools.pairwise(distinct))


def test_labels_with_room_stay_where_they_are():
    assert spread([200.0, 100.0, 20.0], 13.0, 0.0, 300.0) == [200.0, 100.0, 20.0]
    assert spread([100.0, 101.0], 13.0, 0.0, 300.0) == pytest.approx([94.0, 107.0])


def test_long_words_are_cut_with_an_ellipsis():
    assert shortened("Liver", 100) == "Liver"
    cut = shortened("A name that is much too long for its place", 100)
    assert cut.endswith("…")
    assert text_width(cut) <= 100


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Series("Liver", [1, 2], [1, np.nan]),
            "Expected finite numbers to plot for Liver, received NaN or infinity in y",
        ),
        (lambda: Series("Liver", [1, 2], [1]), "Expected equally many values, at least one, for Liver"),
        (lambda: Series("Liver", [], []), "Expected equally many values, at least one, for Liver"),
        (lambda: Series("Liver", [1], [1], [-1]), "Expected uncertainties of zero or more for Liver"),
        (lambda: Band("Liver", [1], [np.inf], [1]), "Expected finite numbers to plot for Liver"),
        (lambda: ReferenceLine("23 Gy", 23, "z"), "Expected a finite place on axis"),
        (lambda: line_plot("Doses", Axis("x"), Axis("y"), []), "Expected at least one series for the plot 'Doses'"),
        (lambda: time_activity_plot([]), "Expected at least one time-activity curve"),
        (lambda: limit_plot("Limits", Axis("x"), []), "Expected at least one bar for the plot 'Limits'"),
        (lambda: Bar("Liver", float("nan")), "Expected a finite value"),
        (lambda: Bar("Liver", 1.0, limit=1.0, limit_kind="maximum"), 'kind "max" or "min" for Liver'),
        (lambda: DoseLine("Liver", 1.0, 1.0, "most"), 'Expected limit kind "max" or "min" for Liver'),
    ],
)
def test_what_cannot_be_plotted_is_refused(make, message):
    with pytest.raises(DosimetryError, match=message):
        make()
