"""Episodes: one event may be recorded in parts, a new record for each change of grade; it is counted once, at its
worst grade.
"""

from __future__ import annotations

import polars as pl

#: Days are less than so many.
_DAYS = 2**32
#: A record that begins at most this many days after the one before has ended goes on with it: the next day.
NEXT_DAY = 1


def derive_episodes(events: pl.DataFrame) -> pl.DataFrame:
    """Add `episode_id`, a number of the episode within subject and term, and `episode_grade`, its worst grade.

    Needs `subject`, `analysis_term`, `episode` (a link, may be null), `astdt`, `aendt` (null = goes on), `aeseq`,
    `atoxgrn` and `row`. Records with one link are one episode; so are records of one term where the next begins at
    most one day after the ones before end. A record without a start is an episode of its own unless a link says
    otherwise.
    """
    who = ["subject", "analysis_term"]
    linked = events.with_columns(
        _unit=pl.when(pl.col("episode").is_not_null())
        .then(pl.concat_str(pl.lit("link "), pl.col("episode")))
        .otherwise(pl.concat_str(pl.lit("row "), pl.col("row").cast(pl.String)))
    )
    goes_on = pl.date(9999, 1, 1)
    units = linked.group_by(*who, "_unit").agg(
        start=pl.col("astdt").min(), end=pl.col("aendt").fill_null(goes_on).max(), first_seq=pl.col("aeseq").min()
    )
    ordered = units.sort(*who, "start", "end", "first_seq", "_unit", nulls_last=True).with_columns(
        _group=pl.struct(who).rle_id().cast(pl.Int64)
    )
    is_first = pl.col("_group").ne_missing(pl.col("_group").shift())
    # The latest end up to here of one subject and term: of two groups every number of the later one is the larger.
    latest_end = (pl.col("_group") * _DAYS + _day("end")).cum_max()
    reached = latest_end.shift() % _DAYS
    begins = is_first | pl.col("start").is_null() | (_day("start") > reached + NEXT_DAY)
    numbered = ordered.with_columns(_episode=begins.cast(pl.Int64).cum_sum()).with_columns(
        episode_id=pl.col("_episode") - pl.when(is_first).then("_episode").forward_fill() + 1
    )
    return (
        linked.join(
            numbered.select(*who, "_unit", "episode_id", "_episode"), on=[*who, "_unit"], how="left", nulls_equal=True,
            maintain_order="left",
        )
        .with_columns(episode_grade=pl.col("atoxgrn").max().over("_episode"))
        .drop("_unit", "_episode")
    )  # fmt: skip


def _day(column: str) -> pl.Expr:
    """A day as a whole number between 0 and `_DAYS`."""
    return pl.col(column).to_physical().cast(pl.Int64) + _DAYS // 2
