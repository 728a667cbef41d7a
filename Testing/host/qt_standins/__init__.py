"""Stand-ins of the modules ``qt`` and ``ctk`` and of the qMRML widgets, on PySide6 and the real MRML scene."""

import os
import sys

from host.qt_standins.reference_counts import keep_singletons

_installed = False


def install_widgets() -> None:
    """Make ``import qt`` and ``import ctk`` work and put the qMRML widgets into the ``slicer`` package."""
    global _installed
    if _installed:
        return
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    keep_singletons()
    try:
        from host.qt_standins import pythonqt
    except ImportError as error:
        raise ImportError(
            f"Expected PySide6 and its system libraries for the panel tests, received: {error}. Run make setup."
        ) from error
    sys.modules["qt"] = pythonqt.build_module()

    from host.qt_standins import ctk_buttons, ctk_numbers, ctk_paths
    from host.qt_standins.registry import build_module, put_into_slicer

    sys.modules["ctk"] = build_module("ctk", (ctk_buttons, ctk_numbers, ctk_paths))

    from host.qt_standins import qmrml_segments, qmrml_selectors, qmrml_views

    put_into_slicer((qmrml_selectors, qmrml_segments, qmrml_views))
    _installed = True
