"""Time-to-event endpoints on the page: curve, estimates, comparison and reasons for censoring."""

from __future__ import annotations

from collections.abc import Sequence

from rules_engine.analysis.times import filter_timed
from rules_engine.descriptives import endings
from rules_engine.pages import Block, Cell, Paragraph, Row, Section, SubHeading, Table, heading
from rules_engine.report.counts import Counts
from rules_engine.report.forest import forests
from rules_engine.report.survival_figures import ALL, survival_figures
from rules_engine.report.tables import Estimates, with_totals
from rules_engine.report.view import ReportView

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
        timed = filter_timed(rows)
        if timed.height:
            blocks += survival_figures(view, paramcd, label, timed)
        blocks.append(_estimates_table(view, estimates, paramcd))
        blocks.append(_reasons_table(view, paramcd))
    blocks += forests(view, estimates)
    return Section("survival", "Time-to-event endpoints", blocks)


def _estimates_table(view: ReportView, estimates: Estimates, paramcd: str) -> Table:
    """Numbers, medians, rates at landmarks and comparisons, one column per arm."""
    names: list[str | None] = [*view.arms] or [None]
    counts = Counts.of(view, endings.ANALYSIS, paramcd)
    lines = [Row(heading("Subjects"), counts.whole(groups=names))]
    for ending in (endings.EVENT, endings.COMPETING_EVENT):
        if ending == endings.EVENT or any(counts.value(endings.OUTCOME, ending, name, "count") for name in names):
            shares = counts.shares(endings.OUTCOME, ending, groups=names)
            lines.append(Row(heading(endings.ENDINGS[ending]), shares))
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
    return Table(f"{paramcd}: estimates", ["", *(name or ALL for name in names)], lines, notes)


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


def _reasons_table(view: ReportView, paramcd: str) -> Table:
    """How each record ended: events by kind, censorings by reason."""
    counts = Counts.of(view, endings.ANALYSIS, paramcd)
    lines: list[Row] = []
    for ending, words in counts.levels(endings.OUTCOME).items():
        if ending is None or not counts.anybody(endings.OUTCOME, ending):
            continue
        lines.append(Row(heading(words), counts.shares(endings.OUTCOME, ending)))
        for reason, told in counts.levels(ending).items():
            lines.append(Row(heading(told, indent=1), counts.shares(ending, reason)))
    return Table(f"{paramcd}: how records end", ["", *with_totals(view.arms)], lines)
