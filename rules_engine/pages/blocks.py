"""The parts of a page before they become HTML or Markdown: paragraphs, lists, tables, figures, in sections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One cell: its text, a hint shown on request, whether it is a number, its indentation, a short tag before it."""

    text: str
    hint: str = ""
    numeric: bool = True
    indent: int = 0
    tag: str = ""


@dataclass(frozen=True)
class Row:
    """One row: its heading and its cells. A row without cells is a heading over the rows below it."""

    heading: Cell
    cells: Sequence[Cell] = ()


@dataclass(frozen=True)
class Table:
    """A table with a caption, column headings (the first over the row headings), rows and notes below it.

    `bands` are headings over several columns each: words and number of columns.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Row]
    notes: Sequence[str] = field(default_factory=tuple)
    bands: Sequence[tuple[str, int]] = field(default_factory=tuple)


def heading(text: object, indent: int = 0) -> Cell:
    """A row's heading."""
    return Cell(str(text), numeric=False, indent=indent)


def words(text: object, hint: str = "") -> Cell:
    """A cell of words."""
    return Cell("" if text is None else str(text), hint=hint, numeric=False)


@dataclass(frozen=True)
class Figure:
    """A picture as SVG text of our own making (its texts are escaped) with a caption; `name` is short and safe in a path."""

    svg: str
    caption: str
    name: str = ""


@dataclass(frozen=True)
class Preformatted:
    """Text that is shown as it is, in fixed width."""

    text: str


@dataclass(frozen=True)
class Folded:
    """Parts that a reader opens; `opened` shows them from the start."""

    summary: str
    blocks: Sequence[Block]
    opened: bool = False


@dataclass(frozen=True)
class Paragraph:
    """A sentence or more; `lead` is a word or two set apart before them."""

    text: str
    lead: str = ""


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class SubHeading:
    """A heading inside a section; `tag` is a short word set apart from it, `level` 1 stands above 2."""

    text: str
    tag: str = ""
    level: int = 1


@dataclass(frozen=True)
class Interactive:
    """A part that a script builds in the reader's browser. `name` is its id, `data` plain values that become JSON.

    The script is of our own making: no text of a study stands in it. It finds an empty element of the id `name` and its data
    in the element `name`-data. `fallback` is read where scripts do not run.
    """

    name: str
    script: str
    data: Any
    fallback: str


Block = Table | Figure | Preformatted | Folded | Paragraph | Bullets | SubHeading | Interactive


def walk(blocks: Iterable[Block]) -> Iterator[Block]:
    """Every block in the order of the page, those inside a folded one after it."""
    for block in blocks:
        yield block
        if isinstance(block, Folded):
            yield from walk(block.blocks)


@dataclass(frozen=True)
class Section:
    """One section of the page with its anchor."""

    anchor: str
    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)


@dataclass(frozen=True)
class Page:
    """A whole page: title, facts at the top (heading and text), sections, and a line at the end."""

    title: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    footer: str = ""
