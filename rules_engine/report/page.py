"""The parts of the page, before they become HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rules_engine.report.tables import Table


@dataclass(frozen=True)
class Figure:
    """A picture as SVG text of our own making (its texts are escaped) with a caption."""

    svg: str
    caption: str


@dataclass(frozen=True)
class Preformatted:
    """Text that is shown as it is, in fixed width."""

    text: str


@dataclass(frozen=True)
class Folded:
    """Parts that a reader opens."""

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Paragraph:
    """A sentence or two."""

    text: str


@dataclass(frozen=True)
class SubHeading:
    """A heading inside a section; `tag` is a short word set apart from it."""

    text: str
    tag: str = ""


Block = Table | Figure | Preformatted | Folded | Paragraph | SubHeading


@dataclass(frozen=True)
class Section:
    """One section of the page with its anchor."""

    anchor: str
    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)
