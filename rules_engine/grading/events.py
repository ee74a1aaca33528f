"""Reported adverse events: which term, is the grade one that the term has, when, emergent or not, which episode.

One row per record in, the same rows with more columns out; what an investigator reported is never changed.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules_engine import dates
from rules_engine.grading.dictionary import Dictionary
from rules_engine.grading.emergence import is_emergent
from rules_engine.grading.episodes import derive_episodes
from rules_engine.grading.event_dates import imputed_end, imputed_start, study_day
from rules_engine.grading.occurrence import derive_occurrence_flags
from rules_engine.grading.options import EventOptions
from rules_engine.grading.rules import GradingRules
from rules_engine.grading.validity import allowed_digits, consistency_codes, event_grade, grade_code

#: Columns that grading adds to the adverse events.
#:
#: `analysis_term` and `analysis_soc` are the dictionary's where the term is known, else the study's. `atoxgr` is the
#: grade as reported where it is 1 to 5 (text), `atoxgrn` the same as a number; null = not graded. `grade_code` and
#: `consistency_codes` are for queries. `in_window` says that the event counts for the study's outcome: it began in
#: the window, or went on into it and worsened.
GRADED_EVENTS_SCHEMA: Final[dict[str, pl.DataType]] = {
    "ctcae_term": pl.String(),
    "ctcae_soc": pl.String(),
    "term_match": pl.String(),
    "term_nearest": pl.String(),
    "analysis_term": pl.String(),
    "analysis_soc": pl.String(),
    "atoxgr": pl.String(),
    "atoxgrn": pl.Int8(),
    "grade_code": pl.String(),
    "consistency_codes": pl.String(),
    "astdt": pl.Date(),
    "astdtf": pl.String(),
    "aendt": pl.Date(),
    "aendtf": pl.String(),
    "astdy": pl.Int64(),
    "aendy": pl.Int64(),
    "treatment_emergent": pl.Boolean(),
    "in_window": pl.Boolean(),
    "after_tace": pl.Boolean(),
    "episode_id": pl.Int64(),
    "episode_grade": pl.Int8(),
    "aoccfl": pl.Boolean(),
    "aoccsfl": pl.Boolean(),
    "aoccpfl": pl.Boolean(),
    "aoccifl": pl.Boolean(),
    "aoccsifl": pl.Boolean(),
    "aoccpifl": pl.Boolean(),
    "ctcae_version": pl.String(),
}

_CONTEXT: Final = (
    "treatment_start", "treatment_end", "window_start", "window_end", "end_of_study", "death", "cutoff", "tace_days",
)  # fmt: skip


def derive_event_grades(
    events: pl.LazyFrame, rules: GradingRules, options: EventOptions, context: pl.LazyFrame
) -> pl.LazyFrame:
    """Add the columns of `GRADED_EVENTS_SCHEMA` to canonical adverse events. `context` is as `derive_context` gives
    it.
    """
    present = events.collect_schema()
    joined = events.join(
        context.select("subject", *[pl.col(name).alias(f"_{name}") for name in _CONTEXT]),
        on="subject",
        how="left",
        maintain_order="left",
    )
    schema = {**present, **GRADED_EVENTS_SCHEMA}

    def grade(batch: pl.DataFrame) -> pl.DataFrame:
        return grade_events(batch, rules, options).select(list(schema)).cast(pl.Schema(schema))

    return joined.map_batches(grade, schema=schema, streamable=False)


def grade_events(events: pl.DataFrame, rules: GradingRules, options: EventOptions) -> pl.DataFrame:
    """Grade collected events that carry the context in `_…` columns; see `derive_event_grades`."""
    return (
        events.pipe(_derive_terms, rules, options)
        .pipe(_derive_verdicts, rules)
        .pipe(_derive_days)
        .pipe(_derive_emergence, options)
        .pipe(derive_episodes)
        .pipe(derive_occurrence_flags)
        .with_columns(ctcae_version=pl.lit(rules.version))
    )


def _derive_terms(events: pl.DataFrame, rules: GradingRules, options: EventOptions) -> pl.DataFrame:
    matches = Dictionary(rules, options.synonyms).match_frame(events[options.match].unique())
    found = matches.rename({"term": options.match})
    return events.join(found, on=options.match, how="left", maintain_order="left").with_columns(
        analysis_term=pl.coalesce("ctcae_term", "decoded_term", "term"),
        analysis_soc=pl.coalesce("ctcae_soc", "soc"),
        term_match=pl.col("term_match").fill_null("none"),
    )


def _derive_verdicts(events: pl.DataFrame, rules: GradingRules) -> pl.DataFrame:
    """Grade and codes; the grade is read once for each pair of term and grade that occurs."""
    allowed = pl.col("ctcae_term").replace_strict(allowed_digits(rules), default=None, return_dtype=pl.String)
    pair = ["grade", "ctcae_term"]
    read = (
        events.select(pair)
        .unique()
        .with_columns(
            _allowed=allowed, atoxgrn=event_grade(pl.col("grade")), grade_code=grade_code(pl.col("grade"), allowed)
        )
    )
    fatal = pl.col("fatal").fill_null(value=False) | (pl.col("outcome").str.strip_chars().str.to_uppercase() == "FATAL")
    nothing = pl.lit(None, pl.Boolean)
    return events.join(read, on=pair, how="left", nulls_equal=True, maintain_order="left").with_columns(
        atoxgr=pl.col("atoxgrn").cast(pl.String),
        consistency_codes=consistency_codes(pl.col("atoxgrn"), pl.col("_allowed"), fatal, pl.col("serious"), nothing),
    )


def _derive_days(events: pl.DataFrame) -> pl.DataFrame:
    start, end = pl.col("start_date"), pl.col("end_date")
    return events.with_columns(
        astdt=imputed_start(start, end, pl.col("_treatment_start"), pl.col("_death")),
        astdtf=dates.imputed_unit(start),
        aendt=imputed_end(end, pl.col("_death"), pl.col("_end_of_study"), pl.col("_cutoff")),
        aendtf=dates.imputed_unit(end),
    ).with_columns(
        astdy=study_day(pl.col("astdt"), pl.col("_treatment_start")),
        aendy=study_day(pl.col("aendt"), pl.col("_treatment_start")),
    )


def _derive_emergence(events: pl.DataFrame, options: EventOptions) -> pl.DataFrame:
    initial = event_grade(pl.col("initial_grade"))
    start, end, grade = pl.col("astdt"), pl.col("aendt"), pl.col("atoxgrn")
    begins_after_end = (start > pl.col("_window_end")).fill_null(value=False)
    counts = is_emergent(start, end, pl.col("_window_start"), pl.lit(None, pl.Date), initial, grade, None)
    days = options.exclude_after_tace_days
    return events.with_columns(
        treatment_emergent=is_emergent(
            start,
            end,
            pl.col("_treatment_start"),
            pl.col("_treatment_end"),
            initial,
            grade,
            options.emergent_window_days,
        ),
        in_window=counts & ~begins_after_end,
        after_tace=pl.lit(value=False) if days is None else _is_after_tace(events, days),
    )


def _is_after_tace(events: pl.DataFrame, days: int) -> pl.Series:
    """The event began on the day of a session or within `days` days after one."""
    sessions = (
        events.select("row", "astdt", day="_tace_days")
        .explode("day")
        .filter((pl.col("astdt") - pl.col("day")).dt.total_days().is_between(0, days))
    )
    return events["row"].is_in(sessions["row"].unique().implode())
