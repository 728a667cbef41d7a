"""What computed a result: the versions of the program and of what it stands on."""

import platform

from RNTDosimetryLib import __version__


def versions() -> dict[str, str]:
    """Versions of everything that computes."""
    import numpy
    import scipy
    import SimpleITK

    return {
        "RNTDosimetry": __version__,
        "Python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "SimpleITK": SimpleITK.Version_VersionString(),
    }
