"""For all tests: kernels are cached in the clone, not in the user's folder, and property tests try the same cases every time."""

import os
from pathlib import Path

from hypothesis import settings

os.environ.setdefault("RNTDOSIMETRY_CACHE", str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "kernels"))
settings.register_profile("repeatable", derandomize=True, database=None)
settings.load_profile("repeatable")

pytest_plugins = ["fixtures.patient_fixtures", "fixtures.phantom_fixtures", "fixtures.tare_fixtures"]

LONG_FILES = (
    "roads/therapy/test_run_accuracy.py", "house/test_docs_run.py", "module/test_random_actions.py", "module/test_full_demo.py",
    "module/test_waiting.py", "module/test_leaving.py", "roads/camera/test_calibration.py", "roads/therapy/test_run_uncertainty_chain.py",
    "registration/test_search_masks.py", "roads/compare/test_run.py", "kinetics/test_room_hostile_input.py", "module/test_cookbook.py",
    "statistics/test_room_hostile_input.py", "module/test_panel.py", "dose/test_room_hostile_input.py", "registration/test_deformable.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Files that take long come first: two workers then end together."""
    testing = Path(__file__).resolve().parent
    place = {testing / name: number for number, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: place.get(item.path, len(place)))
