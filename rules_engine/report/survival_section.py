"""Time-to-event endpoints on the page: curve, estimates, comparison and reasons for censoring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from rules_engine.analysis.competing import COMPETING, OF_INTEREST
from rules_engine.analysis.curves import incidence_curve, survival_curve
from rules_engine.report.page import Block, Figure, Paragraph, Section, SubHeading
from rules_engine.report.plots import Line, curves_svg, risk_months
from rules_engine.report.tables import (
    Cell,
    Estimates,
    Row,
    Table,
    counts_by_arm,
    heading,
    percent_cells,
    with_totals,
)
from rules_engine.report.view import ARM, ReportView

#: Words for the reasons of censoring and the kinds of event, as the endpoints name them.
REASON_WORDS = {
    "PD": "Progression",
    "RECURRENCE": "Recurrence",
    "CLINICAL_PROGRESSION": "Clinical progression",
    "OTHER": "Other event of the definition",
    "DEATH": "Death",
    "RESPONSE": "Response",
    "DISCONTINUATION": "End of treatment",
    "NEW_THERAPY": "New anticancer therapy",
    "CURATIVE_CONVERSION": "Resection or transplant",
    "REPEAT_TACE": "Repeat TACE",
    "NO_BASELINE": "No adequate baseline assessment",
    "NO_POST_BASELINE": "No evaluable assessment after baseline",
    "MISSED_VISITS": "Event after missed visits",
    "DEATH_NOT_EVENT": "Death, not an event of this endpoint",
    "PENDING_IUPD": "Unconfirmed progression, re-assessment pending",
    "WITHDRAWAL": "Withdrawal of consent",
    "LOST_TO_FOLLOWUP": "Lost to follow-up",
    "END_OF_STUDY": "End of study",
    "CUTOFF": "Ongoing at the data cut-off",
}

#: Statistic, level and words of the quartiles.
QUARTILES = (
    ("median", "0.5", "Median, months"),
    ("q1", "0.25", "25th percentile, months"),
    ("q3", "0.75", "75th percentile, months"),
)


def survival_section(view: ReportView, estimates: Estimates) -> Section:
    """Every time-to-event endpoint with a record, in the order of the ruleset."""
    blocks: list[Block] = []
    for paramcd in (name for name in view.ruleset.endpoints if name in view.time_to_event):
        rows = view.time_to_event[paramcd].join(view.subjects_with_arm, on="subject", how="left")
        label = view.ruleset.endpoints[paramcd].label
        blocks.append(SubHeading(label, tag=paramcd))
        if rows.is_empty():
            blocks.append(Paragraph("No subject has a record."))
            continue
        blocks += _figures(view, paramcd, label, rows)
        blocks.append(_estimates_table(view, estimates, paramcd, rows))
        blocks.append(_reasons_table(view, paramcd, rows))
    return Section("survival", "Time-to-event endpoints", blocks)


def _figures(view: ReportView, paramcd: str, label: str, rows: pl.DataFrame) -> list[Block]:
    """The curve of an endpoint for which the ruleset asks for one."""
    incidence = _analysis(view, "cumulative_incidence", paramcd)
    survival = _analysis(view, "kaplan_meier", paramcd)
    month = _days_per_month(rows)
    ticks = risk_months(float(rows["days"].max() or 0) / month)  # type: ignore[arg-type]
    risk_days = [tick * month for tick in ticks]
    groups = _groups(view, rows)
    blocks: list[Block] = []
    if survival is not None:
        limits = _limits(view, survival)
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
        blocks.append(Figure(svg, caption))
    if incidence is not None:
        limits = _limits(view, incidence)
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
        blocks.append(Figure(svg, caption))
    return blocks


def _analysis(view: ReportView, estimator: str, paramcd: str) -> str | None:
    """Name of the first analysis that applies an estimator to the endpoint."""
    found = (name for name in view.analyses_by(estimator) if paramcd in view.analysis_of(name).get("endpoints", ()))
    return next(found, None)


def _limits(view: ReportView, analysis: str) -> dict[str, Any]:
    """Confidence level and scale of an analysis' limits."""
    options = view.analysis_options[analysis]
    return {"conf_level": options["conf_level"], "conf_type": options["conf_type"]}


def _days_per_month(rows: pl.DataFrame) -> float:
    """Days per month as the rows were derived: the ratio of the longest record, free of rounding to speak of."""
    longest = rows.filter(pl.col("days") == pl.col("days").max()).head(1)
    days, months = float(longest["days"].item()), float(longest["months"].item())
    return days / months if months > 0 else days or 1.0


def _groups(view: ReportView, rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    if not view.arms:
        return [("All subjects", rows)]
    return [(arm, rows.filter(pl.col(ARM) == arm)) for arm in view.arms]


def _description(groups: Sequence[tuple[str, pl.DataFrame]]) -> str:
    """What the picture says, in words, for those who do not see it."""
    parts = [f"{name}: {part.height} subjects, {int(part['event'].sum())} events" for name, part in groups]
    return "; ".join(parts) + ". The numbers are in the table below."


def _estimates_table(view: ReportView, estimates: Estimates, paramcd: str, rows: pl.DataFrame) -> Table:
    """Numbers, medians, rates at landmarks and comparisons, one column per arm."""
    groups = _groups(view, rows)
    names: list[str | None] = [name if view.arms else None for name, _part in groups]
    lines = [
        Row(heading("Subjects"), [Cell(f"{part.height:,}") for _name, part in groups]),
        Row(
            heading("Events"), percent_cells([int(p["event"].sum()) for _, p in groups], [p.height for _, p in groups])
        ),
    ]
    competing = [int((part["event_type"] == COMPETING).sum()) for _name, part in groups]
    if any(competing):
        lines.append(Row(heading("Competing events"), percent_cells(competing, [p.height for _, p in groups])))
    notes: list[str] = []
    curve = _analysis(view, "kaplan_meier", paramcd)
    if curve is not None:
        for statistic, level, words in QUARTILES:
            cells = [estimates.with_limits(curve, paramcd, n, statistic, None, "probability", level) for n in names]
            lines.append(Row(heading(words), cells))
        for level in estimates.levels(curve, paramcd, "time"):
            cells = [estimates.with_limits(curve, paramcd, n, "survival", None, "time", level) for n in names]
            lines.append(Row(heading(f"Event-free at {level} months"), cells))
        notes.append("NR: not reached. –: not estimable, for instance later than the last observed time.")
    lines += _incidence_rows(view, estimates, paramcd, names)
    lines += _follow_up_rows(view, estimates, paramcd, names)
    lines += _mean_rows(view, estimates, paramcd, names)
    lines += _comparison_rows(view, estimates, paramcd, names)
    return Table(f"{paramcd}: estimates", ["", *(name for name, _part in groups)], lines, notes)


def _incidence_rows(view: ReportView, estimates: Estimates, paramcd: str, names: Sequence[str | None]) -> list[Row]:
    analysis = _analysis(view, "cumulative_incidence", paramcd)
    if analysis is None:
        return []
    rows = []
    for variable, words in (("time", "Incidence"), ("time_competing", "Incidence of the competing event")):
        for level in estimates.levels(analysis, paramcd, variable):
            cells = [estimates.with_limits(analysis, paramcd, n, "incidence", None, variable, level) for n in names]
            rows.append(Row(heading(f"{words} at {level} months"), cells))
    return rows


def _follow_up_rows(view: ReportView, estimates: Estimates, paramcd: str, names: Sequence[str | None]) -> list[Row]:
    analysis = _analysis(view, "reverse_kaplan_meier", paramcd)
    if analysis is None:
        return []
    medians = [estimates.with_limits(analysis, paramcd, n, "median", None, "probability", "0.5") for n in names]
    ranges = [
        Cell(
            f"{estimates.cell(analysis, paramcd, name, 'minimum').text} to "
            f"{estimates.cell(analysis, paramcd, name, 'maximum').text}"
        )
        for name in names
    ]
    return [
        Row(heading("Median follow-up, months"), medians),
        Row(heading("Range of follow-up without event, months"), ranges),
    ]


def _mean_rows(view: ReportView, estimates: Estimates, paramcd: str, names: Sequence[str | None]) -> list[Row]:
    analysis = _analysis(view, "rmst", paramcd)
    if analysis is None:
        return []
    rows = []
    for level in estimates.levels(analysis, paramcd, "time"):
        cells = [estimates.with_limits(analysis, paramcd, n, "restricted_mean", None, "time", level) for n in names]
        rows.append(Row(heading(f"Mean event-free months up to {level}"), cells))
        differences = [_first_pair(estimates, analysis, paramcd, name, "difference", "time", level) for name in names]
        if any(cell.text for cell in differences):
            rows.append(Row(heading("difference", indent=1), differences))
    return rows


def _first_pair(
    estimates: Estimates, analysis: str, paramcd: str, name: str | None, statistic: str,
    variable: str | None = None, level: str | None = None,
) -> Cell:  # fmt: skip
    """A comparison of a group in that group's column; nothing in the column of the reference."""
    for group, other in estimates.comparisons(analysis, paramcd):
        if group == name and other is not None:
            return estimates.with_limits(analysis, paramcd, group, statistic, other, variable, level)
    return Cell("")


def _comparison_rows(view: ReportView, estimates: Estimates, paramcd: str, names: Sequence[str | None]) -> list[Row]:
    rows = []
    hazard = _analysis(view, "cox", paramcd)
    if hazard is not None:
        reference = next((other for _one, other in estimates.comparisons(hazard, paramcd) if other), "")
        cells = [_first_pair(estimates, hazard, paramcd, name, "hazard_ratio") for name in names]
        rows.append(Row(heading(f"Hazard ratio to {reference}"), cells))
    for test in view.analyses_by("log_rank"):
        if paramcd not in view.analysis_of(test).get("endpoints", ()):
            continue
        pairs = estimates.comparisons(test, paramcd)
        if not pairs:
            continue
        group, other = pairs[0]
        p_value = estimates.cell(test, paramcd, group, "p_value", other)
        strata = (view.analysis_of(test).get("options") or {}).get("strata") or ()
        words = "Log-rank p value" + (f", stratified by {', '.join(strata)}" if strata else "")
        column = names.index(group) if group in names else 0
        rows.append(Row(heading(words), [p_value if number == column else Cell("") for number in range(len(names))]))
    return rows


def _reasons_table(view: ReportView, paramcd: str, rows: pl.DataFrame) -> Table:
    """How each record ended: events by kind, censorings by reason."""
    totals = counts_by_arm(rows, view.arms)
    lines: list[Row] = []
    for words, part in (
        ("Events", rows.filter(pl.col("event"))),
        ("Competing events", rows.filter(~pl.col("event") & (pl.col("event_type") == COMPETING))),
        ("Censored", rows.filter(~pl.col("event") & (pl.col("event_type") != COMPETING))),
    ):
        if part.is_empty():
            continue
        lines.append(Row(heading(words), percent_cells(counts_by_arm(part, view.arms), totals)))
        order = list(REASON_WORDS)
        reasons = sorted(
            part["reason"].unique().to_list(), key=lambda r: (order.index(r) if r in order else len(order), str(r))
        )
        for reason in reasons:
            ended = part.filter(pl.col("reason").eq_missing(pl.lit(reason)))
            label = heading(_reason_words(view, paramcd, reason), indent=1)
            lines.append(Row(label, percent_cells(counts_by_arm(ended, view.arms), totals)))
    return Table(f"{paramcd}: how records end", ["", *with_totals(view.arms)], lines)


def _reason_words(view: ReportView, paramcd: str, reason: str | None) -> str:
    """Words for a reason: our own, else the ruleset's text for it, else its code."""
    if reason in REASON_WORDS:
        return REASON_WORDS[reason]
    options = view.ruleset.endpoints[paramcd].options
    event = (options.get("event_reasons") or {}).get(reason)
    censoring = ((options.get("censoring_reasons") or {}).get(reason) or {}).get("text")
    return str(event or censoring or reason or "not stated").capitalize()


def glance_tables(view: ReportView, estimates: Estimates) -> list[Table]:
    """Every estimated endpoint in one line: times with medians and comparison, then rates of responders."""
    groups: list[str | None] = [*view.arms] or [None]
    bands = [("", 1), *((group or "All subjects", 2) for group in groups)]
    compared = len(groups) == 2
    times, rates = [], []
    for paramcd, endpoint in view.ruleset.endpoints.items():
        label = Cell(endpoint.label, numeric=False, tag=paramcd)
        curve, rate = _analysis(view, "kaplan_meier", paramcd), _analysis(view, "proportion", paramcd)
        if curve is not None:
            hazard, test = _analysis(view, "cox", paramcd), _analysis(view, "log_rank", paramcd)
            cells = []
            for group in groups:
                cells.append(_share(estimates, curve, paramcd, group, "events"))
                cells.append(estimates.with_limits(curve, paramcd, group, "median", None, "probability", "0.5"))
            if compared:
                cells += [_any_pair(estimates, hazard, paramcd, groups), _p_value(estimates, test, paramcd)]
            times.append(Row(label, cells))
        elif rate is not None:
            cells = []
            for group in groups:
                cells.append(_share(estimates, rate, paramcd, group, "responders"))
                cells.append(estimates.with_limits(rate, paramcd, group, "rate"))
            rates.append(Row(label, cells))
    tables = []
    if times:
        columns = ["Endpoint", *["Events", "Median, months"] * len(groups)]
        columns += ["Hazard ratio", "Log\u2011rank p"] if compared else []
        over = [*bands, ("", 2)] if compared else bands
        note = (
            "Estimates with their confidence limits. NR: not reached. Comparisons only where the ruleset asks for them."
        )
        tables.append(Table("Times to event", columns, times, [note], over))
    if rates:
        columns = ["Endpoint", *["Responders", "Rate"] * len(groups)]
        tables.append(Table("Rates of responders", columns, rates, bands=bands))
    return tables


def _share(estimates: Estimates, analysis: str, paramcd: str, group: str | None, statistic: str) -> Cell:
    """`91/114`: how many of a group's subjects."""
    happened, n = (estimates.cell(analysis, paramcd, group, name).text for name in (statistic, "n"))
    return Cell(f"{happened}/{n}")


def _any_pair(estimates: Estimates, hazard: str | None, paramcd: str, groups: Sequence[str | None]) -> Cell:
    if hazard is None:
        return Cell("")
    cells = [_first_pair(estimates, hazard, paramcd, group, "hazard_ratio") for group in groups]
    return next((cell for cell in cells if cell.text), Cell(""))


def _p_value(estimates: Estimates, test: str | None, paramcd: str) -> Cell:
    pairs = [] if test is None else estimates.comparisons(test, paramcd)
    return Cell("") if test is None or not pairs else estimates.cell(test, paramcd, pairs[0][0], "p_value", pairs[0][1])
