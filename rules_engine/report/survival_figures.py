"""The curves of a time-to-event endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from rules_engine.analysis.competing import COMPETING, OF_INTEREST
from rules_engine.analysis.curves import incidence_curve, survival_curve
from rules_engine.pages import Block, Figure
from rules_engine.report.canvas import safe_name
from rules_engine.report.plots import Line, curves_svg, risk_months
from rules_engine.report.view import ARM, ReportView


def survival_figures(view: ReportView, paramcd: str, label: str, rows: pl.DataFrame) -> list[Block]:
    """The curve of an endpoint for which the ruleset asks for one."""
    incidence = view.analysis_for("cumulative_incidence", paramcd)
    survival = view.analysis_for("kaplan_meier", paramcd)
    month = days_per_month(rows)
    ticks = risk_months(float(rows["days"].max() or 0) / month)  # type: ignore[arg-type]
    risk_days = [tick * month for tick in ticks]
    groups = groups_of(view, rows)
    blocks: list[Block] = []
    if survival is not None:
        limits = limits_of(view, survival)
        lines = [
            Line(name, survival_curve(part, risk_days=risk_days, **limits), colour)
            for colour, (name, part) in enumerate(groups)
            if part.height
        ]
        svg = curves_svg(
            lines, ticks, identifier=f"km-{paramcd}", title=f"Kaplan-Meier curve: {label}",
            description=_description(groups), vertical="Event-free", days_per_month=month, guide=0.5,
        )  # fmt: skip
        level = f"{limits['conf_level']:.0%}"
        caption = (
            f"Kaplan-Meier estimate, pointwise {level} limits ({limits['conf_type']}); ticks are censored subjects."
        )
        blocks.append(Figure(svg, caption, safe_name(f"km-{paramcd}")))
    if incidence is not None:
        limits = limits_of(view, incidence)
        lines = [
            Line(name, incidence_curve(part, cause=cause, risk_days=risk_days, **limits), colour, cause == COMPETING)
            for colour, (name, part) in enumerate(groups)
            for cause in (OF_INTEREST, COMPETING)
            if part.height
        ]
        svg = curves_svg(
            lines, ticks, identifier=f"cif-{paramcd}", title=f"Cumulative incidence: {label}",
            description=_description(groups), vertical="Cumulative incidence", days_per_month=month,
        )  # fmt: skip
        caption = "Aalen-Johansen estimate: the event (solid, with limits) and the competing event (dashed)."
        blocks.append(Figure(svg, caption, safe_name(f"cif-{paramcd}")))
    return blocks


def limits_of(view: ReportView, analysis: str) -> dict[str, Any]:
    """Confidence level and scale of an analysis' limits."""
    options = view.analysis_options[analysis]
    return {"conf_level": options["conf_level"], "conf_type": options["conf_type"]}


def days_per_month(rows: pl.DataFrame) -> float:
    """Days per month as the rows were derived: the ratio of the longest record, free of rounding to speak of."""
    longest = rows.filter(pl.col("days") == pl.col("days").max()).head(1)
    days, months = float(longest["days"].item()), float(longest["months"].item())
    return days / months if months > 0 else days or 1.0


def groups_of(view: ReportView, rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Name and rows of each arm; without arms, all rows."""
    if not view.arms:
        return [("All subjects", rows)]
    return [(arm, rows.filter(pl.col(ARM) == arm)) for arm in view.arms]


def _description(groups: Sequence[tuple[str, pl.DataFrame]]) -> str:
    """What the picture says, in words, for those who do not see it."""
    parts = [f"{name}: {part.height} subjects, {int(part['event'].sum())} events" for name, part in groups]
    return "; ".join(parts) + ". The numbers are in the table below."
