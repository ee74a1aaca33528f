"""Response on the page: rates, best responses, and what the re-assessment of progression changed."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine import terms
from rules_engine.analysis.response import BEST_FIRST
from rules_engine.report.page import Block, Figure, Folded, Section
from rules_engine.report.plots import bars_svg
from rules_engine.report.tables import (
    Cell,
    Estimates,
    Row,
    Table,
    count,
    counts_by_arm,
    heading,
    percent_cells,
    with_totals,
    words,
)
from rules_engine.report.view import ARM, ReportView

#: How many subjects a listing names.
LISTED = 20
#: More bars than this cannot be told apart; then every second, third … is drawn.
MOST_BARS = 700


def response_section(view: ReportView, estimates: Estimates) -> Section:
    """Rates of responders, distribution of responses, and progression that was not confirmed."""
    blocks: list[Block] = []
    rates = _rates_table(view, estimates)
    if rates.rows:
        blocks.append(rates)
    blocks += _distribution_tables(view)
    blocks += _waterfalls(view)
    for name, timepoints in view.timepoints.items():
        blocks += _reassessment_tables(view, name, timepoints)
    return Section("response", "Response", blocks)


def _rates_table(view: ReportView, estimates: Estimates) -> Table:
    groups: Sequence[str | None] = [*view.arms] or [None]
    rows: list[Row] = []
    for analysis in view.analyses_by("proportion"):
        for paramcd in view.analysis_of(analysis).get("endpoints", ()):
            rows.append(Row(Cell(f"{paramcd}: {view.ruleset.endpoints[paramcd].label}", numeric=False)))
            counts = [
                Cell(
                    f"{estimates.cell(analysis, paramcd, group, 'responders').text}/"
                    f"{estimates.cell(analysis, paramcd, group, 'n').text}"
                )
                for group in groups
            ]
            rows.append(Row(heading("responders / subjects", indent=1), counts))
            rates = [estimates.with_limits(analysis, paramcd, group, "rate") for group in groups]
            rows.append(Row(heading("rate (limits)", indent=1), rates))
            rows += _difference_rows(view, estimates, paramcd, groups)
    return Table("Rates of responders", ["", *(group or "All" for group in groups)], rows)


def _difference_rows(view: ReportView, estimates: Estimates, paramcd: str, groups: Sequence[str | None]) -> list[Row]:
    rows = []
    for analysis in view.analyses_by("proportion_difference"):
        pairs = dict(estimates.comparisons(analysis, paramcd))
        if not pairs:
            continue
        reference = next(iter(pairs.values()))
        cells = [
            estimates.with_limits(analysis, paramcd, group, "difference", pairs[group]) if group in pairs else Cell("")
            for group in groups
        ]
        tests = [
            estimates.cell(analysis, paramcd, group, "p_value", pairs[group]) if group in pairs else Cell("")
            for group in groups
        ]
        rows.append(Row(heading(f"difference from {reference}", indent=1), cells))
        rows.append(Row(heading("p value", indent=1), tests))
    return rows


def _distribution_tables(view: ReportView) -> list[Table]:
    """The distribution of responses of each endpoint; endpoints that rest on the same responses share a table."""
    shared: list[tuple[list[str], pl.DataFrame]] = []
    for paramcd, rows in view.responses.items():
        values = rows.select("subject", "value").sort("subject")
        if values.is_empty():
            continue
        alike = next((names for names, seen in shared if seen.equals(values)), None)
        if alike is None:
            shared.append(([paramcd], values))
        else:
            alike.append(paramcd)
    return [_distribution_table(view, names, values) for names, values in shared]


def _distribution_table(view: ReportView, names: Sequence[str], rows: pl.DataFrame) -> Table:
    joined = rows.join(view.subjects_with_arm, on="subject", how="left")
    totals = counts_by_arm(joined, view.arms)
    found = joined["value"].drop_nulls().unique().to_list()
    order = {code: place for place, code in enumerate(BEST_FIRST)}
    lines = [Row(heading("Subjects"), [count(number) for number in totals])]
    for value in sorted(found, key=lambda code: (order.get(code, len(order)), code)):
        having = joined.filter(pl.col("value") == value)
        lines.append(Row(heading(value, indent=1), percent_cells(counts_by_arm(having, view.arms), totals)))
    caption = f"Responses behind {', '.join(names)}"
    return Table(caption, ["", *with_totals(view.arms)], lines)


def _waterfalls(view: ReportView) -> list[Block]:
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


def _reassessment_tables(view: ReportView, name: str, timepoints: pl.DataFrame) -> list[Block]:
    """What became of each first progression of the plain criterion, in a stream that speaks iRECIST."""
    if timepoints.is_empty() or not timepoints["overall"].is_in(list(terms.PLAIN_FORM)).any():
        return []
    outcomes = _outcomes_of_first_progression(timepoints).join(view.subjects_with_arm, on="subject", how="left")
    if outcomes.is_empty():
        return []
    totals = counts_by_arm(outcomes, view.arms)
    lines = [Row(heading("Subjects with a progression by the plain criterion"), [count(number) for number in totals])]
    for outcome in OUTCOMES:
        ended = outcomes.filter(pl.col("outcome") == outcome)
        lines.append(Row(heading(outcome, indent=1), percent_cells(counts_by_arm(ended, view.arms), totals)))
    blocks: list[Block] = [Table(f"Progression re-assessed ({name})", ["", *with_totals(view.arms)], lines)]
    spared = outcomes.filter(pl.col("outcome") == SPARED).sort("first_progression", "subject")
    if spared.height:
        listing = _spared_table(name, spared)
        blocks.append(Folded(listing.caption, [listing]))
    return blocks


NOT_SUSPECTED = "progression at once, not re-assessed"
CONFIRMED = "confirmed at re-assessment (iCPD)"
SPARED = "not confirmed: a later scan showed no progression"
PENDING = "not re-assessed, or still unconfirmed (iUPD)"
OUTCOMES = (NOT_SUSPECTED, CONFIRMED, SPARED, PENDING)


def _outcomes_of_first_progression(timepoints: pl.DataFrame) -> pl.DataFrame:
    """One row per subject with a progression by the plain criterion: first_progression, final_code, arm, outcome.

    The plain criterion's code is `basis_overall`, an iRECIST code standing for its plain form. The outcome is that of
    the whole stream: confirmed at any visit; else by the last evaluable code.
    """
    plain = pl.col("basis_overall").replace(terms.PLAIN_FORM)
    in_order = timepoints.sort("subject", "visit_date")
    codes = pl.col("overall")
    evaluable = ~codes.is_in(list(terms.NOT_EVALUABLE))
    return (
        in_order.group_by("subject")
        .agg(
            first_progression=pl.col("visit_date").filter(plain.is_in([terms.PD, terms.RECUR])).min(),
            confirmed=(codes == terms.ICPD).any(),
            plain_progression=codes.is_in([terms.PD, terms.RECUR]).any(),
            final_code=codes.filter(evaluable).last(),
            final_date=pl.col("visit_date").filter(evaluable).last(),
        )
        .filter(pl.col("first_progression").is_not_null())
        .with_columns(
            outcome=pl.when("confirmed")
            .then(pl.lit(CONFIRMED))
            .when("plain_progression")
            .then(pl.lit(NOT_SUSPECTED))
            .when(pl.col("final_code") == terms.IUPD)
            .then(pl.lit(PENDING))
            .otherwise(pl.lit(SPARED))
        )
        .sort("subject")
    )


def _spared_table(name: str, spared: pl.DataFrame) -> Table:
    rows = [
        Row(
            heading(row["subject"]),
            [words(row[ARM]), words(row["first_progression"]), words(row["final_code"]), words(row["final_date"])],
        )
        for row in spared.head(LISTED).iter_rows(named=True)
    ]
    more = spared.height - LISTED
    notes = [f"{more} further subjects are in ADRS."] if more > 0 else []
    caption = f"Spared a false progression ({name})"
    columns = ["Subject", "Arm", "Progression by the plain criterion", "Last evaluable response", "on"]
    return Table(caption, columns, rows, notes)
