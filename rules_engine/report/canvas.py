"""What every figure of the page shares: inline SVG without picture library, fonts or colours of its own, so that the page can restyle it.

The same figure gives the same bytes. Colours are classes (`c0` … `c6`), which the page's style sheet takes from a palette that
people with any colour vision can tell apart (Okabe and Ito 2008); what a colour says is said by a label or a shape as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from rules_engine import terms

#: Width of every figure, in the units of its view box.
WIDTH = 760
#: Colours of the palette in the style sheet.
COLOURS = 7
LONGEST_LABEL = 20
#: Width of a letter of the page's font at the size of a label, on average.
LETTER = 7.4
#: Number of the colour of each response, best first; iRECIST codes have the colour of their plain form.
RESPONSE_COLOURS = {
    terms.CR: 2, terms.NED: 2, terms.PR: 0, terms.SD: 4, terms.NON_CR_NON_PD: 4, terms.PD: 1, terms.RECUR: 1, terms.NE: 6,
}  # fmt: skip


def picture(parts: Iterable[str], height: float, *, identifier: str, title: str, description: str) -> str:
    """The parts as one SVG text with a title and a description for those who do not see it."""
    name = safe_name(identifier)
    opening = [
        f'<svg class="curves" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{name}-t {name}-d">',
        f'<title id="{name}-t">{escape(title)}</title>',
        f'<desc id="{name}-d">{escape(description)}</desc>',
    ]
    return "\n".join([*opening, *(part for part in parts if part), "</svg>"])


def safe_name(text: str) -> str:
    """A text as an id in markup or a name of a file."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", text)


def colour_class(number: int) -> str:
    """The class of a colour; the palette begins again after its last one."""
    return f"c{number % COLOURS}"


def response_colour(code: str | None) -> int:
    """Number of the colour of a response code; what is not known has that of NE."""
    plain = terms.PLAIN_FORM.get(code, code) if code is not None else terms.NE
    return RESPONSE_COLOURS.get(plain, RESPONSE_COLOURS[terms.NE])


def text(css: str, x: float, y: float, words: str, anchor: str = "start") -> str:
    """A text element; the words are escaped."""
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def line(css: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """A straight line."""
    return f'<line class="{css}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def legend(entries: Sequence[tuple[str, int]], x: float, y: float) -> list[str]:
    """Names in their colours, each behind a small field of it, in one line."""
    parts = []
    for name, colour in entries:
        css = colour_class(colour)
        parts.append(f'<rect class="bar {css}" x="{x:.1f}" y="{y - 9:.1f}" width="10" height="10"/>')
        parts.append(text("tick", x + 15, y, short(name)))
        x += 15 + LETTER * len(short(name)) + 22
    return parts


def percent(share: float) -> str:
    """`+20%`, `−30%`, `0%`: a share with its sign."""
    return f"{share:+.0%}".replace("-", "−") if share else "0%"


def short(name: str) -> str:
    """A name, cut where it is too long for a label."""
    return name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 1] + "…"
