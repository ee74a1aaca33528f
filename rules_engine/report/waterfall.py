"""The waterfall: the best change of the sum of diameters of each subject."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine.pages import Block, Figure
from rules_engine.report.plots import bars_svg
from rules_engine.report.view import ARM, ReportView

#: More bars than this cannot be told apart; then every second, third … is drawn.
MOST_BARS = 700


def waterfalls(view: ReportView) -> list[Block]:
    """The best change of the sum of diameters of each subject; streams with the same sums share a figure."""
    shared: list[tuple[list[str], pl.DataFrame]] = []
    for name, timepoints in view.timepoints.items():
        changes = _best_changes(timepoints)
        if changes.is_empty():
            continue
        alike = next((names for names, seen in shared if seen.equals(changes)), None)
        if alike is None:
            shared.append(([name], changes))
        else:
            alike.append(name)
    return [_waterfall(view, names, changes) for names, changes in shared]


def _best_changes(timepoints: pl.DataFrame) -> pl.DataFrame:
    """One row per subject with a complete sum after baseline: `subject` and `change`, its largest fall, as a share."""
    change = (pl.col("sum_x100") - pl.col("baseline_x100")) / pl.col("baseline_x100")
    return (
        timepoints.filter(pl.col("sum_x100").is_not_null(), pl.col("baseline_x100") > 0)
        .group_by("subject")
        .agg(change.min().alias("change"))
        .sort("subject")
    )


def _waterfall(view: ReportView, names: Sequence[str], changes: pl.DataFrame) -> Figure:
    """Bars from the largest growth to the largest fall; light lines where the criterion draws its limits."""
    numbers = {arm: number for number, arm in enumerate(view.arms)}
    ordered = changes.join(view.subjects_with_arm, on="subject", how="left").sort(
        ["change", "subject"], descending=[True, False]
    )
    every = -(-ordered.height // MOST_BARS)
    drawn = ordered.gather_every(every).select("change", ARM)
    bars = [(share, numbers.get(arm, 0)) for share, arm in drawn.iter_rows()]
    definition = view.ruleset.responses.get(names[0])
    options = definition.rules.options if definition is not None and definition.rules is not None else {}
    limits = [
        sign * options[key] / 100 for key, sign in (("pr.pct", -1), ("pd.pct", 1)) if _is_number(options.get(key))
    ]
    fell = ordered.filter(pl.col("change") < 0).height
    svg = bars_svg(
        bars, [*view.arms] or ["All subjects"], limits, identifier=f"w-{names[0]}",
        title=f"Best change of the sum of diameters ({', '.join(names)})",
        description=f"{ordered.height} subjects with a complete sum after baseline; in {fell} the sum fell.",
    )  # fmt: skip
    caption = (
        f"Best change from baseline of the sum of diameters ({', '.join(names)}), one bar per subject with a complete "
        "sum after baseline; growth above 100% is cut. Light lines: the criterion's percentages of partial response "
        "and progression."
    )
    if every > 1:
        caption += f" Of {ordered.height:,} subjects every {every}th is drawn."
    return Figure(svg, caption)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
