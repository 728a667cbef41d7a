"""Slice pictures: right voxel, right color, right side of the patient, right size."""

import base64
import re
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.images.geometry import ImageGeometry
from RNTDosimetryLib.report import GrayImage, Outline, Overlay, png_bytes, slice_figure
from RNTDosimetryLib.report.pictures import blend, outlines
from RNTDosimetryLib.report.planes import box_of, plane_through, sample_plane
from RNTDosimetryLib.report.svg import difference_colors, dose_colors

SVG = "{http://www.w3.org/2000/svg}"
ANISOTROPIC = ImageGeometry((10, 20, 30), (5.0, 2.0, 2.0), (-29.0, -19.0, -22.5))


def decoded(png: bytes) -> np.ndarray:
    """Pixels, (rows, columns, channels), as VTK's own PNG reader sees them."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOImage import vtkPNGReader

    reader = vtkPNGReader()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        path.write_bytes(png)
        reader.SetFileName(str(path))
        reader.Update()
    image = reader.GetOutput()
    columns, rows, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1]


def panels(svg: str) -> list[tuple[ElementTree.Element, np.ndarray]]:
    """Image elements of the figure with their pixels."""
    found = ElementTree.fromstring(svg).findall(f"{SVG}image")
    return [(item, decoded(base64.b64decode(item.get("href").split(",")[1]))) for item in found]


def voxel_point(geometry: ImageGeometry, index) -> np.ndarray:
    return (geometry.index_to_lps @ [*index[::-1], 1.0])[:3]


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (40, 17), (1, 1, 3), (7, 4, 3), (64, 33, 3)])
def test_png_comes_back_through_another_reader(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(decoded(png_bytes(pixels)).reshape(shape), pixels)


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2), np.uint8), np.zeros(3, np.uint8)]
)
def test_other_pixels_are_refused(bad):
    with pytest.raises(DosimetryError, match="Expected a gray or RGB picture"):
        png_bytes(bad)


def test_blend_gives_gray_window_and_dose_colors():
    style = Overlay(np.array([[[0.0, 10.0]]]), ImageGeometry((1, 1, 2), (1, 1, 1)), opacity=0.5, threshold=0.1)
    gray = np.array([[-1000.0, -160.0, 40.0, 240.0, 3000.0]])
    np.testing.assert_array_equal(blend(gray, None, (-160, 240), None)[0, :, 0], [0, 0, 128, 255, 255])
    picture = blend(np.full((1, 3), 40.0), np.array([[0.5, 5.0, 10.0]]), (-160, 240), style)
    np.testing.assert_array_equal(picture[0, 0], [128, 128, 128])
    for column, fraction in ((1, 0.5), (2, 1.0)):
        np.testing.assert_allclose(picture[0, column], 0.5 * 127.5 + 0.5 * dose_colors(fraction), atol=0.51)


def test_dose_colors_run_from_dark_to_bright():
    # Ends of the color map plasma as its authors published it: rgb (0.050383, 0.029803, 0.527975) and (0.940015, 0.975158, 0.131326).
    np.testing.assert_allclose(
        dose_colors([0.0, 1.0]) / 255, [[0.050383, 0.029803, 0.527975], [0.940015, 0.975158, 0.131326]], atol=0.003
    )
    lightness = dose_colors(np.linspace(0, 1, 200)) @ [0.2126, 0.7152, 0.0722]
    assert np.all(np.diff(lightness) > 0)
    np.testing.assert_array_equal(dose_colors([-1.0, 2.0]), dose_colors([0.0, 1.0]))


# Marked voxel near the patient's right, front and head: where it must be seen in each plane (share of width and height).
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, -1, -1)])
def test_right_front_and_head_are_where_radiologists_look_for_them(flips):
    corner = [-29.0 if flips[0] > 0 else 29.0, -19.0 if flips[1] > 0 else 19.0, -22.5 if flips[2] > 0 else 22.5]
    geometry = ImageGeometry((10, 20, 30), (5.0, 2.0, 2.0), corner, tuple(map(tuple, np.diag(flips).astype(float))))
    point = np.array([-25.0, -15.0, 17.5])
    index = tuple(np.rint(np.linalg.inv(geometry.index_to_lps) @ [*point, 1])[:3].astype(int)[::-1])
    values = np.full(geometry.size, -160.0)
    values[index] = 240.0
    drawn = panels(slice_figure("t", GrayImage(values, geometry), crop=False, point_lps_mm=point))
    assert [pixels.shape[:2] for _, pixels in drawn] == [(20, 30), (25, 30), (25, 20)]
    for (_, pixels), (row, column) in zip(drawn, [(2, 2), (slice(1, 4), 2), (slice(1, 4), 2)]):
        assert pixels[row, column, 0].max() > 200
        bright = np.argwhere(pixels[..., 0] > 60)
        assert bright[:, 0].max() <= 5
        assert bright[:, 1].max() <= 5


def test_letters_name_the_sides():
    svg = slice_figure("t", GrayImage(np.zeros(ANISOTROPIC.size), ANISOTROPIC), crop=False)
    root = ElementTree.fromstring(svg)
    white = [item for item in root.findall(f"{SVG}text") if item.get("fill") == "#ffffff"]
    assert [item.text for item in white] == ["R", "L", "A", "P", "R", "L", "S", "I", "A", "P", "S", "I"]
    for image, letters in zip(root.findall(f"{SVG}image"), (white[:4], white[4:8], white[8:])):
        x, y, width, height = (float(image.get(name)) for name in ("x", "y", "width", "height"))
        across, down = [float(item.get("x")) for item in letters], [float(item.get("y")) for item in letters]
        assert x < across[0] < across[2] < across[1] < x + width + 1
        assert y < down[2] < down[0] < down[3] < y + height + 1


def test_differences_are_blue_below_and_red_above_zero():
    geometry = ImageGeometry((6, 8, 8), (2.0, 2.0, 2.0))
    difference = np.zeros(geometry.size)
    difference[3, 4, 5], difference[3, 4, 2] = -2.0, 1.0
    overlay = Overlay(difference, geometry, label="Kernel minus local", opacity=1.0, signed=True)
    assert overlay.maximum == 2.0
    svg = slice_figure("t", GrayImage(np.full(geometry.size, 40.0), geometry), overlay, planes=("axial",), crop=False)
    (_, axial), (_, bar) = panels(svg)
    np.testing.assert_allclose(axial[4, 5], difference_colors(-1.0), atol=0.51)
    np.testing.assert_allclose(axial[4, 2], difference_colors(0.5), atol=0.51)
    np.testing.assert_array_equal(axial[0, 0], [128, 128, 128])
    assert axial[4, 5, 2] > axial[4, 5, 0]
    assert axial[4, 2, 0] > axial[4, 2, 2]
    np.testing.assert_allclose(bar[[0, -1], 0], [difference_colors(1.0), difference_colors(-1.0)], atol=0.51)
    words = [item.text for item in ElementTree.fromstring(svg).findall(f"{SVG}text")]
    assert {"−2", "0", "2"} <= set(words)


def test_colors_that_end_below_the_highest_value_are_said():
    dose = np.full(ANISOTROPIC.size, 3.0)
    dose[0, 0, 0] = 30.0
    assert "Colors end at 10 Gy; the highest value is 30 Gy." in slice_figure("t", None, Overlay(dose, ANISOTROPIC, maximum=10.0))
    assert "Colors end" not in slice_figure("t", None, Overlay(dose, ANISOTROPIC))


def test_regions_that_no_plane_meets_are_marked():
    near, far = np.zeros(ANISOTROPIC.size), np.zeros(ANISOTROPIC.size)
    near[5:8, 8:12, 10:20], far[0:2, 0:3, 0:3] = 1, 1
    svg = slice_figure("t", None, None, [Outline("Near", near, ANISOTROPIC), Outline("Far", far, ANISOTROPIC)])
    assert ">1 Near<" in svg
    assert ">2 Far (not in these slices)<" in svg


def test_pictures_have_true_proportions_and_a_scale_bar_of_5_cm():
    root = ElementTree.fromstring(slice_figure("t", GrayImage(np.zeros(ANISOTROPIC.size), ANISOTROPIC), crop=False))
    sizes = [(float(i.get("width")), float(i.get("height"))) for i in root.findall(f"{SVG}image")]
    # 30 x 2 mm wide, 20 x 2 mm deep, 10 x 5 mm high.
    scale = sizes[0][0] / 60
    np.testing.assert_allclose(sizes, np.array([(60, 40), (60, 50), (40, 50)]) * scale, atol=0.11)
    bars = [i for i in root.findall(f"{SVG}line") if i.get("stroke") == "#ffffff" and i.get("stroke-width") == "2"]
    np.testing.assert_allclose([float(i.get("x2")) - float(i.get("x1")) for i in bars], [50 * scale] * 3, atol=0.11)


def test_known_pixels_of_the_figure_have_the_color_of_their_dose():
    geometry = ImageGeometry((6, 8, 8), (2.0, 2.0, 2.0))
    dose = np.zeros(geometry.size)
    dose[3, 4, 5], dose[3, 4, 2] = 20.0, 10.0
    svg = slice_figure(
        "t",
        GrayImage(np.full(geometry.size, 40.0), geometry),
        Overlay(dose, geometry, opacity=1.0),
        planes=("axial",),
        crop=False,
    )
    (_, axial), (_, bar) = panels(svg)
    np.testing.assert_allclose(axial[4, 5], dose_colors(1.0), atol=0.51)
    np.testing.assert_allclose(axial[4, 2], dose_colors(0.5), atol=0.51)
    np.testing.assert_array_equal(axial[0, 0], [128, 128, 128])
    np.testing.assert_allclose(bar[0, 0], dose_colors(1.0), atol=0.51)
    np.testing.assert_allclose(bar[-1, 0], dose_colors(0.0), atol=0.51)


def test_color_bar_has_label_unit_and_values_at_their_height():
    geometry = ImageGeometry((6, 8, 8), (2.0, 2.0, 2.0))
    overlay = Overlay(np.full(geometry.size, 20.0), geometry)
    root = ElementTree.fromstring(slice_figure("t", None, overlay))
    words = {item.text: float(item.get("y")) for item in root.findall(f"{SVG}text")}
    assert {"Absorbed", "dose", "(Gy)", "0", "5", "10", "15", "20"} <= set(words)
    bar = root.findall(f"{SVG}image")[-1]
    top, height = float(bar.get("y")), float(bar.get("height"))
    assert words["20"] - 4 == pytest.approx(top, abs=0.2)
    assert words["5"] - 4 == pytest.approx(top + 0.75 * height, abs=0.2)


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
@settings(deadline=None, max_examples=100)
def test_outlines_enclose_exactly_the_mask(mask):
    area = 0.0
    for curve in outlines(mask):
        x, y = curve.T
        area += 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
        steps = np.abs(np.roll(curve, -1, axis=0) - curve).max(axis=1)
        assert steps.max() <= 1.0
    # Around each pixel center the outline cuts the corners of its square: every cell of four centers counts one eighth for a
    # single corner, one half for two neighbors, seven eighths for three, one for four, and the middle decides for two opposite.
    padded = np.pad(mask, 1)
    corners = np.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, 1:], padded[1:, :-1]])
    count, opposite = corners.sum(axis=0), (corners[0] == corners[2]) & (corners[1] == corners[3]) & (corners[0] != corners[1])
    share = np.array([0, 1 / 8, 1 / 2, 7 / 8, 1])[count]
    share[opposite] = 3 / 4
    assert abs(area) == pytest.approx(share.sum(), abs=1e-9)


def test_outline_of_a_sphere_has_its_radius():
    z, y, x = np.mgrid[-20:21, -20:21, -20:21]
    geometry = ImageGeometry(x.shape, (2.0, 2.0, 2.0), (-40.0, -40.0, -40.0))
    occupancy = np.clip(15.0 - np.sqrt(x**2 + y**2 + z**2) + 0.5, 0, 1)
    plane = plane_through("coronal", (0, 0, 0), box_of(geometry), 1.0)
    (curve,) = outlines(sample_plane(occupancy, geometry, plane))
    center = plane.pixel_of((0, 0, 0))
    radius_mm = np.hypot(*(curve - center).T) * plane.pixel_mm
    np.testing.assert_allclose(radius_mm, 30.0, atol=0.3)


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
@settings(deadline=None, max_examples=25)
def test_planes_through_oblique_grids_show_the_true_values(a, b, c):
    turns = np.eye(3)
    for (i, j), angle in zip(((0, 1), (0, 2), (1, 2)), (a, b, c)):
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        turns = turns @ turn
    geometry = ImageGeometry((20, 24, 28), (4.0, 2.5, 2.0), tuple(turns @ [-27.0, -29.0, -38.0]), tuple(map(tuple, turns)))
    index = np.stack(np.meshgrid(*map(np.arange, geometry.size), indexing="ij"), axis=-1)[..., ::-1]
    points = index @ geometry.index_to_lps[:3, :3].T + geometry.index_to_lps[:3, 3]
    linear = points @ [1.0, 2.0, -3.0]
    for name in ("axial", "coronal", "sagittal"):
        plane = plane_through(name, (1.0, -2.0, 3.0), np.array([[-12.0, -12, -12], [12, 12, 12]]), 1.5)
        row, column = np.mgrid[: plane.rows, : plane.columns]
        at = np.asarray(plane.corner_lps_mm) + plane.pixel_mm * (
            row[..., None] * plane.down + column[..., None] * np.asarray(plane.right)
        )
        np.testing.assert_allclose(sample_plane(linear, geometry, plane), at @ [1.0, 2.0, -3.0], atol=1e-3)


def test_outside_the_image_is_outside():
    geometry = ImageGeometry((4, 4, 4), (1.0, 1.0, 1.0))
    plane = plane_through("axial", (1.5, 1.5, 1.5), np.array([[-2.5, -2.5, -2.5], [5.5, 5.5, 5.5]]), 1.0)
    sampled = sample_plane(np.full(geometry.size, 7.0), geometry, plane, outside=-1.0)
    assert sampled.shape == (8, 8)
    np.testing.assert_array_equal(sampled == 7.0, np.pad(np.ones((4, 4), bool), 2))
    assert set(np.unique(sampled)) == {-1.0, 7.0}


def test_slices_go_through_the_highest_dose_else_the_first_region():
    dose = np.zeros(ANISOTROPIC.size)
    dose[7, 3, 25] = 9.0
    mask = np.zeros(ANISOTROPIC.size)
    mask[2:5, 4:7, 10:13] = 1
    highest, middle = voxel_point(ANISOTROPIC, (7, 3, 25)), voxel_point(ANISOTROPIC, (3, 5, 11))
    region = [Outline("Kidney", mask, ANISOTROPIC)]

    def place(svg):
        return re.search(r"Slices through ([^.]+)\.", svg).group(1)

    assert place(slice_figure("t", None, Overlay(dose, ANISOTROPIC), region)) == "L 21 mm, A 13 mm, S 12 mm"
    np.testing.assert_array_equal(np.abs(highest), [21.0, 13.0, 12.5])
    assert place(slice_figure("t", GrayImage(mask, ANISOTROPIC), None, region)) == "R 7 mm, A 9 mm, I 8 mm"
    np.testing.assert_array_equal(np.abs(middle), [7.0, 9.0, 7.5])
    assert place(slice_figure("t", GrayImage(mask, ANISOTROPIC), point_lps_mm=(3, 4, 5))) == "L 3 mm, P 4 mm, S 5 mm"


def test_regions_are_numbered_and_named_outside_the_pictures():
    mask = np.zeros(ANISOTROPIC.size)
    mask[2:8, 4:16, 5:25] = 1
    regions = [Outline(name, mask, ANISOTROPIC) for name in ("Liver", "<script>alert(1)</script>", *"abcdefgh")]
    root = ElementTree.fromstring(slice_figure("Regions & <dose>", GrayImage(mask * 40, ANISOTROPIC), None, regions))
    words = [item.text for item in root.iter(f"{SVG}text")]
    assert "1 Liver" in words
    assert "2 <script>alert(1)</script>" in words
    assert "10 h" in words
    lowest = max(float(i.get("y")) + float(i.get("height")) for i in root.findall(f"{SVG}image"))
    entries = [i for i in root.findall(f"{SVG}text") if re.match(r"\d+ \S", i.text or "")]
    assert len(entries) == 10
    assert all(lowest < float(entry.get("y")) < float(root.get("height")) for entry in entries)


def test_air_around_the_body_is_left_out():
    geometry = ImageGeometry((20, 100, 100), (5.0, 2.0, 2.0))
    values = np.full(geometry.size, -1000.0)
    values[:, 30:70, 20:80] = 40.0
    (element, pixels), *_ = panels(slice_figure("t", GrayImage(values, geometry)))
    assert pixels.shape[:2] == (48, 68)
    assert float(element.get("width")) / float(element.get("height")) == pytest.approx(68 / 48, abs=2e-3)
    (_, whole), *_ = panels(slice_figure("t", GrayImage(values, geometry), crop=False))
    assert whole.shape[:2] == (100, 100)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: slice_figure("Doses"), "Expected an image for the picture 'Doses'"),
        (lambda: GrayImage(np.zeros((2, 2, 2)), ANISOTROPIC), r"Expected the gray image of shape \(10, 20, 30\)"),
        (lambda: GrayImage(np.zeros(ANISOTROPIC.size), ANISOTROPIC, (1, 1)), "Expected a window from low to high"),
        (
            lambda: Overlay(np.zeros(ANISOTROPIC.size), ANISOTROPIC),
            "Expected a highest value above zero for the colors of Absorbed dose",
        ),
        (lambda: Overlay(np.ones(ANISOTROPIC.size), ANISOTROPIC, opacity=2.0), "Expected threshold and opacity between 0 and 1"),
        (lambda: Outline("Liver", np.zeros((2, 2, 2)), ANISOTROPIC), "Expected region 'Liver' of shape"),
        (
            lambda: slice_figure("t", GrayImage(np.zeros(ANISOTROPIC.size), ANISOTROPIC), planes=("oblique",)),
            "Expected one of the planes axial",
        ),
        (lambda: slice_figure("t", GrayImage(np.zeros(ANISOTROPIC.size), ANISOTROPIC), point_lps_mm=(1, 2)), "Expected a point"),
    ],
)
def test_what_cannot_be_shown_is_refused(make, message):
    with pytest.raises(DosimetryError, match=message):
        make()
