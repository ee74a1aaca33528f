"""The butterfly: adverse events of two arms back to back, any grade and severe, the most frequent terms first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rules_engine.pages import Block, Figure
from rules_engine.report.adverse_event_tables import ANALYSIS
from rules_engine.report.canvas import WIDTH, colour_class, line, picture, short, text
from rules_engine.report.safety_numbers import SafetyNumbers
from rules_engine.report.view import ReportView

#: Terms in the figure, and the name of events without one.
TERMS, NOT_CODED = 20, "(not coded)"
TOP, ROW = 34, 19
MIDDLE, HALF_GAP, MARGIN = WIDTH / 2, 118.0, 44.0


@dataclass(frozen=True)
class Wing:
    """One term of one arm: shares of its subjects with an event of any grade, and with a severe one."""

    any_grade: float
    severe: float


def butterflies(view: ReportView) -> list[Block]:
    """The figure, where exactly two arms have subjects and there are events."""
    population = SafetyNumbers.of(view, ANALYSIS, "overview")
    terms = SafetyNumbers.of(view, ANALYSIS, "term")
    arms = [arm for arm in population.groups if arm is not None and population.value("population", arm, "subjects")]
    if len(arms) != 2:
        return []
    numbers = {term: sum(terms.value(term, arm, "subjects") or 0 for arm in arms) for term in terms.lines}
    order = sorted((term for term in numbers if numbers[term]), key=lambda term: (-numbers[term], term or ""))[:TERMS]
    if not order:
        return []
    rows = [(term or NOT_CODED, _wing(terms, term, arms[0]), _wing(terms, term, arms[1])) for term in order]
    svg = butterfly_svg(
        rows, (arms[0], arms[1]), identifier="butterfly", title="Adverse events by term and arm",
        description=f"The {len(rows)} most frequent terms. The numbers are in the table of classes and terms.",
    )  # fmt: skip
    caption = (
        f"The {len(rows)} most frequent terms: percentage of subjects with an event of any grade (light) and of grade "
        "3 or higher (dark)."
    )
    return [Figure(svg, caption, "butterfly")]


def _wing(terms: SafetyNumbers, term: str, arm: str) -> Wing:
    any_grade, severe = (terms.value(term, arm, name) or 0.0 for name in ("percent", "percent_grade_ge_3"))
    return Wing(any_grade / 100, severe / 100)


def butterfly_svg(
    rows: Sequence[tuple[str, Wing, Wing]], names: tuple[str, str], *, identifier: str, title: str,
    description: str,
) -> str:  # fmt: skip
    """Terms from top to bottom in the order given, the first arm's bars to the left, the second's to the right."""
    widest = max((wing.any_grade for _term, *wings in rows for wing in wings), default=1.0) or 1.0
    room = MIDDLE - HALF_GAP - MARGIN
    parts = []
    for side, name in enumerate(names):
        edge = MIDDLE + (HALF_GAP if side else -HALF_GAP)
        parts.append(text(f"label {colour_class(side)}", edge, TOP - 14, short(name), "start" if side else "end"))
        parts.append(line("axis", edge, TOP - 4, edge, TOP + ROW * len(rows)))
    for number, (term, *wings) in enumerate(rows):
        y = TOP + ROW * number
        parts.append(text("name", MIDDLE, y + 12, term if len(term) <= 34 else term[:33] + "…", "middle"))
        for side, wing in enumerate(wings):
            edge, sign = MIDDLE + (HALF_GAP if side else -HALF_GAP), 1 if side else -1
            for share, css in ((wing.any_grade, "band wing"), (wing.severe, "bar")):
                length = room * share / widest
                x = edge if side else edge - length
                parts.append(
                    f'<rect class="{css} {colour_class(side)}" x="{x:.1f}" y="{y + 1:.1f}" width="{length:.1f}" '
                    f'height="{ROW - 4}"/>'
                )
            tip = edge + sign * (room * wing.any_grade / widest + 5)
            parts.append(text("tick", tip, y + 12, f"{wing.any_grade:.0%}", "start" if side else "end"))
    return picture(parts, TOP + ROW * len(rows) + 10, identifier=identifier, title=title, description=description)
