"""The butterfly: adverse events of two arms back to back, any grade and severe, the most frequent terms first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from rules_engine.pages import Block, Figure
from rules_engine.report.canvas import WIDTH, colour_class, line, picture, short, text
from rules_engine.report.view import ARM

#: Terms in the figure.
TERMS = 20
TOP, ROW = 34, 19
MIDDLE, HALF_GAP, MARGIN = WIDTH / 2, 118.0, 44.0


@dataclass(frozen=True)
class Wing:
    """One term of one arm: shares of its subjects with an event of any grade, and with a severe one."""

    any_grade: float
    severe: float


def butterflies(events: pl.DataFrame, totals: dict[str, int], severe_from: int) -> list[Block]:
    """The figure, where exactly two arms have subjects and there are events.

    `events` has `subject`, `arm`, `_term` and `_grade`; `totals` are the subjects of each arm.
    """
    arms = [arm for arm, total in totals.items() if total]
    if len(arms) != 2 or events.is_empty():
        return []
    worst = events.group_by("subject", ARM, "_term").agg(pl.col("_grade").max())
    counted = worst.group_by("_term", ARM).agg(n=pl.len(), severe=(pl.col("_grade") >= severe_from).sum())
    order = (
        counted.group_by("_term")
        .agg(pl.col("n").sum())
        .sort(["n", "_term"], descending=[True, False])
        .head(TERMS)["_term"]
    )
    numbers = {(term, arm): (n, severe) for term, arm, n, severe in counted.iter_rows()}
    rows = [
        (term, *(Wing(*(one / totals[arm] for one in numbers.get((term, arm), (0, 0)))) for arm in arms))
        for term in order
    ]
    svg = butterfly_svg(
        rows, (arms[0], arms[1]), identifier="butterfly", title="Adverse events by term and arm",
        description=f"The {len(rows)} most frequent terms. The numbers are in the table of classes and terms.",
    )  # fmt: skip
    caption = (
        f"The {len(rows)} most frequent terms: percentage of subjects with an event of any grade (light) and of grade "
        f"{severe_from} or higher (dark)."
    )
    return [Figure(svg, caption, "butterfly")]


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
