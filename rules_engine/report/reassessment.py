"""What became of progressions that were re-assessed, and who was spared a false one."""

from __future__ import annotations

import polars as pl

from rules_engine import terms
from rules_engine.pages import Block, Folded, Row, Table, heading, words
from rules_engine.report.tables import count, counts_by_arm, percent_cells, with_totals
from rules_engine.report.view import ARM, ReportView

#: How many subjects a listing names.
LISTED = 20

NOT_SUSPECTED = "progression at once, not re-assessed"
CONFIRMED = "confirmed at re-assessment (iCPD)"
SPARED = "not confirmed: a later scan showed no progression"
PENDING = "not re-assessed, or still unconfirmed (iUPD)"
OUTCOMES = (NOT_SUSPECTED, CONFIRMED, SPARED, PENDING)


def reassessment_tables(view: ReportView, name: str, timepoints: pl.DataFrame) -> list[Block]:
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
