"""The forest: hazard ratios side by side, so that sensitivity analyses can be held against the main one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rules_engine.pages import Block, Figure, SubHeading
from rules_engine.report.canvas import LETTER, WIDTH, line, picture, text
from rules_engine.report.tables import Estimates
from rules_engine.report.view import ReportView

TOP, ROW = 34, 24
LABELS, NUMBERS = 330.0, WIDTH - 150.0
LONGEST_LINE = int(LABELS / LETTER) + 4
#: Ticks that an axis of ratios may have.
RATIOS = (0.1, 0.125, 0.2, 0.25, 0.33, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 8.0, 10.0)
MOST_TICKS = 7


@dataclass(frozen=True)
class Ratio:
    """One line of the figure: label, estimate and limits, and the three as they are written."""

    label: str
    estimate: float
    lower: float
    upper: float
    written: str


def forests(view: ReportView, estimates: Estimates) -> list[Block]:
    """A figure per comparison with at least two hazard ratios by arm."""
    found: dict[tuple[str, str], list[Ratio]] = {}
    for analysis in filter(view.is_by_arm, view.analyses_by("cox")):
        for paramcd in view.analysis_of(analysis).get("endpoints", ()):
            for group, other in estimates.comparisons(analysis, paramcd):
                ratio = _ratio(view, estimates, analysis, paramcd, group, other)
                if ratio is not None and group is not None and other is not None:
                    found.setdefault((group, other), []).append(ratio)
    figures: list[Block] = [
        _forest(number, pair, ratios) for number, (pair, ratios) in enumerate(found.items()) if len(ratios) > 1
    ]
    return [SubHeading("Hazard ratios side by side"), *figures] if figures else []


def _ratio(
    view: ReportView, estimates: Estimates, analysis: str, paramcd: str, group: str | None, other: str | None
) -> Ratio | None:
    """The hazard ratio of an endpoint with both limits, or None where one is missing."""
    rows = [estimates.number(analysis, paramcd, group, name, other) for name in ("hazard_ratio", "lower", "upper")]
    values = [None if row is None else row["value"] for row in rows]
    if any(not isinstance(value, float) or not 0 < value < math.inf for value in values):
        return None
    estimate, lower, upper = (float(value) for value in values)  # type: ignore[arg-type]
    several = len([one for one in view.analyses_by("cox") if paramcd in view.analysis_of(one).get("endpoints", ())]) > 1
    label = f"{paramcd}  {view.ruleset.endpoints[paramcd].label}" + (f" [{analysis}]" if several else "")
    return Ratio(
        label, estimate, lower, upper, estimates.with_limits(analysis, paramcd, group, "hazard_ratio", other).text
    )


def _forest(number: int, pair: tuple[str, str], ratios: Sequence[Ratio]) -> Figure:
    group, other = pair
    svg = forest_svg(
        ratios, (f"favours {group}", f"favours {other}"), identifier=f"forest-{number}",
        title=f"Hazard ratios of {group} to {other}",
        description="; ".join(f"{ratio.label}: {ratio.written}" for ratio in ratios) + ".",
    )  # fmt: skip
    name = f"forest-{number}" if number else "forest"
    return Figure(
        svg, f"Hazard ratios of {group} to {other} with their confidence limits, on a logarithmic axis.", name
    )


def forest_svg(
    ratios: Sequence[Ratio], sides: tuple[str, str], *, identifier: str, title: str, description: str
) -> str:
    """Lines from top to bottom in the order given: label, interval with its estimate, and the numbers.

    `sides` are the words on the left and right of a ratio of 1.
    """
    low = min(0.5, *(ratio.lower for ratio in ratios))
    high = max(2.0, *(ratio.upper for ratio in ratios))
    left, right = LABELS + 12, NUMBERS - 16

    def x(ratio: float) -> float:
        return left + (right - left) * (math.log(ratio) - math.log(low)) / (math.log(high) - math.log(low))

    bottom = TOP + ROW * len(ratios)
    ticks = [one for one in RATIOS if low <= one <= high]
    ticks = [one for one in ticks if one in (0.25, 0.5, 1.0, 2.0, 4.0)] if len(ticks) > MOST_TICKS else ticks
    parts = [
        text("tick", x(1) - 8, TOP - 14, sides[0], "end"),
        text("tick", x(1) + 8, TOP - 14, sides[1]),
        line("axis", left, bottom, right, bottom),
    ]
    for tick in ticks:
        parts.append(line("axis" if tick == 1 else "grid", x(tick), TOP - 6, x(tick), bottom))
        parts.append(text("tick", x(tick), bottom + 17, f"{tick:g}", "middle"))
    for number, ratio in enumerate(ratios):
        y = TOP + ROW * (number + 0.5)
        parts.append(text("name", 0, y + 4, _cut(ratio.label)))
        parts.append(f'<path class="line c0" d="M{x(ratio.lower):.1f} {y:.1f}H{x(ratio.upper):.1f}"/>')
        parts.append(f'<rect class="bar c0" x="{x(ratio.estimate) - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9"/>')
        parts.append(text("tick", NUMBERS, y + 4, ratio.written))
    return picture(parts, bottom + 26, identifier=identifier, title=title, description=description)


def _cut(label: str) -> str:
    return label if len(label) <= LONGEST_LINE else label[: LONGEST_LINE - 1] + "…"
