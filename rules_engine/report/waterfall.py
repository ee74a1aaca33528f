"""The waterfall: the best change of the sum of diameters of each subject, arm beside arm, coloured by best response."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine.analysis.response_estimates import BEST_FIRST
from rules_engine.descriptives import sums
from rules_engine.pages import Block, Figure
from rules_engine.report.canvas import (
    WIDTH,
    colour_class,
    legend,
    line,
    percent,
    picture,
    response_colour,
    safe_name,
    short,
    text,
)
from rules_engine.report.change_from_baseline import best_responses, limits_of, streams_by_sums
from rules_engine.report.counts import Counts
from rules_engine.report.tables import nth
from rules_engine.report.view import ARM, ReportView

#: More bars than this cannot be told apart; then every second, third … is drawn.
MOST_BARS = 700
TOP, TALL, LEFT, RIGHT = 30, 300, 60.0, WIDTH - 12.0
#: Empty places between two arms.
BETWEEN_ARMS = 3
WIDEST_BAR = 26.0


def waterfalls(view: ReportView) -> list[Block]:
    """One figure per set of sums."""
    return [_waterfall(view, names, found) for names, found in streams_by_sums(view)]


def _waterfall(view: ReportView, names: Sequence[str], found: pl.DataFrame) -> Figure:
    best = best_responses(view, names)
    bars = _bars(view, found, None if best is None else best[1])
    every = -(-bars.height // MOST_BARS)
    counts = Counts.of(view, sums.ANALYSIS)
    groups = [
        (_named(counts, names[0], arm), part.sort(["change", "subject"], descending=[True, False]).gather_every(every))
        for arm in [*view.arms, None]
        if (part := bars.filter(pl.col(ARM).eq_missing(pl.lit(arm, pl.String)))).height
    ]
    if not view.arms:
        groups = [(_named(counts, names[0], None, "All subjects"), part) for _name, part in groups]
    subjects, fell = (counts.value(names[0], *place) for place in ((None, None, "n"), (sums.FELL, None, "count")))
    streams = ", ".join(names)
    svg = waterfall_svg(
        [(name, list(part.select("change", "value").iter_rows())) for name, part in groups],
        limits_of(view, names[0]), identifier=f"w-{names[0]}", coloured=best is not None,
        title=f"Best change of the sum of diameters ({streams})",
        description=f"{subjects:,} subjects with a complete sum after baseline; in {fell:,} the sum fell.",
    )  # fmt: skip
    caption = (
        f"Best change from baseline of the sum of diameters ({streams}), one bar per subject with a complete "
        "sum after baseline; growth above 100% is cut. Light lines: the criterion's percentages of partial response "
        "and progression."
    )
    if best is not None:
        caption += f" Colours: best overall response ({best[0]})."
    if every > 1:
        caption += f" Of {subjects:,} subjects every {nth(every)} is drawn."
    return Figure(svg, caption, safe_name(f"waterfall-{names[0]}"))


def _named(counts: Counts, stream: str, arm: str | None, name: str = "") -> str:
    """A group with its number of subjects; those without an arm have no number of their own."""
    if arm is None and not name:
        return "No arm"
    return f"{short(arm or name)} (n = {counts.value(stream, None, arm, 'n'):,})"


def _bars(view: ReportView, found: pl.DataFrame, best: pl.DataFrame | None) -> pl.DataFrame:
    """One row per subject: `subject`, `change` (its largest fall or smallest growth), `value` (best response), `arm`."""
    bars = sums.best_changes(found).join(view.subjects_with_arm, on="subject", how="left")
    if best is None:
        return bars.with_columns(value=pl.lit(None, pl.String))
    return bars.join(best, on="subject", how="left")


def waterfall_svg(
    groups: Sequence[tuple[str, Sequence[tuple[float, str | None]]]], limits: Sequence[float], *, coloured: bool,
    identifier: str, title: str, description: str,
) -> str:  # fmt: skip
    """Groups of bars side by side, each its words and its bars (share, response code) in the order given.

    Shares above 1 are cut at 1; `limits` are shares at which a light line runs across. Without `coloured` a group's
    bars have the group's colour.
    """
    places = sum(len(bars) for _name, bars in groups) + BETWEEN_ARMS * max(len(groups) - 1, 0)
    step = (RIGHT - LEFT) / max(places, 1)
    wide = min(step * 0.8, WIDEST_BAR)
    parts = _grid()
    paths: dict[int, list[str]] = {}
    first = 0
    for number, (name, bars) in enumerate(groups):
        parts.append(text("name", LEFT + step * first + 2, TOP - 12, name))
        for place, (share, code) in enumerate(bars, start=first):
            x = LEFT + step * (place + 0.5) - wide / 2
            colour = response_colour(code) if coloured else number
            paths.setdefault(colour, []).append(f"M{x:.1f} {_y(0):.1f}h{wide:.1f}V{_y(share):.1f}h{-wide:.1f}Z")
        first += len(bars) + BETWEEN_ARMS
    parts += [f'<path class="bar {colour_class(one)}" d="{"".join(paths[one])}"/>' for one in sorted(paths)]
    parts += [line("guide", LEFT, _y(share), RIGHT, _y(share)) for share in limits]
    if coloured:
        codes = {code or "NE" for _name, bars in groups for _share, code in bars}
        parts += legend(_names_of_colours(codes), LEFT, TOP + TALL + 24)
    height = TOP + TALL + (38 if coloured else 12)
    return picture(parts, height, identifier=identifier, title=title, description=description)


def _names_of_colours(codes: set[str]) -> list[tuple[str, int]]:
    """The response codes of the figure behind their colours, best first; codes that share a colour stand together."""
    order = {code: place for place, code in enumerate(BEST_FIRST)}
    named: dict[int, list[str]] = {}
    for code in sorted(codes, key=lambda one: (order.get(one, len(order)), one)):
        named.setdefault(response_colour(code), []).append(code)
    return [(", ".join(together), colour) for colour, together in named.items()]


def _grid() -> list[str]:
    parts = []
    for share in (1.0, 0.5, 0.0, -0.5, -1.0):
        parts.append(line("axis" if share == 0 else "grid", LEFT, _y(share), RIGHT, _y(share)))
        parts.append(text("tick", LEFT - 8, _y(share) + 4, percent(share), "end"))
    return parts


def _y(share: float) -> float:
    return TOP + TALL * (1 - min(share, 1.0)) / 2
