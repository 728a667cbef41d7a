"""A report as one HTML file that opens without a network: text, tables, figures and warnings, everything escaped."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from RNTDosimetryLib.base.documents import RESEARCH_ONLY
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.resources import resource_path
from RNTDosimetryLib.base.warnings import RANKS, rank_of, ranked
from RNTDosimetryLib.base.words import printable
from RNTDosimetryLib.report.tables import Column, Measured, Table, format_cell, table_html


@dataclass(frozen=True)
class Figure:
    """An SVG element made by this room, with a caption. The SVG is put into the page as it is."""

    svg: str
    caption: str = ""

    def __post_init__(self):
        if not self.svg.startswith("<svg"):
            raise DosimetryError(
                "Expected an SVG element for a figure, received other text; make it with a plot or picture function."
            )


@dataclass(frozen=True)
class Facts:
    """Short pairs of name and value, as a list in two columns."""

    pairs: Mapping[str, object]


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class Details:
    """Content folded away under a summary line; printed in full."""

    summary: str
    content: Sequence["Block"]
    open: bool = False


Block = str | Table | Figure | Facts | Bullets | Details


@dataclass(frozen=True)
class Section:
    """A chapter of the report; a string among its content is a paragraph."""

    title: str
    content: Sequence[Block]


def render_page(
    title: str,
    sections: Sequence[Section],
    subtitle: str = "",
    warnings: Sequence[str] = (),
    versions: Mapping[str, str] | None = None,
    language: str = "en",
) -> str:
    """The whole page as text: header with the research notice, warnings, contents, sections, and versions at the end."""
    contents = "".join(f'<li><a href="#{_anchor(i)}">{_escaped(section.title)}</a></li>' for i, section in enumerate(sections, 1))
    body = "\n".join(_section(section, i) for i, section in enumerate(sections, 1))
    style = resource_path("report", "report.css").read_text(encoding="utf-8")
    return f"""<!DOCTYPE html>
<html lang="{_escaped(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_policy(style)}">
<title>{_escaped(title)}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{_escaped(title)}</h1>
{f'<div class="subtitle">{_escaped(subtitle)}</div>' if subtitle else ""}
<div class="research">{_escaped(RESEARCH_ONLY)}</div>
</header>
{_warnings(warnings)}
{f'<nav aria-label="Contents"><strong>Contents</strong><ol>{contents}</ol></nav>' if len(sections) > 1 else ""}
<main>
{body}
</main>
<footer>{_footer(versions or {})}</footer>
</body>
</html>
"""


def block_html(block: Block) -> str:
    """HTML of one piece of content."""
    if isinstance(block, str):
        return f"<p>{_escaped(block)}</p>"
    if isinstance(block, Table):
        return table_html(block)
    if isinstance(block, Figure):
        caption = f"<figcaption>{_escaped(block.caption)}</figcaption>" if block.caption else ""
        return f"<figure>{block.svg}{caption}</figure>"
    if isinstance(block, Facts):
        pairs = "".join(f"<dt>{_escaped(name)}</dt><dd>{_escaped(_fact(value))}</dd>" for name, value in block.pairs.items())
        return f"<dl>{pairs}</dl>"
    if isinstance(block, Bullets):
        return f"<ul>{''.join(f'<li>{_escaped(item)}</li>' for item in block.items)}</ul>"
    if isinstance(block, Details):
        inner = "\n".join(block_html(item) for item in block.content)
        return f"<details{' open' if block.open else ''}><summary>{_escaped(block.summary)}</summary>\n{inner}\n</details>"
    raise DosimetryError(
        f"Expected text, a table, a figure, facts, bullets or details in a report, received {type(block).__name__}."
    )


def _fact(value) -> str:
    """Numbers with their digits and uncertainty as in a table; anything else as its text."""
    return format_cell(value, Column("value")) if value is None or isinstance(value, (str, int, float, Measured)) else str(value)


def _section(section: Section, number: int) -> str:
    inner = "\n".join(block_html(block) for block in section.content)
    return f'<section id="{_anchor(number)}">\n<h2>{number} {_escaped(section.title)}</h2>\n{inner}\n</section>'


def _warnings(warnings: Sequence[str]) -> str:
    """What changes the number first, each rank under its words."""
    ordered = ranked(warnings)
    if not ordered:
        return ""
    heading = "1 warning" if len(ordered) == 1 else f"{len(ordered)} warnings"
    lists = ""
    for rank, words in RANKS.items():
        items = "".join(f"<li>{_escaped(text)}</li>" for text in ordered if rank_of(text) == rank)
        lists += f"<h3>{words.capitalize()}</h3><ul>{items}</ul>" if items else ""
    return f'<div class="warnings" role="note"><h2>{heading}</h2>{lists}</div>'


def _footer(versions: Mapping[str, str]) -> str:
    parts = [f"{name} {version}" for name, version in versions.items()]
    return _escaped(". ".join([RESEARCH_ONLY.rstrip("."), *([" · ".join(parts)] if parts else [])]) + ".")


def _policy(style: str) -> str:
    """Content policy: this style sheet and embedded pictures, nothing from elsewhere and no scripts."""
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:"


def _anchor(number: int) -> str:
    return f"section-{number}"


def _escaped(value) -> str:
    return escape(printable(str(value)), quote=True)
