"""A page as one HTML text, through a template that escapes everything that it is not told to trust."""

from __future__ import annotations

from pathlib import Path

from rules_engine.errors import UsageError
from rules_engine.pages.blocks import (
    Bullets,
    Figure,
    Folded,
    Page,
    Paragraph,
    Preformatted,
    SubHeading,
    Table,
)

_HERE = Path(__file__).parent
_KINDS: dict[type, str] = {
    Table: "table",
    Figure: "figure",
    Preformatted: "preformatted",
    Folded: "folded",
    Paragraph: "paragraph",
    Bullets: "bullets",
    SubHeading: "heading",
}


def render_html(page: Page) -> str:
    """The page as one self-contained HTML text. The same page gives the same text: no clock, no network, no scripts.

    Raises `UsageError` where jinja2 is not installed (the extra `report` brings it).
    """
    # Imported where it is used, so that whoever needs no page needs no template engine.
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError:
        remedy = 'install the extra: pip install "endpoint-rules-engine[report]"'
        raise UsageError.at("HTML page", "it needs jinja2, which is not installed", remedy) from None

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["kind_of"] = lambda block: _KINDS[type(block)]
    return environment.get_template("page.html.j2").render(
        page=page,
        style=(_HERE / "style.css").read_text(encoding="utf-8"),
        sections=[section for section in page.sections if section.blocks],
    )
