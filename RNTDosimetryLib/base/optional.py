"""Packages that are not needed: taken where they are installed, named in a sentence where they are asked for and missing."""

import importlib
import importlib.util
from typing import Any

from RNTDosimetryLib.base.errors import DosimetryError

PACKAGES = {"distributed": "dask[distributed]", "pyarrow": "pyarrow"}
"""What may be taken, by the name of its import, with the name under which it is installed. All are in the extra [cohort]."""


def has_optional(name: str) -> bool:
    """Whether a package of ``PACKAGES`` is installed."""
    return name.split(".")[0] in PACKAGES and importlib.util.find_spec(name.split(".")[0]) is not None


def optional_module(name: str, purpose: str) -> Any:
    """A package of ``PACKAGES``. purpose: what it was asked for. Raises DosimetryError, with how to get it, where it is not installed."""
    if not has_optional(name):
        raise DosimetryError(
            f"Expected the package {PACKAGES.get(name.split('.')[0], name)} for {purpose}, found none; install it with pip install 'rntdosimetry[cohort]' or do without."
        )
    return importlib.import_module(name)
