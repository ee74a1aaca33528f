"""Which derived records differ between two runs, and in what."""

from __future__ import annotations

import polars as pl

from rules_engine.pipeline import Derived

#: One row per subject and endpoint (of both runs) whose record differs. What a side lacks is null.
RECORD_SCHEMA: dict[str, pl.DataType] = {
    "paramcd": pl.String(),
    "subject": pl.String(),
    "change": pl.String(),  # one of CHANGES
    "outcome_before": pl.String(),  # event, censored, competing; or the response
    "outcome_after": pl.String(),
    "reason_before": pl.String(),
    "reason_after": pl.String(),
    "start_before": pl.Date(),
    "start_after": pl.Date(),
    "date_before": pl.Date(),
    "date_after": pl.Date(),
    "days_before": pl.Int64(),
    "days_after": pl.Int64(),
    "rule_before": pl.String(),
    "rule_after": pl.String(),
}

_EVENT_TYPES = {0: "censored", 1: "event", 2: "competing"}


def compare_records(before: Derived, after: Derived) -> pl.DataFrame:
    """`RECORD_SCHEMA` for every endpoint that both runs have, in the order of the first run, then by subject.

    A record differs in its outcome (event, censored, competing; the response and whether it makes a responder), its date, its
    start, its length, its reason, the bounds of its interval or its descriptions. Numbers of source records are no difference.
    """
    parts = [pl.DataFrame(schema=RECORD_SCHEMA)]
    for of_shape, prepared in (("time_to_event", _times), ("responses", _responses)):
        ones, others = getattr(before, of_shape), getattr(after, of_shape)
        parts += [
            _differing(paramcd, prepared(rows), prepared(others[paramcd]))
            for paramcd, rows in ones.items()
            if paramcd in others
        ]
    return pl.concat(parts)


def same_records(subjects: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame) -> pl.Series:
    """Those of `subjects` whose record of an endpoint is the same in two frames of one schema; no record is the same as none."""
    prepared = _times if "event_type" in before.columns else _responses
    differing = _differing("", prepared(before), prepared(after))
    return subjects.filter(~pl.col("subject").is_in(differing["subject"].implode()))["subject"]


def _times(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        "subject", outcome=pl.col("event_type").replace_strict(_EVENT_TYPES, return_dtype=pl.String), reason="reason",
        start="start_date", date="date", days="days", rule="rule_id", entry="entry_days",
        interval=pl.concat_list("interval_left", "interval_right"),
        words=pl.concat_list("event_description", "censoring_description"),
    )  # fmt: skip


def _responses(rows: pl.DataFrame) -> pl.DataFrame:
    responder = pl.col("responder").replace_strict(
        {True: "responder", False: "no responder"}, default=None, return_dtype=pl.String
    )
    return rows.select(
        "subject", outcome=pl.col("value"), reason=responder, start=pl.lit(None, pl.Date), date="date",
        days=pl.lit(None, pl.Int64), rule="rule_id", entry=pl.lit(None, pl.Int64),
        interval=pl.lit(None, pl.List(pl.Date)), words=pl.lit(None, pl.List(pl.String)),
    )  # fmt: skip


def _differing(paramcd: str, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    def differs(name: str) -> pl.Expr:
        return pl.col(f"{name}_before").ne_missing(pl.col(f"{name}_after"))

    def sided(rows: pl.DataFrame, side: str) -> pl.DataFrame:
        return rows.select("subject", pl.exclude("subject").name.suffix(f"_{side}")).with_columns(
            pl.lit(value=True).alias(f"has_{side}")
        )

    outcomes = pl.concat_str("outcome_before", pl.lit(" → "), "outcome_after")
    change = (
        pl.when(pl.col("has_before").is_null()).then(pl.lit("only after"))
        .when(pl.col("has_after").is_null()).then(pl.lit("only before"))
        .when(differs("outcome")).then(outcomes.fill_null("no response on one side"))
        .when(differs("reason")).then(pl.lit("other reason"))
        .when(differs("start")).then(pl.lit("other start"))
        .when(differs("date")).then(pl.lit("other date"))
        .when(differs("days") | differs("entry")).then(pl.lit("other length"))
        .when(differs("interval")).then(pl.lit("other interval"))
        .when(differs("words")).then(pl.lit("other words"))
    )  # fmt: skip
    return (
        sided(before, "before")
        .join(sided(after, "after"), on="subject", how="full", coalesce=True)
        .with_columns(paramcd=pl.lit(paramcd), change=change)
        .filter(pl.col("change").is_not_null())
        .select([pl.col(name).cast(dtype) for name, dtype in RECORD_SCHEMA.items()])
        .sort("subject")
    )
