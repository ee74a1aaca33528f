"""Pages: what a report, a description or a comparison shows, as parts that become HTML or Markdown."""

from __future__ import annotations

from rules_engine.pages import notebook
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
    Row,
    Section,
    SubHeading,
    Table,
    heading,
    walk,
    words,
)
from rules_engine.pages.html import render_html
from rules_engine.pages.markdown import render_markdown, table_as_markdown

__all__ = [
    "Block",
    "Bullets",
    "Cell",
    "Figure",
    "Folded",
    "Interactive",
    "Page",
    "Paragraph",
    "Preformatted",
    "Row",
    "Section",
    "SubHeading",
    "Table",
    "heading",
    "notebook",
    "render_html",
    "render_markdown",
    "table_as_markdown",
    "walk",
    "words",
]
