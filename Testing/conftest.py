"""For all tests: kernels are cached in the clone, not in the user's folder, and property tests try the same cases every time."""

import os
from pathlib import Path

from hypothesis import settings

os.environ.setdefault("RNTDOSIMETRY_CACHE", str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "kernels"))
settings.register_profile("repeatable", derandomize=True, database=None)
settings.load_profile("repeatable")

pytest_plugins = ["fixtures.patient_fixtures", "fixtures.phantom_fixtures", "fixtures.tare_fixtures"]
