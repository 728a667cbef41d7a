"""Results to tables, plots, pictures, one HTML page, and files that other programs read.

Everything here takes plain numbers, arrays and geometries; nothing is computed but what is needed to show them.
"""

from RNTDosimetryLib.report.axes import Axis
from RNTDosimetryLib.report.boxes import Box, box_plot
from RNTDosimetryLib.report.figures import (
    Bar,
    DoseLine,
    DoseVolumeCurve,
    TimeActivity,
    dose_against_activity_plot,
    dvh_plot,
    limit_plot,
    scatter_plot,
    time_activity_plot,
)
from RNTDosimetryLib.report.html import Bullets, Details, Facts, Figure, Section, render_page
from RNTDosimetryLib.report.nrrd import write_dose_nrrd
from RNTDosimetryLib.report.pictures import GrayImage, Outline, Overlay, png_bytes, slice_figure
from RNTDosimetryLib.report.planes import PLANE_NAMES
from RNTDosimetryLib.report.plots import Band, ReferenceLine, Series, line_plot
from RNTDosimetryLib.report.rt_header import dicom_reference
from RNTDosimetryLib.report.rtdose import RtDose, RtDoseFile, read_rtdose, write_rtdose
from RNTDosimetryLib.report.tables import (
    MISSING,
    Column,
    Measured,
    Table,
    format_cell,
    format_measured,
    format_number,
    measured,
    table_csv,
    table_html,
    table_text,
)

__all__ = [
    "Axis",
    "Band",
    "Bar",
    "Box",
    "Bullets",
    "Column",
    "Details",
    "DoseLine",
    "DoseVolumeCurve",
    "Facts",
    "Figure",
    "GrayImage",
    "MISSING",
    "Measured",
    "Outline",
    "Overlay",
    "PLANE_NAMES",
    "ReferenceLine",
    "RtDose",
    "RtDoseFile",
    "Section",
    "Series",
    "Table",
    "TimeActivity",
    "box_plot",
    "dicom_reference",
    "dose_against_activity_plot",
    "dvh_plot",
    "format_cell",
    "format_measured",
    "format_number",
    "limit_plot",
    "line_plot",
    "measured",
    "png_bytes",
    "read_rtdose",
    "render_page",
    "scatter_plot",
    "slice_figure",
    "table_csv",
    "table_html",
    "table_text",
    "time_activity_plot",
    "write_dose_nrrd",
    "write_rtdose",
]
