"""Reading of the reference tables that the kernel tests compare with."""

import csv
from pathlib import Path


def reference_rows(name: str) -> list[dict[str, str]]:
    """Rows of a table in Testing/dose/reference; its header says how it was computed."""
    text = (Path(__file__).parent / "reference" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
