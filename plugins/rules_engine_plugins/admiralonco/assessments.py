"""Which assessments count: dated, known, on or after the reference date, one per day, up to progression.

The package leaves this to a script that each study edits. The two scripts that it publishes differ in how they cut at the
first progression (option `flow`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl
from rules_engine import dates, terms
from rules_engine.endpoints.imputation import day_of_period
from rules_engine.endpoints.origin import derive_time_origin
from rules_engine.endpoints.sharing import options_key
from rules_engine.vocabulary import SubjectRecords, Words

from rules_engine_plugins.admiralonco.options import BLOCK, OF_A_PARAMETER

#: What each known code stands for. Progression keeps its own code, because iRECIST has two.
KNOWN: Final[dict[str, dict[str, str]]] = {
    "recist": {code: code for code in terms.RECIST_RESPONSES},
    "irecist": {
        **{code: plain for code, plain in terms.PLAIN_FORM.items() if plain != terms.PD},
        **{code: code for code in (terms.IUPD, terms.ICPD, terms.NE)},
    },
}
#: Worst first: of several assessments on one day this one counts.
_WORST_FIRST: Final = (
    terms.PD, terms.ICPD, terms.IUPD, terms.NON_CR_NON_PD, terms.SD, terms.PR, terms.CR, terms.NE,
)  # fmt: skip
#: Which progression ends the assessments that count for responses.
ENDING_PROGRESSION: Final = {"recist": terms.PD, "irecist": terms.ICPD}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What every parameter is decided from.

    `subjects`: one row per subject with its days. `dated`: every collected response with its day. `flagged`: the worst
    usable one of each day (ANL01FL). `counted`: those of them up to the first progression. `step` holds what else
    parameters share.
    """

    subjects: pl.LazyFrame
    dated: pl.LazyFrame
    flagged: pl.LazyFrame
    counted: pl.LazyFrame
    step: Callable[[str, Callable[[], pl.LazyFrame]], pl.LazyFrame]


def prepare(records: SubjectRecords, options: Mapping[str, Any], cutoff: date, words: Words) -> Prepared:
    """Date, flag and cut the assessments of every subject; parameters with the same options share these steps."""
    key = f"{cutoff} {options_key(options, sorted(options.keys() - OF_A_PARAMETER))}"

    def step(name: str, build: Callable[[], pl.LazyFrame]) -> pl.LazyFrame:
        return records.step(f"admiralonco {name} {key}", build)

    subjects = step("subjects", lambda: derive_subjects(records, options, cutoff, words))
    dated = step("dated", lambda: derive_dated(records, subjects, options, cutoff))
    flagged = step("flagged", lambda: derive_flagged(dated, options))
    counted = step("counted", lambda: filter_to_progression(flagged, dated, options))
    return Prepared(subjects, dated, flagged, counted, step)


def derive_subjects(records: SubjectRecords, options: Mapping[str, Any], cutoff: date, words: Words) -> pl.LazyFrame:
    """One row per subject: subject, reference_date, therapy_date (first new anticancer therapy), death_date,
    death_imputation, last_alive_date; null where there is none.
    """
    rules = options[BLOCK]
    therapies = records.therapies.with_columns(
        day=_whole_day(pl.col("start_date"), rules["imputation"]["therapy_day"], year_only=(1, 1))
    )
    applied = rules.get("data_cutoff", "ignored") == "applied"
    if applied:
        therapies = therapies.filter(pl.col("day") <= cutoff)
    first_therapy = therapies.group_by("subject").agg(therapy_date=pl.col("day").min())
    death = _whole_day(pl.col("death_date"), rules["imputation"]["death_day"], year_only=(7, 1))
    subjects = (
        records.subjects.select(
            "subject",
            death_date=death,
            death_imputation=dates.imputed_unit(pl.col("death_date")),
            last_alive_date="last_contact_date",
        )
        .join(derive_time_origin(records, options, words).rename({"t0": "reference_date"}), on="subject", how="left")
        .join(first_therapy, on="subject", how="left")
    )
    if applied:
        subjects = subjects.with_columns(
            pl.when(pl.col("death_date") <= cutoff).then("death_date"),
            # A null stays null: nobody is known alive by the cut-off alone.
            pl.when(pl.col("last_alive_date") <= cutoff).then("last_alive_date").when(
                pl.col("last_alive_date").is_not_null()
            ).then(pl.lit(cutoff)).alias("last_alive_date"),
        )  # fmt: skip
    return subjects


def _whole_day(partial: pl.Expr, day: str, *, year_only: tuple[int, int]) -> pl.Expr:
    """The day itself, or the day that stands for a month or a year."""
    complete = dates.first_possible_day(partial)
    return (
        pl.when(dates.is_complete(partial)).then(complete).otherwise(day_of_period(partial, day, year_only=year_only))
    )


def derive_dated(
    records: SubjectRecords, subjects: pl.LazyFrame, options: Mapping[str, Any], cutoff: date
) -> pl.LazyFrame:
    """One row per collected response: subject, position (by day, then number), day, code (null where not known),
    value (as collected), imputation, usable, and source_id, seq, visit of the record.
    """
    rules = options[BLOCK]
    stated = pl.col("date")
    day = _whole_day(stated, rules["imputation"]["assessment_day"], year_only=(1, 1))
    day = pl.when(stated.str.len_chars() == 4).then(pl.lit(None, pl.Date)).otherwise(day)
    rows = records.assessments.select(
        "subject",
        "source_id",
        "seq",
        "visit",
        day=day,
        imputation=dates.imputed_unit(stated),
        value="response",
        code=pl.col("response").replace_strict(KNOWN[rules["codes"]], default=None, return_dtype=pl.String),
    )
    if rules.get("data_cutoff", "ignored") == "applied":
        rows = rows.filter(pl.col("day") <= cutoff)
    # Records that share day and number are told apart by name, so that the order of rows decides nothing.
    by = ["subject", "day", "seq", pl.col("source_id").str.len_chars(), "source_id"]
    return (
        rows.sort(by, nulls_last=True)
        .with_columns(position=pl.int_range(pl.len(), dtype=pl.Int64).over("subject"))
        .join(subjects.select("subject", "reference_date", "therapy_date"), on="subject", how="left")
        .with_columns(usable=_is_usable(rules).fill_null(value=False))
    )


def _is_usable(rules: Mapping[str, Any]) -> pl.Expr:
    """A known value on or after the reference date; before the new therapy where later assessments are dropped."""
    usable = pl.col("code").is_not_null() & (pl.col("day") >= pl.col("reference_date"))
    if rules["assessments_from_new_therapy"] == "dropped":
        usable &= pl.col("therapy_date").is_null() | (pl.col("day") < pl.col("therapy_date"))
    return usable


def derive_flagged(dated: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The worst usable assessment of each day (ANL01FL), in the same columns."""
    ranks = {code: rank for rank, code in enumerate(_WORST_FIRST)}
    # Of equally bad ones RECIST scripts keep the highest number, iRECIST scripts the lowest.
    last_first = options[BLOCK]["codes"] == "recist"
    return (
        dated.filter("usable")
        .with_columns(_rank=pl.col("code").replace_strict(ranks, return_dtype=pl.Int8))
        .sort("subject", "day", "_rank", "position", descending=[False, False, False, last_first])
        .unique(["subject", "day"], keep="first", maintain_order=True)
        .drop("_rank")
    )


def filter_to_progression(flagged: pl.LazyFrame, dated: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The flagged assessments up to and including the first progression; all where there is none or no cut is asked for."""
    rules = options[BLOCK]
    if not rules["cut_at_progression"]:
        return flagged
    is_end = pl.col("code") == ENDING_PROGRESSION[rules["codes"]]
    if rules["flow"] == "functions":
        first = flagged.filter(is_end).group_by("subject").agg(end=pl.col("day").min())
        return filter_until(flagged, first)
    # A progression without a day comes last and ends nothing.
    first = dated.filter(is_end, pl.col("day").is_not_null()).group_by("subject").agg(end=pl.col("position").min())
    return flagged.join(first, on="subject", how="left").filter(_until(pl.col("position"))).drop("end")


def filter_until(rows: pl.LazyFrame, ends: pl.LazyFrame) -> pl.LazyFrame:
    """Rows up to and including the day `end` of their subject; all rows of a subject without one."""
    return rows.join(ends, on="subject", how="left").filter(_until(pl.col("day"))).drop("end")


def _until(value: pl.Expr) -> pl.Expr:
    return pl.col("end").is_null() | (value <= pl.col("end"))
