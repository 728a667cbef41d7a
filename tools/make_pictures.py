"""Draws the icon and the screenshots of the extension: ``make screenshots`` after ``make demo``.

Every section of the panel, the result layout, and the panel beside the layout, all of the scene that the demo left.
"""

import argparse
import contextlib
import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "Testing")]

import host

ICON = ROOT / "RNTDosimetry" / "Resources" / "Icons" / "RNTDosimetry.png"
SCREENSHOT = ROOT / "Resources" / "Screenshots" / "RNTDosimetry.png"
ICON_SIZE = 128
PANEL_WIDTH = 500
VIEW_SIZE = (460, 380)
SCREENSHOT_WIDTH = 1400
ZOOM = 1.3
SECTIONS = ("run", "study", "timePoints", "registration", "regions", "kinetics", "dose", "planning", "course", "report")
OPENED = {"regions": ("draw",), "dose": ("doseAdvanced",), "report": ("reportAdvanced",)}


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


def computed_panel(scene_file: Path):
    """The panel with the study of the scene, the way a user leaves it: a lesion clicked, a folder chosen."""
    import slicer

    slicer.util.loadScene(str(scene_file.resolve()))
    container = slicer.modules.rntdosimetry.widgetRepresentation()
    container.enter()
    widget = container.self()
    widget.ui.dicomFolderPathLineEdit.currentPath = "phantom/dicom"
    widget.ui.outputFolderPathLineEdit.currentPath = "report"
    widget.ui.selfCheckButton.click()
    widget.ui.registrationTableWidget.selectRow(2)
    widget.ui.kineticsTableWidget.selectRow(4)
    container.show()
    return container, widget


def fill_planning(widget) -> None:
    """Scout, CT and segments of the radioembolization phantom in the scene, planned by the one click of the section."""
    import numpy as np
    from RNTDosimetryScene.nodes import segments, volumes

    from RNTDosimetryLib.images import Region
    from RNTDosimetryLib.phantom.radioembolisation import TareSettings, simulate_tare
    from RNTDosimetryLib.phantom.radioembolisation.case import tare_protocol

    scans, protocol = simulate_tare(TareSettings(size="small")), tare_protocol()
    regions = {region.name: region for region in scans.regions}
    ct, scout = volumes.add_ct(scans.ct), volumes.add_activity(scans.scout)
    ct.SetName("Scout CT")
    scout.SetName("Scout MAA")
    territories = [
        Region(f"{name} lobe", regions[members[0]].geometry, sum(np.asarray(regions[member].occupancy) for member in members))
        for name, members in protocol["territories"].items()
    ]
    drawn = [*territories, *(regions[name] for name in ("tumour_1", "tumour_2", "lungs", "stomach"))]
    segmentation = segments.add_segmentation("Scout segments", drawn, ct)
    ui = widget.ui
    ui.planScoutSelector.setCurrentNode(scout)
    ui.planCtSelector.setCurrentNode(ct)
    ui.planSegmentationSelector.setCurrentNode(segmentation)
    ui.planScoutResolutionSpinBox.value = protocol["scout"]["spect"]["psf_fwhm_mm"]
    ui.planProductComboBox.currentText = protocol["treatment"]["product"]
    ui.planFolderPathLineEdit.currentPath = "plan"
    ui.planSegmentsButton.click()


def fill_course(widget, out: Path) -> None:
    """The course of the demo, named as seen from its folder."""
    with contextlib.chdir(out):
        widget.ui.coursePathLineEdit.currentPath = "course/COURSE.json"
        widget.ui.courseFolderPathLineEdit.currentPath = "report"
        widget.ui.courseComputeButton.click()


def settle(container) -> None:
    """Let Qt lay out and draw what has changed."""
    import slicer

    for _ in range(3):
        container.resize(PANEL_WIDTH, max(200, container.sizeHint.height()))
        slicer.app.processEvents()


def draw_sections(container, widget, folder: Path) -> list[Path]:
    """One picture of each section, open, with the others closed."""
    boxes = [getattr(widget.ui, f"{name}CollapsibleButton") for name in SECTIONS]
    for box in boxes:
        box.collapsed = True
    paths = []
    for name, box in zip(SECTIONS, boxes):
        box.collapsed = False
        for inner in OPENED.get(name, ()):
            getattr(widget.ui, f"{inner}CollapsibleButton").collapsed = False
        settle(container)
        paths.append(folder / f"{name}.png")
        box.grab().save(str(paths[-1]))
        box.collapsed = True
    return paths


def draw_panel(container, widget):
    """The panel with the sections that lead with results, as an image."""
    for name in SECTIONS:
        getattr(widget.ui, f"{name}CollapsibleButton").collapsed = name not in ("run", "kinetics")
    settle(container)
    return container.grab().toImage()


def draw_result_layout(widget):
    """What "Curves and table" shows: dose over CT with isodoses in three slices, curves, histograms and the table, as an image."""
    import slicer
    from host import views
    from PySide6.QtGui import QImage, QPainter

    widget.ui.isodoseButton.click()
    widget.ui.layoutButton.click()
    node = widget._parameterNode
    for segmentation in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        segmentation.GetDisplayNode().SetVisibility2D(segmentation is node.segmentation)
    image = QImage(3 * VIEW_SIZE[0], 2 * VIEW_SIZE[1], QImage.Format_RGB32)
    image.fill(0)
    painter = QPainter(image)
    for index, (name, orientation) in enumerate((("Red", "Axial"), ("Yellow", "Sagittal"), ("Green", "Coronal"))):
        with views.SliceView(name, VIEW_SIZE) as view:
            offset = view.logic.GetSliceOffset()
            view.show(node.ctVolumes[node.referenceIndex], node.doseVolume, 0.55, orientation=orientation, offset_mm=offset)
            width, height, depth = view.node.GetFieldOfView()
            view.node.SetFieldOfView(width / ZOOM, height / ZOOM, depth)
            _put(painter, view.picture(), index * VIEW_SIZE[0], 0)
    _put(painter, views.plot_to_png(node.timeActivityChart, size=VIEW_SIZE), 0, VIEW_SIZE[1])
    _put(painter, views.plot_to_png(node.histogramChart, size=VIEW_SIZE), VIEW_SIZE[0], VIEW_SIZE[1])
    table = slicer.qMRMLTableView()
    table.setMRMLScene(slicer.mrmlScene)
    table.setMRMLTableNode(node.resultTable)
    table.resize(*VIEW_SIZE)
    table.resizeColumnsToContents()
    table.show()
    painter.drawImage(2 * VIEW_SIZE[0], VIEW_SIZE[1], table.grab().toImage())
    painter.end()
    return image


def _put(painter, pixels, left: int, top: int) -> None:
    from PySide6.QtGui import QImage

    rows, columns, _ = pixels.shape
    painter.drawImage(left, top, QImage(pixels.tobytes(), columns, rows, 3 * columns, QImage.Format_RGB888))


def side_by_side(panel, layout):
    """The panel left of the views, as in the application."""
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QImage, QPainter

    views = layout.scaledToHeight(panel.height(), Qt.SmoothTransformation)
    image = QImage(panel.width() + views.width(), panel.height(), QImage.Format_RGB32)
    painter = QPainter(image)
    painter.drawImage(0, 0, panel)
    painter.drawImage(panel.width(), 0, views)
    painter.end()
    return image


def save_small(image, path: Path) -> None:
    """At most so wide and with fewer shades, so that a page can show several of them."""
    import numpy as np
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QImage

    if image.width() > SCREENSHOT_WIDTH:
        image = image.scaledToWidth(SCREENSHOT_WIDTH, Qt.SmoothTransformation)
    image = image.convertToFormat(QImage.Format_RGB888)
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    fewer = np.where(pixels >= 248, 255, pixels & 0xF0).astype(np.uint8)
    QImage(fewer.tobytes(), image.width(), image.height(), image.bytesPerLine(), QImage.Format_RGB888).save(str(path))


def draw_all(scene_file: Path, folder: Path) -> list[Path]:
    """Every section, the result layout, and both together as the screenshot of the extension."""
    folder.mkdir(parents=True, exist_ok=True)
    container, widget = computed_panel(scene_file)
    fill_planning(widget)
    fill_course(widget, scene_file.parent)
    paths = draw_sections(container, widget, folder)
    layout, panel = draw_result_layout(widget), draw_panel(container, widget)
    save_small(layout, folder / "layout.png")
    save_small(side_by_side(panel, layout), folder / SCREENSHOT.name)
    container.exit()
    return [*paths, folder / "layout.png", folder / SCREENSHOT.name]


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
    paths = draw_all(scene_file, SCREENSHOT.parent)
    print("Written:", ", ".join(str(path.relative_to(ROOT)) for path in (ICON, *paths)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
