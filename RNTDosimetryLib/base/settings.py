"""Settings declared once: name, type, range, unit, words and default; study file, panel, report, schema and pages follow from the declaration."""

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from RNTDosimetryLib.base.checks import shown
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.records import Record


@dataclass(frozen=True)
class Setting:
    """One declared setting.

    kind: bool, float or str. label, help: for the panel and the pages. unit: of the value. least, most: of a number. choices: word to its label.
    optional: None is allowed, and means not given. step: the first step of the road that reads it. section: of the panel that shows it, "" for none.
    parameter: name on the panel's parameter node, which holds ``shown_times`` the value, in ``shown_unit``; 0 there stands for None.
    decimals: of its field in the panel. remedy: at the end of a refusal. more: what the page says beyond the help.
    """

    name: str
    kind: type
    default: object
    label: str
    help: str
    unit: str = ""
    least: float | None = None
    most: float | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False
    step: str = ""
    section: str = ""
    parameter: str = ""
    shown_times: float = 1.0
    shown_unit: str = ""
    decimals: int = 1
    remedy: str = ""
    more: str = ""

    def check(self, value: Any) -> None:
        """DosimetryError for a value that this setting cannot have."""
        if value is None and self.optional:
            return
        expected = self._expected(value)
        if expected:
            raise DosimetryError(f"Expected {self.name} {expected}, received {shown(value)}; {self._remedy()}.")

    def _expected(self, value: Any) -> str:
        """What is allowed, in words, when the value is not."""
        if self.choices:
            return "" if isinstance(value, str) and value in self.choices else f"to be one of {', '.join(self.choices)}"
        if self.kind is float:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return (
                ""
                if number and self.least <= value <= self.most
                else f"from {self.least:g} to {self.most:g} {self.unit}".rstrip()
            )
        words, kinds = (
            {bool: "true or false", str: "as text"}.get(self.kind, "as a list"),
            self.kind if self.kind in (bool, str) else (list, tuple),
        )
        return "" if isinstance(value, kinds) else words

    def _remedy(self) -> str:
        return self.remedy or ("leave it out if it is not known" if self.optional else f"the default is {self.default}")

    def to_parameter(self, value: Any) -> Any:
        """The value as the panel's parameter node holds it."""
        return 0.0 if value is None and self.kind is float else value * self.shown_times if self.kind is float else value

    def from_parameter(self, value: Any) -> Any:
        """The value of what the panel's parameter node holds."""
        if self.kind is not float:
            return value
        return None if self.optional and value == 0 else value / self.shown_times


def setting(default: Any, label: str, help: str, **words: Any) -> Any:
    """Dataclass field that declares a setting; words: further fields of ``Setting``."""
    return field(default=default, metadata={"setting": {"label": label, "help": help, **words}})


def settings_of(kind: type[Record]) -> tuple[Setting, ...]:
    """Every declared setting of a record, in order."""
    hints, found = typing.get_type_hints(kind), []
    for item in dataclasses.fields(kind):
        if "setting" in item.metadata:
            arguments = [hint for hint in typing.get_args(hints[item.name]) if hint is not type(None)]
            optional = type(None) in typing.get_args(hints[item.name])
            plain = arguments[0] if optional and len(arguments) == 1 else hints[item.name]
            found.append(Setting(item.name, plain, item.default, optional=optional, **item.metadata["setting"]))
    return tuple(found)


def check_settings(record: Record) -> None:
    """DosimetryError, by its name, for the first setting that cannot be."""
    for declared in settings_of(type(record)):
        declared.check(getattr(record, declared.name))


def settings_rows(kind: type[Record]) -> list[tuple[str, str, str]]:
    """(key, meaning, default) of every setting, as the pages show them."""
    rows = []
    for item in settings_of(kind):
        choices = "; ".join(f"`{word}`: {label}" for word, label in item.choices.items())
        unit = f" ({item.unit})" if item.unit else ""
        words = ". ".join(text for text in (f"{item.help}{unit}", choices, item.more) if text)
        rows.append((item.name, words, _default_text(item.default)))
    return rows


def _default_text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "none" if value is None else str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
