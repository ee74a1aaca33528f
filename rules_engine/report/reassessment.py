"""Progression and its re-assessment: what became of each first progression, and who was spared from a false one."""

from __future__ import annotations

import polars as pl

from rules_engine.descriptives import reassessment
from rules_engine.descriptives.reassessment import SPARED, first_progressions
from rules_engine.pages import Block, Folded, Row, Table, heading, words
from rules_engine.report.counts import Counts
from rules_engine.report.tables import with_totals
from rules_engine.report.view import ARM, ReportView

#: How many subjects a listing names.
LISTED = 20


def reassessment_tables(view: ReportView, name: str, timepoints: pl.DataFrame) -> list[Block]:
    """What became of each first progression of the plain criterion, in a stream that speaks iRECIST."""
    counts = Counts.of(view, reassessment.ANALYSIS)
    levels = counts.levels(name)
    if not levels:
        return []
    lines = [
        Row(heading(label), counts.whole(name))
        if outcome is None
        else Row(heading(label, indent=1), counts.shares(name, outcome))
        for outcome, label in levels.items()
    ]
    blocks: list[Block] = [Table(f"Progression re-assessed ({name})", ["", *with_totals(view.arms)], lines)]
    if counts.value(name, SPARED, None, "count"):
        listing = _spared_table(view, name, timepoints)
        blocks.append(Folded(listing.caption, [listing]))
    return blocks


def _spared_table(view: ReportView, name: str, timepoints: pl.DataFrame) -> Table:
    spared = (
        first_progressions(timepoints)
        .filter(pl.col("outcome") == SPARED)
        .join(view.subjects_with_arm, on="subject", how="left")
        .sort("first_progression", "subject")
    )
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
