"""How objects show themselves in a notebook: a small piece of HTML, everything in it escaped, no style but the notebook's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

#: Rows that a table shows; the object itself has them all.
SHOWN = 20


def card(title: str, *parts: str) -> str:
    """A titled piece; `parts` come from the functions below."""
    return f'<div class="rules-engine"><p><strong>{escape(title)}</strong></p>{"".join(parts)}</div>'


def facts(rows: Iterable[tuple[str, object]]) -> str:
    """Names and values, one pair a row."""
    told = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(str(value))}</td></tr>'
        for name, value in rows
    )
    return f"<table><tbody>{told}</tbody></table>"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> str:
    """A table; of more than `SHOWN` rows the first are shown, and the number of the others is said."""
    head = "".join(f'<th scope="col" style="text-align:left">{escape(name)}</th>' for name in columns)
    body = "".join(
        "<tr>"
        + "".join(f'<td style="text-align:left">{escape("" if value is None else str(value))}</td>' for value in row)
        + "</tr>"
        for row in rows[:SHOWN]
    )
    rest = len(rows) - SHOWN
    more = f"<p>and {rest:,} more</p>" if rest > 0 else ""
    titled = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{titled}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def folded(summary: str, text: str, *, opened: bool = False) -> str:
    """Text as it is, under a line that opens it."""
    state = " open" if opened else ""
    shown = f'<pre style="white-space:pre-wrap">{escape(text)}</pre>'
    return f"<details{state}><summary>{escape(summary)}</summary>{shown}</details>"
