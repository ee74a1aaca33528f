"""The spider: each subject's sum of diameters over time, as change from baseline."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine.descriptives import sums
from rules_engine.pages import Block, Figure
from rules_engine.report.canvas import WIDTH, colour_class, legend, line, percent, picture, safe_name, short, text
from rules_engine.report.change_from_baseline import limits_of, streams_by_sums
from rules_engine.report.clock import DAYS_PER_MONTH, month_ticks, starts
from rules_engine.report.counts import Counts
from rules_engine.report.tables import nth
from rules_engine.report.view import ARM, ReportView

#: More lines than this hide each other; then those of every second, third … subject are drawn.
MOST_LINES = 400
TOP, TALL, LEFT, RIGHT = 16, 300, 60.0, WIDTH - 12.0


def spiders(view: ReportView) -> list[Block]:
    """One figure per set of sums for which a clock is known."""
    figures: list[Block] = []
    for names, found in streams_by_sums(view):
        clock = starts(view, names)
        if clock is not None:
            figures.append(_spider(view, names, found, clock))
    return figures


def _spider(view: ReportView, names: Sequence[str], found: pl.DataFrame, clock: tuple[str, pl.DataFrame]) -> Figure:
    paramcd, begun = clock
    timed = (
        found.join(begun, on="subject")
        .with_columns(month=(pl.col("visit_date") - pl.col("start_date")).dt.total_days() / DAYS_PER_MONTH)
        .filter(pl.col("month") > 0)
        .join(view.subjects_with_arm, on="subject", how="left")
    )
    subjects = timed.select("subject").unique().sort("subject")
    every = max(-(-subjects.height // MOST_LINES), 1)
    drawn = timed.join(subjects.gather_every(every), on="subject", how="semi").sort("subject", "visit_date")
    numbers = {arm: number for number, arm in enumerate(view.arms)}
    lines = [
        (numbers.get(part[ARM][0], 0), list(part.select("month", "change").iter_rows()))
        for part in drawn.partition_by("subject", maintain_order=True)
    ]
    streams = ", ".join(names)
    known = Counts.of(view, sums.ANALYSIS).value(names[0], None, None, "n")
    svg = spider_svg(
        lines, [*view.arms] or ["All subjects"], limits_of(view, names[0]), identifier=f"s-{names[0]}",
        title=f"Change of the sum of diameters over time ({streams})",
        description=f"{known:,} subjects with a complete sum after baseline, from the start of the clock of {paramcd}.",
    )  # fmt: skip
    caption = (
        f"Change from baseline of the sum of diameters over time ({streams}), one line per subject, from the start of "
        f"the clock of {paramcd}; a dot ends each line; growth above 100% is cut. Light lines as in the waterfall."
    )
    if every > 1:
        caption += f" Of {known:,} subjects every {nth(every)} is drawn."
    return Figure(svg, caption, safe_name(f"spider-{names[0]}"))


def spider_svg(
    lines: Sequence[tuple[int, Sequence[tuple[float, float]]]], names: Sequence[str], limits: Sequence[float], *,
    identifier: str, title: str, description: str,
) -> str:  # fmt: skip
    """Lines from nothing at month 0: each the number of its colour and its points (month, share), in order of time.

    Shares above 1 are cut at 1; `names` labels the colours; `limits` are shares at which a light line runs across.
    """
    last = max((month for _colour, points in lines for month, _share in points), default=1.0)
    ticks = month_ticks(last)
    furthest = max(last, 1.0)

    def x(month: float) -> float:
        return LEFT + (RIGHT - LEFT) * month / furthest

    parts = []
    for share in (1.0, 0.5, 0.0, -0.5, -1.0):
        parts.append(line("axis" if share == 0 else "grid", LEFT, _y(share), RIGHT, _y(share)))
        parts.append(text("tick", LEFT - 8, _y(share) + 4, percent(share), "end"))
    parts += [text("tick", x(tick), TOP + TALL + 18, f"{tick}", "middle") for tick in ticks]
    parts.append(text("name", (LEFT + RIGHT) / 2, TOP + TALL + 36, "Months", "middle"))
    parts += [line("guide", LEFT, _y(share), RIGHT, _y(share)) for share in limits]
    for colour in sorted({colour for colour, _points in lines}):
        threads, ends = [], []
        for one, points in lines:
            if one == colour and points:
                steps = "".join(f"L{x(month):.1f} {_y(share):.1f}" for month, share in points)
                threads.append(f"M{x(0):.1f} {_y(0):.1f}{steps}")
                ends.append(f"M{x(points[-1][0]) - 2:.1f} {_y(points[-1][1]):.1f}a2 2 0 1 0 4 0a2 2 0 1 0 -4 0Z")
        parts.append(f'<path class="thread {colour_class(colour)}" d="{"".join(threads)}"/>')
        parts.append(f'<path class="bar {colour_class(colour)}" d="{"".join(ends)}"/>')
    parts += legend([(short(name), number) for number, name in enumerate(names)], LEFT, TOP + TALL + 58)
    return picture(parts, TOP + TALL + 70, identifier=identifier, title=title, description=description)


def _y(share: float) -> float:
    return TOP + TALL * (1 - min(share, 1.0)) / 2
