"""Puts the Python files that slicer-core lacks into the ``slicer`` package: ours, or Slicer's own from ``SLICER_SRC``."""

import importlib
import importlib.abc
import importlib.machinery
import os
import sys
from pathlib import Path

import slicer

OWN_FILES = Path(__file__).resolve().parent / "framework_files"
MODULE_NAMES = ("i18n", "packaging", "cli", "testing", "parameterNodeWrapper", "ScriptedLoadableModule")


def slicer_sources() -> Path | None:
    """Exported tree of the Slicer sources named by ``SLICER_SRC``; None when the variable is not set or empty."""
    value = os.environ.get("SLICER_SRC", "")
    if not value:
        return None
    folder = Path(value)
    if not (folder / "Base" / "Python" / "slicer" / "ScriptedLoadableModule.py").is_file():
        raise RuntimeError(
            f"Expected SLICER_SRC to name a tree of the Slicer sources with Base/Python/slicer, received {value}; "
            "correct it or unset it."
        )
    return folder


class _WidgetModuleFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes ``import qt`` and ``import ctk`` work; PySide6 is imported no earlier than that."""

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name in ("qt", "ctk") else None

    def create_module(self, spec):
        from host.qt_standins import install_widgets

        install_widgets()
        return sys.modules[spec.name]

    def exec_module(self, module) -> None:
        """The module was filled when it was created."""


def install() -> None:
    """Make ``qt``, ``ctk``, ``slicer.ScriptedLoadableModule``, ``slicer.parameterNodeWrapper`` and their like importable."""
    sys.meta_path.append(_WidgetModuleFinder())
    sources = slicer_sources()
    if sources is None:
        slicer.__path__.append(str(OWN_FILES))
    else:
        # Slicer's own files name the qMRML widgets when they are loaded.
        importlib.import_module("qt")
        # What an older Slicer does not have yet (5.10: packaging) is ours.
        slicer.__path__ += [str(sources / "Base" / "Python" / "slicer"), str(OWN_FILES)]
        sys.path.append(str(sources / "Base" / "Python"))
    for name in MODULE_NAMES:
        setattr(slicer, name, importlib.import_module("slicer." + name))
