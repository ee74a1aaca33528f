"""The curves of two runs in one figure: the first run dashed, the second solid."""

from __future__ import annotations

import polars as pl

from rules_engine.analysis.curves import risk_months, survival_curve
from rules_engine.descriptives.numbers_at_risk import days_per_month
from rules_engine.diff.side import Side
from rules_engine.pages import Block, Figure
from rules_engine.report import ReportView
from rules_engine.report.canvas import safe_name
from rules_engine.report.plots import Line, curves_svg
from rules_engine.report.survival_figures import groups_of, limits_of


def curve_figures(before: Side, after: Side, records: pl.DataFrame) -> list[Block]:
    """A figure for each time-to-event endpoint with a changed record, where both rulesets ask for its curve by arm."""
    figures: list[Block] = []
    for paramcd in records["paramcd"].unique(maintain_order=True):
        rows = after.derived.time_to_event.get(paramcd)
        analyses = [side.view.analysis_for("kaplan_meier", paramcd) for side in (before, after)]
        if rows is not None and rows.height and all(analyses) and before.derived.time_to_event[paramcd].height:
            figures.append(_figure(before, after, paramcd, str(analyses[1])))
    return figures


def _figure(before: Side, after: Side, paramcd: str, analysis: str) -> Figure:
    frames = [side.derived.time_to_event[paramcd] for side in (before, after)]
    month = days_per_month(frames[1])
    last = max(float(rows["days"].max() or 0) for rows in frames)  # type: ignore[arg-type]
    ticks = risk_months(last / month)
    lines = [
        *_lines(after.view, frames[1], analysis, [tick * month for tick in ticks], dashed=False),
        *_lines(before.view, frames[0], analysis, [tick * month for tick in ticks], dashed=True),
    ]
    label = after.ruleset.endpoints[paramcd].label
    svg = curves_svg(
        lines, ticks, identifier=f"diff-{paramcd}", title=f"Kaplan-Meier curves before and after: {label}",
        description="The first run dashed, the second solid. The numbers are in the table of estimates.",
        vertical="Event-free", days_per_month=month, guide=0.5,
    )  # fmt: skip
    caption = f"{paramcd}: {label}. Solid, with limits and numbers at risk: after; dashed: before."
    return Figure(svg, caption, safe_name(f"diff-{paramcd}"))


def _lines(view: ReportView, rows: pl.DataFrame, analysis: str, days: list[float], *, dashed: bool) -> list[Line]:
    joined = rows.join(view.subjects_with_arm, on="subject", how="left")
    limits = (
        limits_of(view, analysis) if analysis in view.analysis_options else {"conf_level": 0.95, "conf_type": "log-log"}
    )
    return [
        Line(name, survival_curve(part, risk_days=days, **limits), colour, dashed)
        for colour, (name, part) in enumerate(groups_of(view, joined))
        if part.height
    ]
