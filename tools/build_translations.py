"""Collect every text of the panel for translators: ``python tools/build_translations.py [--check]``.

Writes RNTDosimetry/Resources/Translations/RNTDosimetry_<language>.ts in the form of Qt Linguist, with the contexts under which Slicer looks for
a text: the package and file of a Python text, the class of the .ui file. What is translated already stays; what is new is unfinished.
With --check nothing is written; exit 1 when a file is not up to date.
"""

import ast
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from RNTDosimetryLib.base.settings import settings_of
from RNTDosimetryLib.roads.therapy.settings import StudySettings

MODULE = ROOT / "RNTDosimetry"
FOLDER = MODULE / "Resources" / "Translations"
LANGUAGES = ("nl",)
SETTINGS_CONTEXT = "RNTDosimetryPanel.settings"
_NOT_SHOWN = ("settingKey", "SlicerParameterName", "nodeTypes", "hideChildNodeTypes", "nameFilters", "baseName")


def context_of(path: Path) -> str:
    """As slicer.i18n.getContext finds it."""
    package = path.parent.name if (path.parent / "__init__.py").is_file() else ""
    return ".".join(part for part in (package, path.stem) if part)


def texts_of_python(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_"
    ]
    return [call.args[0].value for call in calls if call.args and isinstance(call.args[0], ast.Constant)]


def texts_of_panel(path: Path) -> list[str]:
    root = ElementTree.parse(path).getroot()
    hidden = {id(text) for item in root.iter("property") if item.get("name") in _NOT_SHOWN for text in item.iter("string")}
    return [text.text for text in root.iter("string") if text.text and text.get("notr") != "true" and id(text) not in hidden]


def texts_of_settings() -> list[str]:
    """Labels, help and choices of the declared settings, which the panel shows."""
    shown = [item for item in settings_of(StudySettings) if item.parameter]
    return [text for item in shown for text in (item.label, item.help, *(item.choices or {}).values()) if text]


def collected() -> dict[str, list[str]]:
    """Context -> its texts, each once."""
    found: dict[str, dict[str, None]] = {}
    for path in sorted(MODULE.rglob("*.py")):
        found.setdefault(context_of(path), {}).update(dict.fromkeys(texts_of_python(path)))
    found.setdefault(SETTINGS_CONTEXT, {}).update(dict.fromkeys(texts_of_settings()))
    for path in sorted(MODULE.rglob("*.ui")):
        name = ElementTree.parse(path).getroot().findtext("class")
        found.setdefault(name, {}).update(dict.fromkeys(texts_of_panel(path)))
    return {context: list(texts) for context, texts in sorted(found.items()) if texts}


def translations_of(path: Path) -> dict[tuple[str, str], str]:
    """(context, text) -> its translation, of those that are finished."""
    if not path.is_file():
        return {}
    found = {}
    for context in ElementTree.parse(path).getroot().iter("context"):
        for message in context.iter("message"):
            translation = message.find("translation")
            if translation.text and translation.get("type") != "unfinished":
                found[context.findtext("name"), message.findtext("source")] = translation.text
    return found


def written(language: str, known: dict[tuple[str, str], str]) -> str:
    root = ElementTree.Element("TS", version="2.1", language=language, sourcelanguage="en")
    for context, texts in collected().items():
        element = ElementTree.SubElement(root, "context")
        ElementTree.SubElement(element, "name").text = context
        for text in texts:
            message = ElementTree.SubElement(element, "message")
            ElementTree.SubElement(message, "source").text = text
            translation = ElementTree.SubElement(message, "translation")
            translation.text = known.get((context, text))
            if translation.text is None:
                translation.set("type", "unfinished")
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def main(check_only: bool) -> int:
    differs = False
    for language in LANGUAGES:
        path = FOLDER / f"RNTDosimetry_{language}.ts"
        text = written(language, translations_of(path))
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        differs = True
        if not check_only:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {'not up to date' if check_only else 'written'}")
    return int(differs and check_only)


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
