"""For all tests: kernels are cached in the clone, not in the user's folder."""

import os
from pathlib import Path

os.environ.setdefault("RNTDOSIMETRY_CACHE", str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "kernels"))
