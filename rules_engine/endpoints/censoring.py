"""Steps 10 and 12: events that do not count, and why and when a subject without an event is censored.

The rules stand in the order of `censoring_rules`; the first that holds is given.
"""

from __future__ import annotations

import polars as pl

from rules_engine.endpoints.days import first_of_each, flagged, in_order_of, is_same
from rules_engine.endpoints.sources import ORIGIN, SOURCE_COLUMNS, source
from rules_engine.endpoints.words import ENDING, FACT_COLUMNS, KEY, LIKE_EVENTS, WordsInUse, derive_facts
from rules_engine.vocabulary import FACT_OPTIONAL, FACT_REQUIRED, CensoringRule, Effect, Observation

#: Name of the start among the censoring dates.
START = "start"
#: Where a rule puts the censoring date: at the start, on the date of its fact, or where `censoring` says.
AT_START, ON_DATE, AS_STATED = "start", "date", "stated"
_WHERE: dict[Effect, str] = {"at_start": AT_START, "on_date": ON_DATE, "ends_on_date": ON_DATE}
_ONE_DAY = pl.duration(days=1)


def derive_discarded(observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """Step 10: the subjects, with `discarded`: a rule says that their event does not count."""
    discarded = flagged(derive_discarding_facts(observation, used), "discarded")
    return observation.subjects.join(discarded, on="subject", how="left").with_columns(
        pl.col("discarded").fill_null(value=False)
    )


def derive_discarding_facts(observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """The facts of rules that discard the event of a subject: the columns of a fact, and place in `censoring_rules`."""
    return _stacked([_placed(rule, place, observation, used) for place, rule, _effect in used.rules_that("discards")])


def _placed(rule: CensoringRule, place: int, observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    return derive_facts(rule, observation, used.words).with_columns(place=pl.lit(place, pl.Int8))


def _stacked(found: list[pl.LazyFrame]) -> pl.LazyFrame:
    schema = {"subject": KEY, **FACT_REQUIRED, **FACT_OPTIONAL, "place": pl.Int8()}
    return pl.concat(found) if found else pl.LazyFrame(schema=schema)


def derive_reasons(observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """Every rule that holds for each subject, with the date on which it would censor: one row per subject and rule.

    Out: the columns of the fact, place (in `censoring_rules`), is_first (of the rules that hold), of the subject start_date
    and has_event, and what `derive_censoring_dates` says.
    """
    starts = observation.subjects.select("subject", "start_date", "has_event")
    is_first = pl.col("place") == pl.col("place").min().over("subject")
    reasons = _rules_that_hold(observation, used).join(starts, on="subject").with_columns(is_first=is_first)
    return derive_censoring_dates(observation.records.hold(reasons), observation, used)


def _rules_that_hold(observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """Every rule that holds for each subject: the columns of the fact, place, at (where the censoring date is), limit (the last
    day on which it may be where `at` is as stated; null: no limit).
    """
    found = []
    for place, (rule, effect) in enumerate(used.rules):
        if effect == "off" or effect in LIKE_EVENTS:
            continue
        facts = _facts_that_hold(rule, place, effect, observation, used)
        day, last = pl.col("date"), pl.lit(None, pl.Date)
        if effect in ("before_date", "discards"):
            last = day - _ONE_DAY
        if effect == "ends":
            inclusive = observation.options["new_therapy_boundary"] == "inclusive"
            facts = facts.join(_bounds(observation, used), on="subject", how="left")
            last = pl.min_horizontal(day if inclusive else day - _ONE_DAY, "bound")
        at = _WHERE.get(effect, AS_STATED)
        found.append(facts.select(*FACT_COLUMNS, place=pl.lit(place, pl.Int8), at=pl.lit(at), limit=last))
    return pl.concat(found)  # at least of the rule that closes every list, which holds for all


def _facts_that_hold(
    rule: CensoringRule, place: int, effect: Effect, observation: Observation, used: WordsInUse
) -> pl.LazyFrame:
    """The facts of a rule, the earliest of each subject."""
    if effect in ENDING:
        ended = observation.truncation.filter(pl.col("n_rule") == place)
        return ended.select("subject", *[pl.col(f"n_{name}").alias(name) for name in FACT_COLUMNS if name != "subject"])
    return first_of_each(derive_facts(rule, observation, used.words), "date", "source_id", "source_seq")


def _bounds(observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """What a rule `before_date` has to say bounds the date of a rule that ends the observation: subject, bound."""
    return (
        _stacked([_placed(rule, place, observation, used) for place, rule, _effect in used.rules_that("before_date")])
        .group_by("subject")
        .agg(bound=pl.col("date").min() - _ONE_DAY)
    )


def derive_censoring_dates(reasons: pl.LazyFrame, observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """Each reason with its censoring date: c_date, c_kind (its name among the dates), c_imputation, c_source_…

    In: rows of `_rules_that_hold`, with start_date. Where no fact of the censoring date lies between start and limit, the
    start takes its place.
    """
    names = {place: rule.date_name or rule.id for place, (rule, _effect) in enumerate(used.rules)}
    name_of_date = pl.col("place").replace_strict(names, default=None, return_dtype=pl.String)
    at_start = {
        "date": pl.col("start_date"),
        "kind": pl.lit(START),
        "imputation": pl.lit(None, pl.String),
        **source(ORIGIN),
        "source_variable": pl.lit(start_variable(observation), pl.String),
    }
    of_fact = {name: pl.col(name) for name in ("date", "imputation", *SOURCE_COLUMNS)} | {"kind": name_of_date}
    on_date, found = pl.col("at") == ON_DATE, pl.col("l_date").is_not_null()
    last = _last_facts(reasons.filter(pl.col("at") == AS_STATED), observation, used)
    return (
        reasons.with_columns(_case=_case())
        .join(last, on="_case", how="left")
        .with_columns(
            pl.when(on_date).then(of_fact[name]).when(found).then(f"l_{name}").otherwise(value).alias(f"c_{name}")
            for name, value in at_start.items()
        )
        .drop("_case", *[f"l_{name}" for name in at_start])
    )


def _case() -> pl.Expr:
    """Subject and place in the list of rules as one number."""
    return pl.col("subject").cast(pl.Int64) * 2**8 + pl.col("place")


def _last_facts(reasons: pl.LazyFrame, observation: Observation, used: WordsInUse) -> pl.LazyFrame:
    """The latest fact of the censoring date between the start and the limit of each reason: _case, `l_…`."""
    word = used.date
    assert word is not None  # noqa: S101  (the schema asks every time to event for it)
    kind = word.id if word.name is None else word.name(observation.options)
    facts = derive_facts(word, observation, used.words).drop("reason")
    joined = reasons.select(
        "subject", "place", "start_date", "limit", *[pl.col(name).alias(f"f_{name}") for name in SOURCE_COLUMNS]
    ).join(facts, on="subject", maintain_order="left")
    if word.goes_on:
        # Who lives on a day lived on every day before it.
        limited = pl.col("date") > pl.col("limit")
        joined = joined.with_columns(
            pl.min_horizontal("date", "limit").alias("date"),
            *[pl.when(limited).then(f"f_{name}").otherwise(name).alias(name) for name in SOURCE_COLUMNS],
        )
    within = joined.filter(
        pl.col("date") >= pl.col("start_date"), pl.col("limit").is_null() | (pl.col("date") <= pl.col("limit"))
    )
    within = in_order_of("_case", within.with_columns(_case=_case()))
    latest = within.group_by("_case").agg(_latest=pl.col("date").max())
    return (
        within.join(latest, on="_case", how="left", maintain_order="left")
        .filter(is_same("date", "_latest"))
        .pipe(first_of_each, "source_id", "source_seq", key="_case")
        .select(
            "_case",
            l_kind=pl.lit(kind),
            **{f"l_{name}": name for name in ("date", "imputation", *SOURCE_COLUMNS)},
        )
    )


def start_variable(observation: Observation) -> str | None:
    """The ADaM variable of the day on which the clock starts."""
    options = observation.options
    variable = options["start_variables"].get("response" if options["start"] == "response" else options["origin"])
    return None if variable is None else str(variable)
