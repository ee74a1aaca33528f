"""The curves of a time-to-event endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from rules_engine.analysis.competing import COMPETING, OF_INTEREST
from rules_engine.analysis.curves import Curve, incidence_curve, survival_curve
from rules_engine.descriptives import endings, numbers_at_risk
from rules_engine.descriptives.numbers_at_risk import days_per_month
from rules_engine.numerics import np
from rules_engine.pages import Block, Figure
from rules_engine.report.canvas import safe_name
from rules_engine.report.counts import Counts
from rules_engine.report.plots import Line, curves_svg
from rules_engine.report.view import ARM, ReportView

#: What a column of all subjects together is called.
ALL = "All subjects"


def survival_figures(view: ReportView, paramcd: str, label: str, rows: pl.DataFrame) -> list[Block]:
    """The curve of an endpoint for which the ruleset asks for one."""
    incidence = view.analysis_for("cumulative_incidence", paramcd)
    survival = view.analysis_for("kaplan_meier", paramcd)
    month = days_per_month(rows)
    at_risk = Counts.of(view, numbers_at_risk.ANALYSIS, paramcd)
    ticks = [float(level) for level in at_risk.levels("time") if level is not None]
    groups = groups_of(view, rows)
    description = _description(view, paramcd, groups)
    blocks: list[Block] = []
    if survival is not None:
        limits = limits_of(view, survival)
        lines = [
            Line(name, _at_risk(survival_curve(part, risk_days=(), **limits), at_risk, view, name), colour)
            for colour, (name, part) in enumerate(groups)
            if part.height
        ]
        svg = curves_svg(
            lines, ticks, identifier=f"km-{paramcd}", title=f"Kaplan-Meier curve: {label}",
            description=description, vertical="Event-free", days_per_month=month, guide=0.5,
        )  # fmt: skip
        level = f"{limits['conf_level']:.0%}"
        caption = (
            f"Kaplan-Meier estimate, pointwise {level} limits ({limits['conf_type']}); ticks are censored subjects."
        )
        blocks.append(Figure(svg, caption, safe_name(f"km-{paramcd}")))
    if incidence is not None:
        limits = limits_of(view, incidence)
        lines = [
            Line(
                name,
                _at_risk(incidence_curve(part, cause=cause, risk_days=(), **limits), at_risk, view, name),
                colour,
                cause == COMPETING,
            )
            for colour, (name, part) in enumerate(groups)
            for cause in (OF_INTEREST, COMPETING)
            if part.height
        ]
        svg = curves_svg(
            lines, ticks, identifier=f"cif-{paramcd}", title=f"Cumulative incidence: {label}",
            description=description, vertical="Cumulative incidence", days_per_month=month,
        )  # fmt: skip
        caption = "Aalen-Johansen estimate: the event (solid, with limits) and the competing event (dashed)."
        blocks.append(Figure(svg, caption, safe_name(f"cif-{paramcd}")))
    return blocks


def limits_of(view: ReportView, analysis: str) -> dict[str, Any]:
    """Confidence level and scale of an analysis' limits."""
    options = view.analysis_options[analysis]
    return {"conf_level": options["conf_level"], "conf_type": options["conf_type"]}


def groups_of(view: ReportView, rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Name and rows of each arm; without arms, all rows."""
    if not view.arms:
        return [(ALL, rows)]
    return [(arm, rows.filter(pl.col(ARM) == arm)) for arm in view.arms]


def _at_risk(curve: Curve, counts: Counts, view: ReportView, name: str) -> Curve:
    """The curve with the numbers at risk of the results, one for each month that they tell."""
    group = name if view.arms else None
    numbers = [counts.value("time", level, group, "at_risk") for level in counts.levels("time")]
    return replace(curve, at_risk=np.array(numbers, dtype=float))


def _description(view: ReportView, paramcd: str, groups: Sequence[tuple[str, pl.DataFrame]]) -> str:
    """What the picture says, in words, for those who do not see it."""
    counts = Counts.of(view, endings.ANALYSIS, paramcd)
    parts = []
    for name, _rows in groups:
        group = name if view.arms else None
        subjects, events = (
            counts.value(None, None, group, "n"),
            counts.value(endings.OUTCOME, endings.EVENT, group, "count"),
        )
        parts.append(f"{name}: {subjects:,} subjects, {events:,} events")
    return "; ".join(parts) + ". The numbers are in the table below."
