"""Write the parts of the pages that follow from the code: the table of settings in docs/study_file.md."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from RNTDosimetryLib.base.settings import settings_rows
from RNTDosimetryLib.roads.therapy import StudySettings

STUDY_PAGE = ROOT / "docs" / "study_file.md"


def with_settings(page: str) -> str:
    """The page with the table under its heading "Settings" as the declarations say."""
    before, heading, rest = page.partition("\n## Settings\n")
    after = rest[rest.index("\n## ") :]
    rows = "".join(f"| `{key}` | {meaning} | {default} |\n" for key, meaning, default in settings_rows(StudySettings))
    return f"{before}{heading}\n| key | meaning | default |\n| --- | --- | --- |\n{rows}{after}"


if __name__ == "__main__":
    STUDY_PAGE.write_text(with_settings(STUDY_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
