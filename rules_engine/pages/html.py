"""A page as one HTML text, through a template that escapes everything that it is not told to trust."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rules_engine.errors import UsageError
from rules_engine.pages.blocks import (
    Bullets,
    Figure,
    Folded,
    Interactive,
    Page,
    Paragraph,
    Preformatted,
    SubHeading,
    Table,
    walk,
)

_HERE = Path(__file__).parent
#: Names too long for a narrow column, and where such a name may be broken.
_LONG_NAME, _JOINT = re.compile(r"[\w.]{16,}"), re.compile(r"(?<=\w)([._])(?=[a-z])")
_KINDS: dict[type, str] = {
    Table: "table",
    Figure: "figure",
    Preformatted: "preformatted",
    Folded: "folded",
    Paragraph: "paragraph",
    Bullets: "bullets",
    SubHeading: "heading",
    Interactive: "interactive",
}


def render_html(page: Page) -> str:
    """The page as one self-contained HTML text. The same page gives the same text: no clock, no network, no scripts
    but those of `Interactive` parts, which the page's own policy names by their hashes.

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
    environment.filters["as_json"] = _json
    environment.filters["breakable"] = _breakable
    sections = [section for section in page.sections if section.blocks]
    blocks = walk(block for section in sections for block in section.blocks)
    scripts = list(dict.fromkeys(block.script for block in blocks if isinstance(block, Interactive)))
    return environment.get_template("page.html.j2").render(
        page=page,
        style=(_HERE / "style.css").read_text(encoding="utf-8"),
        sections=sections,
        scripts=scripts,
        policy=_policy(scripts),
    )


def _breakable(escaped: str) -> str:
    """Escaped text in which a name such as `endpoint.response.after_progression` may end its line behind a dot or an underscore."""
    return _LONG_NAME.sub(lambda name: _JOINT.sub(r"\1<wbr>", name[0]), str(escaped))


def _policy(scripts: Iterable[str]) -> str:
    """What the page may load and run: its own style, and scripts with these very texts. Nothing else, and nothing from elsewhere."""
    digests = [hashlib.sha256(text.encode("utf-8")).digest() for text in scripts]
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return "default-src 'none'; style-src 'unsafe-inline'" + (f"; script-src {hashes}" if hashes else "")


def _json(data: Any) -> str:
    """Data as JSON that cannot end its element: what HTML or a script could take for more than a text is written by its number."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
