"""Pictures of slice, 3D and plot views, drawn without a window by the real displayable managers.

Drawing needs OpenGL: EGL with Mesa is enough and needs no display. Where there is none, a view refuses with a sentence.
"""

import functools
import subprocess
import sys
from pathlib import Path

import numpy as np
import slicer
import vtk
from vtkmodules.util.numpy_support import vtk_to_numpy

from host.scene import start_scene

SLICE_MANAGERS = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLScalarBarDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLTransformsDisplayableManager2D",
    "vtkMRMLLinearTransformsDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)
THREE_D_MANAGERS = (
    "vtkMRMLVolumeRenderingDisplayableManager",
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLThreeDReformatDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager3D",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLTransformsDisplayableManager3D",
    "vtkMRMLLinearTransformsDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)


@functools.cache
def _can_draw(window_class: str) -> bool:
    """EGL is known to work when VTK chooses it; anything else is tried in a process of its own, since it may crash."""
    if "EGL" in window_class:
        return True
    program = "import vtk; w = vtk.vtkRenderWindow(); w.SetOffScreenRendering(1); w.SetSize(8, 8); w.Render()"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


def require_rendering(window) -> None:
    """Raise RuntimeError when this machine cannot draw off-screen."""
    if not _can_draw(window.GetClassName()):
        raise RuntimeError(
            "Expected OpenGL without a display (EGL), found none; install Mesa's EGL (Debian: libegl1 and libgl1-mesa-dri)."
        )


def picture_of(window, path=None) -> np.ndarray:
    """Render a window and return its pixels, shape (rows, columns, 3), top row first; written as PNG when a path is given."""
    window.Render()
    grabber = vtk.vtkWindowToImageFilter()
    grabber.SetInput(window)
    grabber.ReadFrontBufferOff()
    grabber.Update()
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        writer = vtk.vtkPNGWriter()
        writer.SetFileName(str(path))
        writer.SetInputConnection(grabber.GetOutputPort())
        writer.Write()
    image = grabber.GetOutput()
    columns, rows, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1].copy()


class _View:
    """An off-screen window with a group of displayable managers."""

    def __init__(self, factory, manager_names, size: tuple[int, int]) -> None:
        self._host = start_scene()
        self.renderer = vtk.vtkRenderer()
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(*size)
        require_rendering(self.window)
        self.window.AddRenderer(self.renderer)
        self._interactor = vtk.vtkRenderWindowInteractor()
        self._interactor.SetRenderWindow(self.window)
        self._interactor.Initialize()
        self._group = slicer.vtkMRMLDisplayableManagerGroup()
        self._group.SetRenderer(self.renderer)
        for name in manager_names:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self._factory = factory

    def _show_node(self, node) -> None:
        self._group.Initialize(self._factory, self.renderer)
        self._group.SetMRMLDisplayableNode(node)

    def picture(self, path=None) -> np.ndarray:
        return picture_of(self.window, path)

    def close(self) -> None:
        """Let go of the scene and of the graphics memory."""
        self._group.SetMRMLDisplayableNode(None)
        self.window.Finalize()

    def __enter__(self):
        return self

    def __exit__(self, *ignored) -> None:
        self.close()


class SliceView(_View):
    """A slice view of the layout ("Red", "Yellow", "Green"), drawn as the application draws it."""

    def __init__(self, name: str = "Red", size: tuple[int, int] = (500, 500)) -> None:
        super().__init__(slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance(), SLICE_MANAGERS, size)
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self._add_overlay()
        mapper = vtk.vtkImageMapper()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(mapper)
        self._actor.GetProperty().SetDisplayLocationToBackground()
        self.logic = self._host.application.layoutManager().sliceWidget(name).sliceLogic()
        self.node = self.logic.GetSliceNode()
        self.composite = self.logic.GetSliceCompositeNode()
        self._show_node(self.node)
        self._announce_legends()

    def _announce_legends(self) -> None:
        """A view of the application is older than the legends; this one is told of them as of a changed layer."""
        self.composite.SetInteractionFlags(self.composite.ForegroundVolumeFlag)
        self.composite.Modified()
        self.composite.SetInteractionFlags(0)

    def _add_overlay(self) -> None:
        """Legends and color bars are drawn in a layer above the image."""
        overlay = vtk.vtkRenderer()
        overlay.GetActiveCamera().ParallelProjectionOn()
        overlay.SetLayer(1)
        self.window.SetNumberOfLayers(2)
        self.window.SetAlphaBitPlanes(1)
        self.window.AddRenderer(overlay)

    def show(
        self, background=None, foreground=None, foreground_opacity=0.5, label=None, orientation=None, offset_mm=None
    ) -> None:
        """Choose the layers, fit the view to them and move to a slice (mm along the slice normal)."""
        if orientation is not None:
            self.node.SetOrientation(orientation)
        if background is not None:
            self.composite.SetBackgroundVolumeID(background.GetID())
        if foreground is not None:
            self.composite.SetForegroundVolumeID(foreground.GetID())
            self.composite.SetForegroundOpacity(foreground_opacity)
        if label is not None:
            self.composite.SetLabelVolumeID(label.GetID())
        self.logic.ResizeSliceNode(*self.window.GetSize())
        self.logic.FitSliceToAll()
        self.logic.SnapSliceOffsetToIJK()
        if offset_mm is not None:
            self.logic.SetSliceOffset(offset_mm)

    def picture(self, path=None) -> np.ndarray:
        connection = self.logic.GetImageDataConnection()
        self._actor.GetMapper().SetInputConnection(connection)
        self._actor.SetVisibility(connection is not None)
        if not self.renderer.HasViewProp(self._actor):
            self.renderer.AddViewProp(self._actor)
        return super().picture(path)


class ThreeDView(_View):
    """The 3D view of the layout."""

    def __init__(self, size: tuple[int, int] = (500, 500)) -> None:
        super().__init__(slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance(), THREE_D_MANAGERS, size)
        self.node = self._host.scene.GetFirstNodeByClass("vtkMRMLViewNode")
        self._show_node(self.node)

    def picture(self, path=None) -> np.ndarray:
        """The whole content, seen from the front."""
        self.renderer.ResetCamera()
        self.renderer.ResetCameraClippingRange()
        return super().picture(path)


_MARKERS = {
    "none": vtk.vtkPlotPoints.NONE,
    "cross": vtk.vtkPlotPoints.CROSS,
    "plus": vtk.vtkPlotPoints.PLUS,
    "square": vtk.vtkPlotPoints.SQUARE,
    "circle": vtk.vtkPlotPoints.CIRCLE,
    "diamond": vtk.vtkPlotPoints.DIAMOND,
}
_LINES = {
    "solid": vtk.vtkPen.SOLID_LINE,
    "dash": vtk.vtkPen.DASH_LINE,
    "dot": vtk.vtkPen.DOT_LINE,
    "dash-dot": vtk.vtkPen.DASH_DOT_LINE,
    "dash-dot-dot": vtk.vtkPen.DASH_DOT_DOT_LINE,
}


def plot_to_png(chart, path=None, size: tuple[int, int] = (600, 400)) -> np.ndarray:
    """Picture of a plot chart node as the application draws it: colors, lines, markers, fonts, ranges and scales of the nodes."""
    view = vtk.vtkContextView()
    window = view.GetRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetSize(*size)
    require_rendering(window)
    view.GetRenderer().SetBackground(1, 1, 1)
    plot = vtk.vtkChartXY()
    view.GetScene().AddItem(plot)
    plot.SetTitle(chart.GetTitle() or "")
    plot.GetTitleProperties().SetFontSize(chart.GetTitleFontSize())
    plot.SetShowLegend(chart.GetLegendVisibility())
    plot.GetLegend().GetLabelProperties().SetFontSize(chart.GetLegendFontSize())
    for position, title, logarithmic, automatic, span in (
        (vtk.vtkAxis.BOTTOM, chart.GetXAxisTitle(), chart.GetXAxisLogScale(), chart.GetXAxisRangeAuto(), chart.GetXAxisRange()),
        (vtk.vtkAxis.LEFT, chart.GetYAxisTitle(), chart.GetYAxisLogScale(), chart.GetYAxisRangeAuto(), chart.GetYAxisRange()),
    ):
        axis = plot.GetAxis(position)
        axis.SetTitle(title or "")
        axis.GetTitleProperties().SetFontSize(chart.GetAxisTitleFontSize())
        axis.GetLabelProperties().SetFontSize(chart.GetAxisLabelFontSize())
        axis.SetLogScale(logarithmic)
        if not automatic:
            axis.SetBehavior(vtk.vtkAxis.FIXED)
            axis.SetUnscaledRange(*span)
            axis.Update()
    for index in range(chart.GetNumberOfPlotSeriesNodes()):
        _add_series(plot, chart.GetNthPlotSeriesNode(index))
    picture = picture_of(window, path)
    window.Finalize()
    return picture


def _add_series(plot, series) -> None:
    table = series.GetTableNode().GetTable()
    columns = [table.GetColumnName(column) for column in range(table.GetNumberOfColumns())]
    line_is_hidden = series.GetLineStyle() == slicer.vtkMRMLPlotSeriesNode.LineStyleNone
    item = plot.AddPlot(vtk.vtkChart.POINTS if line_is_hidden else vtk.vtkChart.LINE)
    if series.GetXColumnName() in columns:
        item.SetInputData(table, columns.index(series.GetXColumnName()), columns.index(series.GetYColumnName()))
    else:
        item.SetUseIndexForXSeries(True)
        item.SetInputData(table, 0, columns.index(series.GetYColumnName()))
    item.SetColorF(*series.GetColor())
    item.SetWidth(series.GetLineWidth())
    item.SetLabel(series.GetName())
    item.SetMarkerStyle(_MARKERS[series.GetMarkerStyleAsString(series.GetMarkerStyle())])
    item.SetMarkerSize(series.GetMarkerSize())
    if not line_is_hidden:
        item.GetPen().SetLineType(_LINES[series.GetLineStyleAsString(series.GetLineStyle())])
