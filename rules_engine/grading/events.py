"""Reported adverse events: which term, is the grade one that the term has, when, emergent or not, which episode.

One row per record in, the same rows with more columns out; what an investigator reported is never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from rules_engine import dates
from rules_engine.errors import UsageError, closest
from rules_engine.grading.causality import derive_causality
from rules_engine.grading.dictionary import PREFERRED_TERM, Dictionary, normalised
from rules_engine.grading.emergence import is_emergent
from rules_engine.grading.episodes import derive_episodes
from rules_engine.grading.event_dates import imputed_end, imputed_start, study_day
from rules_engine.grading.event_rules import Syndrome, named_terms, read_groups, read_syndromes
from rules_engine.grading.groups import derive_groups
from rules_engine.grading.occurrence import derive_occurrence_flags
from rules_engine.grading.options import EventOptions
from rules_engine.grading.rules import GradingRules
from rules_engine.grading.syndromes import SYNDROME_SCHEMA, derive_syndromes
from rules_engine.grading.validity import HIGHEST, allowed_digits, consistency_codes, event_grade, grade_code

#: Columns that grading adds to the adverse events.
#:
#: `analysis_term` and `analysis_soc` are the dictionary's where the term is known, else the study's; a term
#: `… - Other, specify` goes by the study's preferred term or by what was specified. `atoxgr` is the grade as reported where
#: it is 1 to 5 (text), `atoxgrn` the same as a number; null = not graded. `grade_code` and `consistency_codes` are for
#: queries. `in_window` says that the event counts for the study's outcome: it began in the window, or went on into it and
#: worsened. `is_counted` leaves out the components of a syndrome that was reported as such. `days_after_treatment` counts
#: from the last treatment, null up to its day. Groups, causality and actions: `groups`, `causality`, `syndromes`.
GRADED_EVENTS_SCHEMA: Final[dict[str, pl.DataType]] = {
    "ctcae_term": pl.String(),
    "ctcae_soc": pl.String(),
    "term_match": pl.String(),
    "term_nearest": pl.String(),
    "is_other_specify": pl.Boolean(),
    "term_specification": pl.String(),
    "specified_term": pl.String(),
    "analysis_term": pl.String(),
    "analysis_soc": pl.String(),
    "atoxgr": pl.String(),
    "atoxgrn": pl.Int8(),
    "grade_code": pl.String(),
    "consistency_codes": pl.String(),
    "is_fatal": pl.Boolean(),
    "astdt": pl.Date(),
    "astdtf": pl.String(),
    "aendt": pl.Date(),
    "aendtf": pl.String(),
    "astdy": pl.Int64(),
    "aendy": pl.Int64(),
    "treatment_emergent": pl.Boolean(),
    "before_treatment": pl.Boolean(),
    "on_treatment": pl.Boolean(),
    "days_after_treatment": pl.Int64(),
    "before_new_therapy": pl.Boolean(),
    "in_window": pl.Boolean(),
    "is_counted": pl.Boolean(),
    "after_tace": pl.Boolean(),
    "is_related": pl.Boolean(),
    "related_components": pl.String(),
    "withdrawn": pl.String(),
    "interrupted": pl.String(),
    "reduced": pl.String(),
    "groups_recorded": pl.String(),
    "groups_derived": pl.String(),
    **SYNDROME_SCHEMA,
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
    "treatment_start", "treatment_end", "window_start", "window_end", "end_of_study", "death", "cutoff", "new_therapy",
    "tace_days",
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
        .pipe(derive_causality, rules)
        .pipe(_derive_emergence, options)
        .pipe(derive_groups, read_groups(options.event_groups))
        .pipe(derive_syndromes, read_syndromes(options.syndromes))
        .with_columns(is_counted=pl.col("in_window") & pl.col("syndrome_counted"))
        .pipe(derive_episodes)
        .pipe(derive_occurrence_flags)
        .with_columns(ctcae_version=pl.lit(rules.version))
    )


def _derive_terms(events: pl.DataFrame, rules: GradingRules, options: EventOptions) -> pl.DataFrame:
    """The dictionary's term of each record, and the term and class that tables show."""
    syndromes = read_syndromes(options.syndromes)
    _require_terms(rules, options)
    dictionary = Dictionary(rules, {**_syndrome_synonyms(syndromes), **options.synonyms})
    named = {normalised(word): one.name for one in syndromes for word in one.reported_as}
    found = dictionary.match_frame(events[options.match].unique()).with_columns(
        reported_syndrome=pl.Series([named.get(normalised(text)) for text in _texts(events, options)], dtype=pl.String)
    )
    specified_terms = {
        text: dictionary.match(text).term for text in _specifications(events, found) if dictionary.match(text).term
    }
    end = rules.event_words.other_specify
    is_other = (pl.col("ctcae_term").str.ends_with(end) if end else pl.lit(value=False)).fill_null(value=False)
    labels = {one.name: one.label for one in syndromes}
    named_otherwise = pl.when(pl.col("decoded_term").str.to_lowercase() != pl.col("ctcae_term").str.to_lowercase())
    specified = pl.col("term_specification").str.to_lowercase()
    return (
        events.join(found.rename({"term": options.match}), on=options.match, how="left", maintain_order="left")
        .pipe(_derive_preferred_terms, dictionary)
        .with_columns(
            is_other_specify=is_other,
            term_specification=pl.coalesce("specification", "term_specification"),
            term_match=pl.col("term_match").fill_null("none"),
        )
        .with_columns(
            analysis_term=pl.coalesce(
                pl.col("reported_syndrome").replace_strict(labels, default=None, return_dtype=pl.String),
                pl.when("is_other_specify").then(
                    pl.coalesce(named_otherwise.then("decoded_term"), _capitalised(specified))
                ),
                "ctcae_term",
                "decoded_term",
                "term",
            ),
            analysis_soc=pl.coalesce("ctcae_soc", "soc"),
            specified_term=pl.col("term_specification").replace_strict(
                specified_terms, default=None, return_dtype=pl.String
            ),
        )
    )


def _derive_preferred_terms(events: pl.DataFrame, dictionary: Dictionary) -> pl.DataFrame:
    """Where the reported term is unknown, the table of preferred terms in the reader's copy is asked."""
    rules = dictionary.rules
    table = {normalised(preferred): term for preferred, term in rules.preferred_terms.items() if term in rules.terms}
    if not table:
        return events
    texts = events["decoded_term"].drop_nulls().unique().to_list()
    found = {text: table[normalised(text)] for text in texts if normalised(text) in table}
    named = pl.col("decoded_term").replace_strict(found, default=None, return_dtype=pl.String)
    is_new = pl.col("ctcae_term").is_null() & named.is_not_null()
    soc = named.replace_strict(
        {term: rules.terms[term].soc for term in found.values()}, default=None, return_dtype=pl.String
    )
    return events.with_columns(
        pl.coalesce("ctcae_term", named).alias("ctcae_term"),
        pl.coalesce("ctcae_soc", soc).alias("ctcae_soc"),
        pl.when(is_new).then(pl.lit(PREFERRED_TERM)).otherwise("term_match").alias("term_match"),
        pl.when(~is_new).then("term_nearest").alias("term_nearest"),
    )


def _specifications(events: pl.DataFrame, found: pl.DataFrame) -> list[str]:
    """What was specified, in a column of its own or behind the term."""
    return sorted({*events["specification"].drop_nulls().unique(), *found["term_specification"].drop_nulls()})


def _texts(events: pl.DataFrame, options: EventOptions) -> list[str]:
    return sorted({text for text in events[options.match].unique() if text is not None})


def _capitalised(text: pl.Expr) -> pl.Expr:
    return text.str.head(1).str.to_uppercase() + text.str.slice(1)


def _syndrome_synonyms(syndromes: Sequence[Syndrome]) -> dict[str, str]:
    """The words of a reported syndrome, and the dictionary term that it is coded as."""
    return {word: one.coded_as for one in syndromes if one.coded_as is not None for word in one.reported_as}


def unknown_terms(rules: GradingRules, options: EventOptions) -> list[tuple[str, str, str]]:
    """Options that name what is no term of the dictionary: (option, what, remedy)."""
    named = [*named_terms(options.event_groups, options.syndromes)]
    named += [(f"synonyms.{reported}", term) for reported, term in options.synonyms.items()]
    exact = {normalised(term) for term in rules.terms}
    found = []
    for option, term in named:
        is_known = normalised(term) in exact if option.startswith("synonyms.") else term in rules.terms
        if not is_known:
            meant = closest(term, rules.terms)
            remedy = f"name a dictionary term{f'; did you mean {meant!r}?' if meant else ''}"
            found.append((option, f"{term!r} is no term of version {rules.version}", remedy))
    return found


def _require_terms(rules: GradingRules, options: EventOptions) -> None:
    """Raise `UsageError` where an option names what is no term of the dictionary."""
    for option, what, remedy in unknown_terms(rules, options):
        raise UsageError.at(f"adverse_events.options.{option}", what, remedy)


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
    outcome = pl.col("outcome").str.strip_chars().str.to_lowercase()
    fatal = pl.col("fatal").fill_null(value=False) | outcome.is_in(list(rules.event_words.fatal)).fill_null(value=False)
    return events.join(read, on=pair, how="left", nulls_equal=True, maintain_order="left").with_columns(
        atoxgr=pl.col("atoxgrn").cast(pl.String),
        consistency_codes=consistency_codes(
            pl.col("atoxgrn"), pl.col("_allowed"), fatal, pl.col("serious"), pl.col("hospitalised"), pl.col("_death")
        ),
        is_fatal=fatal | (pl.col("atoxgrn") == HIGHEST).fill_null(value=False),
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
    since_last = (start - pl.col("_treatment_end")).dt.total_days()
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
        before_treatment=(start < pl.col("_treatment_start")).fill_null(value=False),
        on_treatment=_is_on_treatment(options),
        days_after_treatment=pl.when(since_last > 0).then(since_last),
        before_new_therapy=(start < pl.col("_new_therapy")).fill_null(value=True),
        in_window=counts & ~begins_after_end,
        after_tace=pl.lit(value=False) if days is None else _is_after_tace(events, days),
    )


def _is_on_treatment(options: EventOptions) -> pl.Expr:
    """The event began between the first and the last treatment, or within the emergent window after it (admiral's
    `derive_var_ontrtfl`): one without a start may have, unless it ended before the first treatment.
    """
    first = pl.col("_treatment_start")
    last = pl.col("_treatment_end") + pl.duration(days=options.emergent_window_days or 0)
    ended_before = (pl.col("aendt") < first).fill_null(value=False)
    began = pl.col("astdt").is_null() | pl.col("astdt").is_between(first, last)
    return (began & first.is_not_null() & ~ended_before).fill_null(value=False)


def _is_after_tace(events: pl.DataFrame, days: int) -> pl.Series:
    """The event began on the day of a session or within `days` days after one."""
    sessions = (
        events.select("row", "astdt", day="_tace_days")
        .explode("day")
        .filter((pl.col("astdt") - pl.col("day")).dt.total_days().is_between(0, days))
    )
    return events["row"].is_in(sessions["row"].unique().implode())
