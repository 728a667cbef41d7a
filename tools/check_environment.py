"""Asks whether this Python has what the project needs.

python tools/check_environment.py requirements   prints the requirements of pyproject.toml, one a line
python tools/check_environment.py packages       exit 1 with a line on stderr for each package that is missing or too old
python tools/check_environment.py graphics       exit 1, or a crash, where nothing can be drawn without a display
"""

import os
import sys
import tomllib
from pathlib import Path

PROJECT_FILE = Path(__file__).resolve().parent.parent / "pyproject.toml"


def requirements() -> list[str]:
    """What the project needs to run, to be tested and to be built."""
    content = tomllib.loads(PROJECT_FILE.read_text(encoding="utf-8"))
    project = content["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["development"], *content["build-system"]["requires"]]


def missing_packages() -> list[str]:
    """One line for each requirement that is not met."""
    from importlib import metadata

    from packaging.requirements import Requirement

    problems = []
    for text in requirements():
        requirement = Requirement(text)
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            problems.append(f"{text}: not installed")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            problems.append(f"{text}: {version} installed")
    return problems


def draw() -> None:
    """A picture of a sphere and a Qt window, both without a display."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    import slicer
    import vtk
    from PySide6 import QtUiTools, QtWidgets

    application = QtWidgets.QApplication([])
    QtUiTools.QUiLoader()
    QtWidgets.QLabel("text").grab()
    application.processEvents()

    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetSize(32, 32)
    sphere = vtk.vtkSphereSource()
    mapper = vtk.vtkPolyDataMapper()
    mapper.SetInputConnection(sphere.GetOutputPort())
    actor = vtk.vtkActor()
    actor.SetMapper(mapper)
    renderer = vtk.vtkRenderer()
    renderer.AddActor(actor)
    window.AddRenderer(renderer)
    window.Render()
    pixels = vtk.vtkUnsignedCharArray()
    window.GetRGBACharPixelData(0, 0, 31, 31, 0, pixels)
    if pixels.GetRange(0)[1] == 0:
        raise RuntimeError("Expected a picture of a sphere, received an empty one.")
    slicer.vtkMRMLScene()


def main(question: str) -> int:
    if question == "requirements":
        print("\n".join(requirements()))
        return 0
    if question == "packages":
        problems = missing_packages()
        print("\n".join(problems), file=sys.stderr)
        return 1 if problems else 0
    if question == "graphics":
        draw()
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else ""))
