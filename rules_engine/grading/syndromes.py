"""Syndromes that several events make up after a procedure, such as the post-embolisation syndrome after TACE.

The events stay as they are, each with its own grade; those that belong together carry the name of the syndrome and of
the session. Where a site reports the syndrome itself, its components are not counted again.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine.grading.event_rules import Syndrome
from rules_engine.ordering import number_of

_NAMES = ("syndrome", "syndrome_session", "syndrome_grade", "syndrome_counted")
SYNDROME_SCHEMA: dict[str, pl.DataType] = {
    "syndrome": pl.String(),
    "syndrome_session": pl.Date(),
    "syndrome_grade": pl.Int8(),
    "syndrome_counted": pl.Boolean(),
}


def derive_syndromes(events: pl.DataFrame, syndromes: Sequence[Syndrome]) -> pl.DataFrame:
    """Add `syndrome`, `syndrome_session` (day of the session), `syndrome_grade` (worst grade of its events) and
    `syndrome_counted` (false for the components of a syndrome that was reported as such).

    Needs `row`, `subject`, `ctcae_term`, `reported_syndrome`, `astdt`, `atoxgrn` and `_tace_days`. An event belongs to the
    last session in whose days it began, and to the first syndrome that takes it.
    """
    found = pl.DataFrame(schema={"row": pl.Int64(), **SYNDROME_SCHEMA})
    for syndrome in syndromes:
        left = events.join(found.select("row"), on="row", how="anti")
        found = pl.concat([found, _members(left, syndrome)])
    return events.join(found, on="row", how="left", maintain_order="left").with_columns(
        pl.col("syndrome_counted").fill_null(value=True)
    )


def _members(events: pl.DataFrame, syndrome: Syndrome) -> pl.DataFrame:
    """The events of the syndrome: those near a session with enough parts, and those reported under its name."""
    is_reported = (pl.col("reported_syndrome") == syndrome.name).fill_null(value=False)
    may_belong = events.filter(pl.col("ctcae_term").is_in(list(syndrome.terms)) | is_reported).select(
        "row", "subject", "astdt", "atoxgrn", "_tace_days", is_reported=is_reported,
        part=pl.col("ctcae_term").replace_strict(dict(syndrome.parts), default=None, return_dtype=pl.String),
    )  # fmt: skip
    days = (pl.col("astdt") - pl.col("session")).dt.total_days()
    near = (
        may_belong.explode("_tace_days")
        .rename({"_tace_days": "session"})
        .filter(days.is_between(syndrome.from_day, syndrome.to_day))
        .sort("session")
        .unique("row", keep="last", maintain_order=True)
    )
    alone = may_belong.filter("is_reported").drop("_tace_days").with_columns(session=pl.lit(None, pl.Date))
    candidates = pl.concat(
        [near, alone.join(near.select("row"), on="row", how="anti").select(near.columns)]
    ).with_columns(alone=pl.when(pl.col("session").is_null()).then("row"))
    candidates = candidates.with_columns(number_of(candidates, ["subject", "session", "alone"]).alias("_episode"))
    parts = pl.col("part").filter(~pl.col("is_reported")).drop_nulls().n_unique().over("_episode")
    reported = pl.col("is_reported").any().over("_episode")
    return candidates.filter((parts >= syndrome.at_least) | reported).select(
        "row",
        syndrome=pl.lit(syndrome.name),
        syndrome_session="session",
        syndrome_grade=pl.col("atoxgrn").max().over("_episode"),
        syndrome_counted=pl.col("is_reported") | ~reported,
    )
