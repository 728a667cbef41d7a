"""Pictures of every section and of the result layout: not empty, nothing clipped, small enough for a page. They stay in out/."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "out" / "screenshots"
LARGEST_BYTES = 200_000


@pytest.fixture(scope="module")
def pictures(computed_scene, module, tmp_path_factory):
    """(paths, widget) of the pictures of the small phantom, drawn by the tool that draws those of the documentation."""
    import slicer

    specification = importlib.util.spec_from_file_location("make_pictures", ROOT / "tools" / "make_pictures.py")
    tool = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(tool)
    scene_file = tmp_path_factory.mktemp("scene") / "scene.mrb"
    slicer.util.saveScene(str(scene_file))
    paths = tool.draw_all(scene_file, OUT)
    return paths, module.widgetRepresentation().self()


def pixels(path) -> np.ndarray:
    from PySide6.QtGui import QImage

    image = QImage(str(path)).convertToFormat(QImage.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)


def test_every_section_has_a_picture_that_is_not_empty(pictures):
    paths, _widget = pictures
    assert len(paths) == 12
    for path in paths:
        found = pixels(path)
        assert len(np.unique(found.astype(int) @ [65536, 256, 1])) > 20, path.name
        assert found.std() > 5, path.name
        assert path.stat().st_size < LARGEST_BYTES, path.name


def test_the_layout_shows_dose_in_color_over_a_gray_ct(pictures):
    paths, _widget = pictures
    layout = pixels(next(path for path in paths if path.name == "layout.png")).astype(int)
    slices = layout[: layout.shape[0] // 2]
    for third in np.array_split(slices, 3, axis=1):
        colored = third.max(axis=2) - third.min(axis=2) > 60
        gray = (third.max(axis=2) - third.min(axis=2) < 10) & (third.max(axis=2) > 60)
        assert colored.mean() > 0.005
        assert gray.mean() > 0.02


def test_every_slice_of_the_layout_has_its_legend(pictures):
    """The bar with all colors of the dose, in the upper right corner, and its numbers in white beside it."""
    paths, _widget = pictures
    layout = pixels(next(path for path in paths if path.name == "layout.png")).astype(int)
    slices = layout[: layout.shape[0] // 2]
    for third in np.array_split(slices, 3, axis=1):
        corner = third[: slices.shape[0] * 2 // 3, -third.shape[1] // 6 :]
        strong = corner[corner.max(axis=2) - corner.min(axis=2) > 150]
        assert {int(color.argmax()) for color in strong} == {0, 1, 2}
        assert (corner.min(axis=2) > 200).mean() > 0.005


def test_no_label_or_button_is_clipped(pictures):
    """Every text of the panel gets the width that it asks for, at the width of Slicer's module panel."""
    import qt
    import slicer

    _paths, widget = pictures
    container = slicer.modules.rntdosimetry.widgetRepresentation()
    container.enter()
    for section in (*widget.panel.sections,):
        section.widget("CollapsibleButton").collapsed = False
    container.show()
    slicer.app.processEvents()
    clipped, seen = [], 0
    for child in container.findChildren(qt.QPushButton) + container.findChildren(qt.QLabel):
        wraps = isinstance(child, qt.QLabel) and child.wordWrap
        wanted = child.sizeHint() if callable(child.sizeHint) else child.sizeHint
        seen += bool(child.isVisible() and child.text)
        if child.isVisible() and child.text and not wraps and child.width < wanted.width():
            clipped.append(child.text)
    container.exit()
    assert clipped == []
    assert seen > 60


def test_every_input_has_a_tooltip_and_every_label_ends_in_a_colon(module):
    import qt

    widget = module.widgetRepresentation().self()
    names = [name for name in vars(widget.ui) if not name.startswith("_")]
    kinds = ("Button", "SpinBox", "ComboBox", "LineEdit", "Selector", "Widget", "View", "TextEdit")
    inputs = [
        getattr(widget.ui, name)
        for name in names
        if name.endswith(kinds) and "Collapsible" not in name and not name.startswith("label_")
    ]
    without = [item.name for item in inputs if isinstance(item, qt.QWidget) and not item.toolTip]
    assert without == []
    labels = [getattr(widget.ui, name) for name in names if name.startswith("label_")]
    assert [label.text for label in labels if isinstance(label, qt.QLabel) and not label.text.endswith(":")] == []


def test_the_pictures_of_the_documents_are_small():
    folder = ROOT / "Resources" / "Screenshots"
    assert {path.name: path.stat().st_size for path in folder.glob("*.png") if path.stat().st_size > LARGEST_BYTES} == {}
    assert len(list(folder.glob("*.png"))) == 12


def test_catalog_entry():
    """Keys of the schema v1.0.2 of the extension catalog, as the index asks for them."""
    entry = json.loads((ROOT / "Resources" / "catalog" / "RNTDosimetry.json").read_text(encoding="utf-8"))
    allowed = {
        "$schema",
        "category",
        "scm_url",
        "scm_revision",
        "scm_type",
        "build_dependencies",
        "dicom_support_rule",
        "build_subdirectory",
        "enabled",
        "tier",
    }
    assert set(entry) <= allowed
    assert entry["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.2.json#")
    assert entry["category"] == "Nuclear Medicine"
    assert entry["scm_url"].endswith("SlicerRNTDosimetry")
    assert 1 <= entry["tier"] <= 5
