"""Internal radionuclide therapy dosimetry: quantitative images in, absorbed dose with its uncertainty out.

For research only. The library knows physics and nothing of Slicer; see the README for the road through it.

    import RNTDosimetryLib as rnt
    result = rnt.run_study("study.json")
    print(result)
"""

import importlib

__version__ = "0.1.0"

_FACE = {
    "DosimetryError": "base",
    "dose_map": "dose",
    "fit_time_activity": "kinetics",
    "fit_voxels": "kinetics",
    "get_nuclide": "nuclides",
    "partition_model": "planning",
    "read_folder": "intake",
    "read_study": "roads.therapy",
    "run_study": "roads.therapy",
    "self_dose": "dose",
    "single_time_point": "kinetics",
    "sphere_s_value": "dose",
}
"""What a person types first, and the room it lives in. A room is read when something of it is asked for."""

__all__ = ["__version__", *_FACE]


def __getattr__(name: str):
    if name not in _FACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_FACE[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FACE])
