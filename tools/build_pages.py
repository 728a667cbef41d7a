"""Write the parts of the pages that follow from the code: the table of settings in docs/study_file.md, docs/warnings.md, and the API reference in docs/api."""

import dataclasses
import importlib
import inspect
import sys
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from RNTDosimetryLib.base.settings import settings_rows
from RNTDosimetryLib.base.warnings import RANKS, warning_kinds
from RNTDosimetryLib.roads.therapy import StudySettings

STUDY_PAGE = ROOT / "docs" / "study_file.md"
WARNINGS_PAGE = ROOT / "docs" / "warnings.md"
API_FOLDER = ROOT / "docs" / "api"
ROOMS = (
    "base", "nuclides", "images", "kinetics", "dose", "registration", "measurement", "report", "camera", "intake", "planar", "planning", "course",
    "roads.therapy", "roads.course", "roads.plan", "roads.verify", "roads.compare", "roads.camera", "roads.cohort", "statistics", "phantom",
)  # fmt: skip


def with_settings(page: str) -> str:
    """The page with the table under its heading "Settings" as the declarations say."""
    before, heading, rest = page.partition("\n## Settings\n")
    after = rest[rest.index("\n## ") :]
    rows = "".join(f"| `{key}` | {meaning} | {default} |\n" for key, meaning, default in settings_rows(StudySettings))
    return f"{before}{heading}\n| key | meaning | default |\n| --- | --- | --- |\n{rows}{after}"


def warnings_page() -> str:
    """Every warning by rank, as the catalog in Resources/warnings holds it."""
    parts = [
        "# Warnings\n\nEverything doubtful but usable is said in a sentence that ends with what to do about it. It travels with the result into panel, report, terminal "
        "and `results.json`. What changes the number comes first, each sentence once, with the names of all regions that it is said of; panel, report and terminal "
        "have the same order (`RNTDosimetryLib.base.warnings.ranked`). `{...}` stands for what is filled in. Written from `Resources/warnings` by `make pages`.\n"
    ]
    for rank, words in RANKS.items():
        rows = [
            f"| `{kind.code}` | {kind.text.replace('{{', '{').replace('}}', '}').replace('|', chr(92) + '|')} | {_page_link(kind.page)} |"
            for kind in warning_kinds().values()
            if kind.rank == rank
        ]
        parts.append(f"## {rank}: {words}\n\n| code | sentence | page |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _page_link(page: str) -> str:
    return f"[{page.split('#')[0].removesuffix('.md').replace('_', ' ')}]({page})" if page else ""


def api_pages() -> dict[str, str]:
    """File name to page: what the face of each room offers, from the docstrings."""
    pages = {f"{room}.md": _page_of(importlib.import_module(f"RNTDosimetryLib.{room}")) for room in ROOMS}
    lines = [f"- [`{room}`]({room}.md): {_first_line(importlib.import_module(f'RNTDosimetryLib.{room}'))}" for room in ROOMS]
    pages["README.md"] = (
        "# API reference\n\nWritten from the docstrings by `make pages`. What a person types first is at `RNTDosimetryLib` itself: see `dir()`.\n\n"
        + "\n".join(lines)
        + "\n"
    )
    return pages


def _page_of(module) -> str:
    parts = [f"# {module.__name__.removeprefix('RNTDosimetryLib.')}\n\n{inspect.getdoc(module)}\n"]
    for name in sorted(module.__all__, key=str.lower):
        parts.append(_entry(name, getattr(module, name)))
    return "\n".join(parts)


def _entry(name: str, item) -> str:
    if inspect.isclass(item):
        return f"## {name}\n\n{_text(item)}\n{_fields(item)}{_methods(item)}"
    if callable(item):
        return f"## {name}\n\n```text\n{name}{_signature(item)}\n```\n\n{_text(item)}\n"
    return f"## {name}\n\n`{_value(item)}`\n"


def _fields(kind) -> str:
    if not dataclasses.is_dataclass(kind):
        return ""
    hints = typing.get_type_hints(kind)
    rows = [f"- `{item.name}`: `{_hint(hints[item.name])}`{_default(item)}" for item in dataclasses.fields(kind) if item.init]
    return "\n" + "\n".join(rows) + "\n" if rows else ""


def _default(item: dataclasses.Field) -> str:
    if item.default is not dataclasses.MISSING:
        return f" = `{_value(item.default)}`"
    return " (may be left out)" if item.default_factory is not dataclasses.MISSING else ""


def _methods(kind) -> str:
    found = [
        f"- `.{name}{_signature(item) if callable(item) else ''}`: {_first_line(item)}"
        for name, item in vars(kind).items()
        if not name.startswith("_") and (inspect.isfunction(item) or isinstance(item, property)) and inspect.getdoc(item)
    ]
    return "\n" + "\n".join(found) + "\n" if found else ""


def _signature(item) -> str:
    signature = inspect.signature(item)
    parameters = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    parameters = [
        each.replace(default=_Shown(_value(each.default))) if each.default is not each.empty else each for each in parameters
    ]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


class _Shown:
    """A default as its short text."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _value(value) -> str:
    if inspect.isroutine(value) or inspect.isclass(value):
        return value.__name__
    text = repr(value)
    return (
        text if len(text) < 80 and " at 0x" not in text else f"{text[:60]}..." if " at 0x" not in text else type(value).__name__
    )


def _hint(hint) -> str:
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__name__
    return (
        str(hint)
        .replace("typing.", "")
        .replace("collections.abc.", "")
        .replace("numpy.", "np.")
        .replace("RNTDosimetryLib.", "")
        .replace("NoneType", "None")
    )


def _text(item) -> str:
    return inspect.getdoc(item) or ""


def _first_line(item) -> str:
    return _text(item).split("\n")[0]


def main() -> None:
    STUDY_PAGE.write_text(with_settings(STUDY_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    WARNINGS_PAGE.write_text(warnings_page(), encoding="utf-8")
    API_FOLDER.mkdir(exist_ok=True)
    pages = api_pages()
    for path in API_FOLDER.glob("*.md"):
        if path.name not in pages:
            path.unlink()
    for name, page in pages.items():
        (API_FOLDER / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
