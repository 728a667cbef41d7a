"""Draws the icon and the screenshot of the extension: ``make screenshots`` after ``make demo``.

The screenshot is the panel beside a slice with the dose and the time-activity plot, all of the scene that the demo left.
"""

import argparse
import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "Testing")]

import host  # noqa: E402

ICON = ROOT / "RNTDosimetry" / "Resources" / "Icons" / "RNTDosimetry.png"
SCREENSHOT = ROOT / "Resources" / "Screenshots" / "RNTDosimetry.png"
ICON_SIZE = 128
PANEL_SIZE = (460, 860)
VIEW_SIZE = (640, 430)


def draw_icon(path: Path) -> None:
    """A time-activity curve with its samples, on a dose-colored disc."""
    from PySide6.QtCore import QPointF, Qt
    from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF, QRadialGradient

    image = QImage(ICON_SIZE, ICON_SIZE, QImage.Format_ARGB32)
    image.fill(Qt.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.Antialiasing)
    glow = QRadialGradient(ICON_SIZE / 2, ICON_SIZE / 2, ICON_SIZE / 2)
    glow.setColorAt(0.0, QColor(255, 205, 60))
    glow.setColorAt(0.55, QColor(225, 85, 40))
    glow.setColorAt(1.0, QColor(60, 25, 90))
    painter.setBrush(glow)
    painter.setPen(Qt.NoPen)
    painter.drawEllipse(2, 2, ICON_SIZE - 4, ICON_SIZE - 4)

    def point(fraction: float) -> QPointF:
        height = (math.exp(-2.2 * fraction) - math.exp(-14 * fraction)) / 0.62
        return QPointF(24 + 80 * fraction, 96 - 62 * height)

    painter.setPen(QPen(Qt.white, 4, Qt.SolidLine, Qt.RoundCap, Qt.RoundJoin))
    painter.setBrush(Qt.NoBrush)
    painter.drawPolyline(QPolygonF([point(step / 60) for step in range(61)]))
    painter.setBrush(Qt.white)
    for fraction in (0.05, 0.3, 0.6, 0.95):
        painter.drawEllipse(point(fraction), 7, 7)
    painter.end()
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(str(path))


def picture_of_panel(size: tuple[int, int]):
    """The module's panel with the study of the scene."""
    import slicer

    panel = slicer.modules.rntdosimetry.widgetRepresentation()
    panel.enter()
    panel.resize(*size)
    panel.show()
    for _ in range(3):
        slicer.app.processEvents()
    return panel.grab().toImage()


def pictures_of_views(size: tuple[int, int]) -> list:
    """A coronal slice of CT and dose through the hottest voxel, and the first plot chart."""
    import numpy as np
    import slicer
    from host import views

    volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    dose = next(node for node in volumes if node.GetAttribute("DicomRtImport.DoseVolume") == "1")
    ct = next(node for node in volumes if "CT" in node.GetName())
    for segmentation in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        segmentation.GetDisplayNode().SetVisibility2DFill(False)
    array = slicer.util.arrayFromVolume(dose)
    hottest = np.unravel_index(int(array.argmax()), array.shape)[::-1]
    matrix = slicer.vtkMRMLSliceNode().GetXYToRAS().__class__()
    dose.GetIJKToRASMatrix(matrix)
    position = matrix.MultiplyPoint((*map(float, hottest), 1.0))
    with views.SliceView("Green", size) as view:
        view.show(ct, foreground=dose, foreground_opacity=0.55, orientation="Coronal", offset_mm=position[1])
        pictures = [view.picture()]
    charts = slicer.util.getNodesByClass("vtkMRMLPlotChartNode")
    if charts:
        pictures.append(views.plot_to_png(charts[0], size=size))
    return pictures


def draw_screenshot(scene_file: Path, path: Path) -> None:
    import slicer
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QImage, QPainter

    slicer.util.loadScene(str(scene_file))
    pictures = pictures_of_views(VIEW_SIZE)
    panel = picture_of_panel(PANEL_SIZE)
    image = QImage(PANEL_SIZE[0] + VIEW_SIZE[0], PANEL_SIZE[1], QImage.Format_RGB32)
    image.fill(Qt.black)
    painter = QPainter(image)
    painter.drawImage(0, 0, panel)
    for index, pixels in enumerate(pictures):
        rows, columns, _ = pixels.shape
        painter.drawImage(PANEL_SIZE[0], index * VIEW_SIZE[1], QImage(pixels.tobytes(), columns, rows, 3 * columns, QImage.Format_RGB888))
    painter.end()
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(str(path))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="folder that make demo wrote")
    options = parser.parse_args()
    scene_file = options.out / "scene.mrb"
    if not scene_file.is_file():
        print(f"Expected {scene_file}, found none; run make demo first.", file=sys.stderr)
        return 2
    host.start_application()
    draw_icon(ICON)
    host.load_module(ROOT / "RNTDosimetry", "RNTDosimetry")
    draw_screenshot(scene_file, SCREENSHOT)
    print(f"Written: {ICON.relative_to(ROOT)}, {SCREENSHOT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
