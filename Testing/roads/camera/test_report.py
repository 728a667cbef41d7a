"""The recovery curve as a picture: everything measured is in it."""

import xml.etree.ElementTree as ElementTree

import numpy as np

from RNTDosimetryLib.camera import fit_recovery
from RNTDosimetryLib.roads.camera.report import recovery_plot


def test_every_sphere_and_the_fit_are_drawn():
    volumes = np.array([0.5, 1.2, 2.6, 5.6, 11.5, 26.5])
    recovery = 1 - 1 / (1 + (volumes / 3.0) ** 0.9)
    svg = recovery_plot(fit_recovery(volumes, recovery, 0.03 * recovery))
    root = ElementTree.fromstring(svg)
    text = " ".join(element.text or "" for element in root.iter())
    for words in ("Volume (mL)", "Recovery coefficient", "spheres", "fit", "standard uncertainty"):
        assert words in text
    assert "6 spheres of 0.5 to 26.5 mL" in text
