"""What is counted in the records of some or all subjects: small frames by name, whose rows add up when parts are stacked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from rules_engine.descriptives.reassessment import tally_reassessment
from rules_engine.descriptives.rows import ARM
from rules_engine.descriptives.sums import tally_sums

Frames = Mapping[str, pl.DataFrame]
#: Beginnings of the names: records of a time to event and of a response by PARAMCD, re-assessments and sums by stream.
TIMES, RESPONSES, REASSESSED, SUMS = (f"{name}/" for name in ("times", "responses", "reassessed", "sums"))
#: What records of a time to event are told apart by, and records of a response.
OF_TIMES: Final = ("days", "entry_days", "event", "event_type", "reason")
OF_RESPONSES: Final = ("value", "responder", "rule_id")


def tally_records(
    subjects: pl.DataFrame, time_to_event: Frames, responses: Frames, timepoints: Frames
) -> dict[str, pl.DataFrame]:
    """Count in the derived records of the subjects.

    `subjects` has `subject` and `arm`; `time_to_event` and `responses` are by PARAMCD, `timepoints` by stream.
    """
    people = subjects.select("subject", pl.col(ARM).cast(pl.String)).sort("subject")
    found = {TIMES + paramcd: _tally_times(_with_arm(rows, people)) for paramcd, rows in time_to_event.items()}
    for paramcd, rows in responses.items():
        counted = _with_arm(rows, people).group_by(ARM, *OF_RESPONSES, maintain_order=True)
        found[RESPONSES + paramcd] = counted.agg(count=pl.len().cast(pl.Int64))
    for name, rows in timepoints.items():
        found[REASSESSED + name] = tally_reassessment(rows, people)
        found[SUMS + name] = tally_sums(rows, people)
    return found


def _tally_times(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per arm, time and way to end: `count` records, and their time in months."""
    counted = rows.group_by(ARM, *OF_TIMES, maintain_order=True)
    return counted.agg(pl.col("months").first(), count=pl.len().cast(pl.Int64))


def _with_arm(rows: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """The records with the arm of their subject; `people` are sorted by subject, as records mostly are."""
    if rows["subject"].equals(people["subject"]):
        return rows.with_columns(people[ARM])
    return rows.drop(ARM, strict=False).join(people, on="subject", how="left", maintain_order="left")


def of_kind(tallies: Frames, kind: str) -> dict[str, pl.DataFrame]:
    """The tallies of one kind by PARAMCD or stream."""
    return {name.removeprefix(kind): tallies[name] for name in tallies if name.startswith(kind)}
