"""A page as Markdown (CommonMark with tables). Texts are shown as they are: nothing in them becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rules_engine.pages.blocks import (
    Block,
    Bullets,
    Cell,
    Figure,
    Folded,
    Interactive,
    Page,
    Paragraph,
    Preformatted,
    Section,
    SubHeading,
    Table,
)

_MARKUP = re.compile(r"[\\`*<>]|(?<!\w)_|_(?!\w)|\]\(")
#: What begins a heading, a list or a quotation where it stands first.
_LEADING = re.compile(r"^(\d*)(#|[-+](?=\s)|(?<=\d)[.)](?=\s)|=+$|~~~)")


def render_markdown(page: Page) -> str:
    """The page as Markdown. The same page gives the same text."""
    parts = [f"# {_plain(page.title)}"]
    if page.facts:
        parts.append("\n".join(f"- **{_plain(label)}:** {_plain(text)}" for label, text in page.facts))
    for section in page.sections:
        if section.blocks:
            parts += _section(section)
    if page.footer:
        parts += ["---", _plain(page.footer)]
    return "\n\n".join(parts) + "\n"


def table_as_markdown(table: Table) -> str:
    """One table as Markdown, its caption before it and its notes after it."""
    return "\n\n".join(_table(table)) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"## {_plain(section.title)}"
    for block in section.blocks:
        yield from _block(block, 3)


def _block(block: Block, level: int) -> Iterator[str]:
    match block:
        case SubHeading():
            tag = f"{_plain(block.tag)}: " if block.tag else ""
            yield f"{'#' * (level + block.level - 1)} {tag}{_plain(block.text)}"
        case Paragraph():
            yield f"**{_plain(block.lead)}** {_plain(block.text)}" if block.lead else _first(_plain(block.text))
        case Bullets():
            yield "\n".join(f"- {_first(_plain(item))}" for item in block.items)
        case Table():
            yield from _table(block)
        case Figure():
            yield f"*{_plain(block.caption)}* (The figure stands in the HTML page.)"
        case Preformatted():
            fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", block.text)), 3)
            yield f"{fence}\n{block.text}\n{fence}"
        case Interactive():
            yield _first(_plain(block.fallback))
        case Folded():
            yield f"{'#' * level} {_plain(block.summary)}"
            for inner in block.blocks:
                yield from _block(inner, level + 1)


def _table(table: Table) -> Iterator[str]:
    if table.caption:
        yield f"**{_plain(table.caption)}**"
    columns = [_plain(name) for name in table.columns]
    if table.bands:
        bands = [words for words, width in table.bands for _ in range(width)]
        columns = [f"{_plain(band)}: {name}" if band else name for band, name in zip(bands, columns, strict=True)]
    lines = [_line(columns), _line(["---"] * len(columns))]
    for row in table.rows:
        if row.cells:
            lines.append(_line([_cell(row.heading), *(_cell(cell) for cell in row.cells)]))
        else:
            lines.append(_line([f"**{_cell(row.heading)}**", *[""] * (len(columns) - 1)]))
    yield "\n".join(lines)
    for note in table.notes:
        yield _first(_plain(note))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    tag = f"{_plain(cell.tag)} " if cell.tag else ""
    return (tag + "  " * cell.indent + _plain(cell.text)).replace("|", "\\|")


def _plain(text: str) -> str:
    """A text on one line, with what would be markup escaped."""
    flat = " ".join(str(text).split())
    return _MARKUP.sub(lambda found: "]\\(" if found.group() == "](" else f"\\{found.group()}", flat)


def _first(text: str) -> str:
    """A text that begins a line, where some signs would begin a heading or a list."""
    return _LEADING.sub(lambda found: f"{found.group(1)}\\{found.group(2)}", text)
