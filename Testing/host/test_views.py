"""Pictures through the real displayable managers show what is in the scene."""

import itertools

import numpy as np
import pytest
import slicer
import vtk

from host import views


def content(picture) -> float:
    """Spread of the pixel values; 0 for an empty picture."""
    return float(picture.astype(float).std())


@pytest.fixture
def patient(make_volume, make_segmentation):
    """A warm box in a cold volume, with a segment around it."""
    array = np.zeros((20, 30, 40), np.float32)
    array[5:15, 8:20, 10:30] = 100.0
    volume = make_volume(array, ijk_to_ras=np.eye(4))
    segmentation = make_segmentation(array > 0, volume, ("Kidney",))
    segmentation.CreateClosedSurfaceRepresentation()
    return volume, segmentation


def test_slice_view_shows_volume_and_segment(patient, tmp_path):
    volume, segmentation = patient
    with views.SliceView("Red", (300, 240)) as view:
        view.show(volume, orientation="Axial")
        with_segment = view.picture(tmp_path / "out" / "slice.png")
        segmentation.SetDisplayVisibility(False)
        without_segment = view.picture()
    assert with_segment.shape == (240, 300, 3)
    assert (tmp_path / "out" / "slice.png").read_bytes().startswith(b"\x89PNG")
    # Without the segment the warm box is white in the middle and the corner black.
    assert without_segment[120, 150].tolist() == [255, 255, 255]
    assert without_segment[2, 2].tolist() == [0, 0, 0]
    assert np.abs(with_segment.astype(int) - without_segment).max() > 50


def test_slice_view_follows_the_offset(patient):
    volume, _ = patient
    with views.SliceView("Red", (200, 200)) as view:
        view.show(volume, orientation="Axial", offset_mm=10.0)
        inside = content(view.picture())
        view.show(volume, offset_mm=1.0)
        outside = content(view.picture())
    assert inside > 20
    assert outside < inside / 4


def test_foreground_is_blended(patient, make_volume):
    volume, segmentation = patient
    segmentation.SetDisplayVisibility(False)
    dose = make_volume(np.full((20, 30, 40), 50.0, np.float32), "Dose", np.eye(4))
    dose.GetDisplayNode().SetAndObserveColorNodeID("vtkMRMLColorTableNodeRed")
    dose.GetDisplayNode().SetAutoWindowLevel(False)
    dose.GetDisplayNode().SetWindowLevelMinMax(0, 50)
    with views.SliceView("Red", (200, 200)) as view:
        view.show(volume, foreground=dose, foreground_opacity=0.5, orientation="Axial")
        picture = view.picture().astype(int)
    redness = picture[..., 0] - picture[..., 2]
    assert redness.max() > 60


def test_a_color_legend_that_is_older_than_the_view_is_drawn(patient):
    volume, segmentation = patient
    segmentation.SetDisplayVisibility(False)
    legend = slicer.modules.colors.logic().AddDefaultColorLegendDisplayNode(volume)
    with views.SliceView("Red", (300, 240)) as view:
        view.show(volume, orientation="Axial")
        legend.SetVisibility(False)
        without = view.picture().astype(int)
        legend.SetVisibility(True)
        shown = view.picture().astype(int)
    assert np.abs(shown - without).max() > 100


def test_three_d_view_shows_the_surface(patient, tmp_path):
    _, segmentation = patient
    with views.ThreeDView((200, 200)) as view:
        shown = view.picture(tmp_path / "surface.png").astype(int)
        segmentation.SetDisplayVisibility(False)
        hidden = view.picture().astype(int)
    assert content(shown) > 10
    # The box of 20 x 12 x 10 mm fills a few percent of the view.
    assert (np.abs(shown - hidden).max(axis=-1) > 30).mean() > 0.02


def test_plot_shows_its_series(scene, tmp_path):
    data = np.stack([np.linspace(0, 168, 30), np.exp(-np.linspace(0, 168, 30) / 60)], axis=1)
    chart = slicer.util.plot(data, xColumnIndex=0, columnNames=["time_h", "activity_mbq"], title="Kidney", show=False)
    with_series = views.plot_to_png(chart, tmp_path / "plot.png")
    chart.RemoveAllPlotSeriesNodeIDs()
    without_series = views.plot_to_png(chart)
    assert content(with_series) > content(without_series)
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_a_plot_has_the_ranges_and_fonts_of_its_nodes(scene):
    data = np.stack([np.linspace(0, 10, 30), np.linspace(5, 6, 30)], axis=1)
    chart = slicer.util.plot(data, xColumnIndex=0, columnNames=["x", "y"], title="t", show=False)
    pictures = [views.plot_to_png(chart)]
    chart.SetXAxisRangeAuto(False)
    chart.SetXAxisRange(0, 40)
    pictures.append(views.plot_to_png(chart))
    chart.SetTitleFontSize(40)
    pictures.append(views.plot_to_png(chart))
    chart.GetNthPlotSeriesNode(0).SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleDot)
    pictures.append(views.plot_to_png(chart))
    assert all(not np.array_equal(first, second) for first, second in itertools.pairwise(pictures))


def test_logarithmic_axis_changes_the_picture(scene):
    data = np.stack([np.linspace(1, 100, 30), np.linspace(1, 100, 30) ** 3], axis=1)
    chart = slicer.util.plot(data, xColumnIndex=0, columnNames=["x", "y"], title="t", show=False)
    linear = views.plot_to_png(chart)
    chart.SetYAxisLogScale(True)
    assert not np.array_equal(views.plot_to_png(chart), linear)


def test_machine_without_graphics_is_told(monkeypatch):
    class NoWindow:
        def GetClassName(self):
            return "vtkNoSuchRenderWindow"

    monkeypatch.setattr(views.subprocess, "run", lambda *a, **k: type("Result", (), {"returncode": -11})())
    with pytest.raises(RuntimeError, match=r"Expected OpenGL without a display \(EGL\), found none; install"):
        views.require_rendering(NoWindow())


def test_window_of_this_machine_draws():
    views.require_rendering(vtk.vtkRenderWindow())
