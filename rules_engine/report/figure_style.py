"""How the classes of a figure look outside the page: the page's own style sheet, read for its figures and its light colours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rules_engine import pages

_STYLE_SHEET = Path(pages.__file__).parent / "style.css"
#: A selector that concerns the elements of a figure: `svg text`, `svg .name`, `.line`, `.line.c0`.
_SELECTOR = re.compile(r"(?:svg )?(?P<tag>[a-z]*)(?P<classes>(?:\.[\w-]+)*)$")
_FONT_SIZE = re.compile(r"(\d+)px")


@dataclass(frozen=True, slots=True)
class StyleRule:
    """What elements of a tag (empty = any) that have all the classes look like."""

    tag: str
    classes: frozenset[str]
    properties: Mapping[str, str]


@cache
def style_rules() -> Sequence[StyleRule]:
    """The rules for figures, in the order of the style sheet, with the light palette's colours in place of its names."""
    sheet = re.sub(r"/\*.*?\*/", "", _STYLE_SHEET.read_text(encoding="utf-8"), flags=re.DOTALL)
    palette = dict(re.findall(r"(--[\w-]+):\s*([^;]+);", sheet[: sheet.index("}")]))
    # What stands in a media query (dark, print, narrow) does not hold for a file.
    plain = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", sheet)
    rules = []
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", plain):
        properties = {
            name.strip(): re.sub(r"var\((--[\w-]+)\)", lambda found: palette[found[1]], value.strip())
            for name, value in (part.split(":", 1) for part in body.split(";") if ":" in part)
        }
        for selector in selectors.split(","):
            stripped = selector.strip()
            found = _SELECTOR.match(stripped)
            of_figure = found and (stripped.startswith("svg ") or _is_figure(properties))
            if found and of_figure and (found["classes"] or found["tag"]) and "curves" not in found["classes"]:
                rules.append(StyleRule(found["tag"], frozenset(found["classes"].split(".")[1:]), properties))
    return tuple(rules)


def _is_figure(properties: Mapping[str, str]) -> bool:
    return any(name.startswith(("stroke", "fill")) for name in properties)


@cache
def look(tag: str, classes: frozenset[str]) -> Mapping[str, str]:
    """The properties of an element: rules with more classes win, then later ones, as in CSS."""
    fitting = [rule for rule in style_rules() if rule.tag in ("", tag) and rule.classes <= classes]
    ordered = sorted(fitting, key=lambda rule: (len(rule.classes), bool(rule.tag)))
    return {name: value for rule in ordered for name, value in rule.properties.items()}


def font_size(properties: Mapping[str, str]) -> float:
    """Size of the type in the units of the figure."""
    found = _FONT_SIZE.search(properties.get("font-size") or properties.get("font") or "")
    return float(found[1]) if found else 12.0


def as_css() -> str:
    """The rules as a style sheet for a figure that stands alone."""
    lines = []
    for rule in style_rules():
        selector = f"svg {rule.tag}" + "".join(f".{name}" for name in sorted(rule.classes))
        body = "; ".join(f"{name}: {value}" for name, value in rule.properties.items())
        lines.append(f"{selector} {{ {body} }}")
    return "\n".join(lines)
