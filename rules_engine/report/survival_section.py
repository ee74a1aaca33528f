"""Time-to-event endpoints on the page: curve, estimates, comparison and reasons for censoring."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine.analysis.competing import COMPETING
from rules_engine.pages import Block, Cell, Paragraph, Row, Section, SubHeading, Table, heading
from rules_engine.report.forest import forests
from rules_engine.report.survival_figures import groups_of, survival_figures
from rules_engine.report.tables import Estimates, counts_by_arm, percent_cells, with_totals
from rules_engine.report.view import ReportView

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
        blocks += survival_figures(view, paramcd, label, rows)
        blocks.append(_estimates_table(view, estimates, paramcd, rows))
        blocks.append(_reasons_table(view, paramcd, rows))
    blocks += forests(view, estimates)
    return Section("survival", "Time-to-event endpoints", blocks)


def _estimates_table(view: ReportView, estimates: Estimates, paramcd: str, rows: pl.DataFrame) -> Table:
    """Numbers, medians, rates at landmarks and comparisons, one column per arm."""
    groups = groups_of(view, rows)
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
    curve = view.analysis_for("kaplan_meier", paramcd)
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
    analysis = view.analysis_for("cumulative_incidence", paramcd)
    if analysis is None:
        return []
    rows = []
    for variable, words in (("time", "Incidence"), ("time_competing", "Incidence of the competing event")):
        for level in estimates.levels(analysis, paramcd, variable):
            cells = [estimates.with_limits(analysis, paramcd, n, "incidence", None, variable, level) for n in names]
            rows.append(Row(heading(f"{words} at {level} months"), cells))
    return rows


def _follow_up_rows(view: ReportView, estimates: Estimates, paramcd: str, names: Sequence[str | None]) -> list[Row]:
    analysis = view.analysis_for("reverse_kaplan_meier", paramcd)
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
    analysis = view.analysis_for("rmst", paramcd)
    if analysis is None:
        return []
    rows = []
    for level in estimates.levels(analysis, paramcd, "time"):
        cells = [estimates.with_limits(analysis, paramcd, n, "restricted_mean", None, "time", level) for n in names]
        rows.append(Row(heading(f"Mean event-free months up to {level}"), cells))
        differences = [
            pair_with_limits(estimates, analysis, paramcd, name, "difference", "time", level) for name in names
        ]
        if any(cell.text for cell in differences):
            rows.append(Row(heading("difference", indent=1), differences))
    return rows


def pair_with_limits(
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
    hazard = view.analysis_for("cox", paramcd)
    if hazard is not None:
        reference = next((other for _one, other in estimates.comparisons(hazard, paramcd) if other), "")
        cells = [pair_with_limits(estimates, hazard, paramcd, name, "hazard_ratio") for name in names]
        rows.append(Row(heading(f"Hazard ratio to {reference}"), cells))
    for test in view.analyses_by("log_rank"):
        if paramcd not in view.analysis_of(test).get("endpoints", ()) or not view.is_by_arm(test):
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
