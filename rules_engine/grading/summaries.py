"""Adverse events in numbers, as analysis results (one row per number): overview, classes and terms, rates.

A subject counts once in each line, at the worst grade; a line of a class is not the sum of its terms. An event is an
episode. Percentages and rates are of the safety population, subjects without events included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from rules_engine.grading.event_kinds import GRADE, Kind, Recorded, is_severe, kinds
from rules_engine.grading.event_rules import read_groups, read_syndromes
from rules_engine.grading.exposure import days_at_risk, exposure_rule
from rules_engine.grading.options import EventOptions
from rules_engine.grading.population import RATES, Population, long
from rules_engine.grading.validity import SEVERE
from rules_engine.vocabulary import ARD_SCHEMA

#: Name of the analysis in the results.
ANALYSIS: Final = "adverse_events"
METHOD: Final = "worst grade per subject"
GRADES: Final = (1, 2, 3, 4, 5)
#: The class of events for which a study gives none.
NOT_CODED: Final = "(not coded)"

#: What tables are made of, beside the kinds of an event.
_COUNTED_BY: Final = (
    "_number", "_group", "exposure_start", "exposure_days", GRADE, "astdt", "analysis_soc", "analysis_term", "episode_id",
    "syndrome_session",
)  # fmt: skip
_OVERVIEW: Final = ("_group", "level", "label", "events", "subjects", "percent", *RATES)
_BY_LEVEL: Final = (
    "_group", "level", "label", "events", "subjects", "percent", *(f"grade_{grade}" for grade in GRADES), "grade_ge_3",
    "percent_grade_ge_3", "percent_grade_5", "not_graded", *RATES,
)  # fmt: skip
_BY_LEVEL_OF_KIND: Final = (
    "_group", "level", "label", "events", "subjects", "percent", "grade_ge_3", "percent_grade_ge_3", "grade_5",
    "percent_grade_5",
)  # fmt: skip


def summarise_events(
    adae: pl.LazyFrame,
    subjects: pl.LazyFrame,
    by: str | None = None,
    *,
    options: EventOptions | None = None,
    context: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Numbers of events and subjects with events, in the columns of `ARD_SCHEMA`.

    `adae` is one row per graded event record (`GRADED_EVENTS_SCHEMA`); only records with `is_counted` count.
    `subjects` is one row per subject, with `safety_population` where the study marks it, and the column `by` (None =
    no groups; the total is always given). `context` (`CONTEXT_SCHEMA`) gives the time of each subject; without it there are
    no rates.

    `variable` is `overview` (`level` is the kind of event: `any`, `grade_ge_3`, `related_ici` …), `soc` or `term`, and
    `serious_soc`, `related_term` … for kinds that are also told by class and term. `statistic` is `events` (episodes),
    `subjects`, `percent`; `grade_1` to `grade_5`, `grade_ge_3`, `not_graded`: subjects by worst grade; `rate` with
    `rate_lower` and `rate_upper`, `person_years` and `event_rate`. `label` is the class of a term, else the words of a line.
    Classes and terms come in the order of tables: by subjects in total, the most first, ties by name.
    """

    def summarise() -> pl.DataFrame:
        frames = [adae, subjects] if context is None else [adae, subjects, context]
        events, people, *more = pl.collect_all(frames)
        stated = options or EventOptions()
        population = Population.of(people, by, more[0] if more else None, exposure_rule(stated.exposure))
        return _summary(events, population, stated)

    return pl.defer(summarise, schema=pl.Schema(ARD_SCHEMA))


def counted_columns(options: EventOptions) -> frozenset[str]:
    """The columns of graded events that `summarise_events` reads with these options, whatever a study records."""
    groups, syndromes = read_groups(options.event_groups), read_syndromes(options.syndromes)
    lines = kinds(Recorded.everything(), groups, syndromes, options.also_count_within_days)
    of_lines = {name for kind in lines for name in kind.condition.meta.root_names()}
    return frozenset({"subject", "is_counted", "atoxgrn", *Recorded.COLUMNS, *_COUNTED_BY, *of_lines})


def _summary(adae: pl.DataFrame, population: Population, options: EventOptions) -> pl.DataFrame:
    grade = pl.col("atoxgrn").fill_null(SEVERE) if options.missing_grade_as_severe else pl.col("atoxgrn")
    counted = (
        adae.lazy()
        .filter("is_counted")
        .with_columns(grade.alias(GRADE), pl.col("analysis_soc").fill_null(NOT_CODED))
        .join(population.subjects.lazy(), on="subject", how="inner")
    )
    groups, syndromes = read_groups(options.event_groups), read_syndromes(options.syndromes)
    recorded = Recorded.of(counted.select(Recorded.COLUMNS).collect())
    lines = kinds(recorded, groups, syndromes, options.also_count_within_days)
    # Of the many columns of a graded event only these are held.
    is_kind = [kind.condition.fill_null(value=False).alias(f"is_{kind.name}") for kind in lines]
    events = counted.select(*_COUNTED_BY, *is_kind).collect()
    events = events.with_columns(_episode_numbers(events).alias("_episode")).with_columns(_session_numbers())
    parts = [_population(population), *_overview(events, lines, population)]
    for prefix, some in [
        ("", events),
        *((f"{kind.name}_", events.filter(f"is_{kind.name}")) for kind in lines if kind.by_term),
    ]:
        parts += _by_level(some, prefix, population)
    return pl.concat(
        [pl.DataFrame(schema=ARD_SCHEMA), *(population.published(part, ANALYSIS, METHOD) for part in parts)]
    )


def _population(population: Population) -> pl.DataFrame:
    """Subjects of the safety population, their time, and how many have none."""
    unknown = pl.lit(None, pl.Float64)
    table = population.groups().select(
        "_group", level=pl.lit("population"), label=pl.lit("Safety population"), subjects="_size",
        person_years=pl.col("_days") / population.rule.days_per_year if population.has_time else unknown,
        without_time=pl.col("_without_time") if population.has_time else unknown,
    )  # fmt: skip
    return long(table, "overview")


# The overview ---------------------------------------------------------------------------------------------------------


def _overview(events: pl.DataFrame, lines: Sequence[Kind], population: Population) -> Iterator[pl.DataFrame]:
    """Each line: events, subjects and rates; and subjects by the grade of their worst event."""
    names = [kind.name for kind in lines]
    per_subject = events.group_by("_number").agg(
        pl.col("_group", "exposure_start", "exposure_days").first(),
        pl.col(GRADE).max(),
        *[pl.col(f"is_{name}").any() for name in names],
        *[pl.col("astdt").filter(f"is_{name}").min().alias(f"first_{name}") for name in names],
    )
    timed = per_subject.filter(pl.col("exposure_days").is_not_null())
    what = {kind.name: "_session" if kind.is_syndrome else "_episode" for kind in lines}
    spared = {name: pl.col("exposure_days") - days_at_risk(pl.col(f"first_{name}")) for name in names}
    numbers = {
        "events": (events, [pl.col(what[name]).filter(f"is_{name}").n_unique().alias(name) for name in names]),
        "subjects": (per_subject, [pl.col(f"is_{name}").sum().alias(name) for name in names]),
        "_in_rate": (timed, [pl.col(f"is_{name}").sum().alias(name) for name in names]),
        "_spared": (timed, [spared[name].filter(f"is_{name}").sum().alias(name) for name in names]),
    }
    table = population.groups().select("_group").join(_labels(lines), how="cross")
    for statistic, (rows, expressions) in numbers.items():
        found = population.by_group(rows, expressions).unpivot(
            index="_group", variable_name="level", value_name=statistic
        )
        table = table.join(found, on=["_group", "level"], how="left", nulls_equal=True, maintain_order="left")
    rates = long(population.with_rates(table).select(_OVERVIEW), "overview")
    yield _without_unknown(rates.filter(~_is_needless_rate(lines)), lines)
    worst = [(pl.col(GRADE) == grade).sum().alias(f"worst_grade_{grade}") for grade in GRADES]
    by_grade = population.by_group(per_subject, worst).unpivot(
        index="_group", variable_name="level", value_name="subjects"
    )
    label = "Worst grade " + pl.col("level").str.tail(1)
    yield long(population.with_shares(by_grade.with_columns(label=label)), "overview")


def _labels(lines: Sequence[Kind]) -> pl.DataFrame:
    return pl.DataFrame({"level": [kind.name for kind in lines], "label": [kind.label for kind in lines]})


def _is_needless_rate(lines: Sequence[Kind]) -> pl.Expr:
    """The row is a rate of a line that has none."""
    without = [kind.name for kind in lines if not kind.has_rate]
    return pl.col("level").is_in(without) & pl.col("statistic").is_in(RATES)


def _without_unknown(rows: pl.DataFrame, lines: Sequence[Kind]) -> pl.DataFrame:
    """Lines that the study cannot fill have a reason and no numbers: not recorded is not 0."""
    unknown = {kind.name: kind.unknown for kind in lines if kind.unknown}
    note = pl.col("level").replace_strict(unknown, default=None, return_dtype=pl.String)
    return rows.with_columns(note.alias("note"), pl.when(note.is_null()).then("value"))


# Classes and terms ----------------------------------------------------------------------------------------------------


def _by_level(events: pl.DataFrame, prefix: str, population: Population) -> Iterator[pl.DataFrame]:
    """Classes, and terms in the order of their classes."""
    wanted = _BY_LEVEL_OF_KIND if prefix else _BY_LEVEL
    socs = _level_table(events, "analysis_soc", population)
    places = socs.filter(pl.col("_group").is_null()).select(label="level", _soc_order=pl.int_range(pl.len()))
    classes = events.group_by(pl.col("analysis_term").alias("level")).agg(label=pl.col("analysis_soc").min())
    terms = (
        _level_table(events, "analysis_term", population)
        .join(classes, on="level", how="left", nulls_equal=True, maintain_order="left")
        .join(places, on="label", how="left", maintain_order="left")
        .sort("_group_order", "_soc_order", maintain_order=True)
    )
    yield long(socs.with_columns(label=pl.lit(None, pl.String)).select(wanted), f"{prefix}soc")
    yield long(terms.select(wanted), f"{prefix}term")


def _level_table(events: pl.DataFrame, column: str, population: Population) -> pl.DataFrame:
    """One row per group and class or term, in the order of tables; a group without an event of a line has zeros."""
    # Numbered texts: there are many events, and few classes and terms.
    named = events.with_columns(pl.col(column).cast(pl.Categorical).alias("level"))
    per_subject = (
        named.with_columns(_number_in(pl.col("level").to_physical()).alias("_of_level"))
        .group_by("_of_level")
        .agg(
            pl.col("level", "_group", "exposure_start", "exposure_days").first(),
            pl.col(GRADE).max(),
            first=pl.col("astdt").min(),
        )
    )
    is_timed = pl.col("exposure_days").is_not_null()
    numbers = [
        pl.len().alias("subjects"),
        *[(pl.col(GRADE) == grade).sum().alias(f"grade_{grade}") for grade in GRADES],
        is_severe().sum().alias("grade_ge_3"),
        pl.col(GRADE).is_null().sum().alias("not_graded"),
        is_timed.sum().alias("_in_rate"),
        (pl.col("exposure_days") - days_at_risk(pl.col("first"))).filter(is_timed).sum().alias("_spared"),
    ]
    of_subjects = population.by_group(per_subject, numbers, "level")
    of_episodes = population.by_group(named, [pl.col("_episode").n_unique().alias("events")], "level")
    both = of_subjects.join(of_episodes, on=["_group", "level"], how="left", nulls_equal=True).cast(
        {"level": pl.String}
    )
    total = both.filter(pl.col("_group").is_null()).select("level", _total="subjects")
    filled = (
        population.groups()
        .join(total, how="cross")
        .join(both, on=["_group", "level"], how="left", nulls_equal=True)
        .with_columns(
            pl.col(name).cast(pl.Int64).fill_null(0) for name in both.columns if name not in ("_group", "level")
        )
    )
    return population.with_rates(filled.sort("_group_order", "_total", "level", descending=[False, True, False]))


# Whole numbers for what is counted ------------------------------------------------------------------------------------


def _episode_numbers(events: pl.DataFrame) -> pl.Series:
    """A number for each episode: subject, term and number within both. Exact, and faster than three columns."""
    terms = events["analysis_term"].cast(pl.Categorical).to_physical().cast(pl.Int64).fill_null(-1) + 1
    episodes = events["episode_id"].fill_null(0)
    most_terms, most_episodes = (int(series.max() or 0) + 1 for series in (terms, episodes))  # type: ignore[arg-type]
    return (events["_number"].cast(pl.Int64) * most_terms + terms) * most_episodes + episodes


def _number_in(level: pl.Expr) -> pl.Expr:
    """A number for each subject in each level; no level is one too."""
    return (level.cast(pl.Int64).fill_null(-1) + 1) * 2**32 + pl.col("_number").cast(pl.Int64)


def _session_numbers() -> pl.Expr:
    """A number for each syndrome after a session; a reported one that follows no session stands for itself."""
    days = pl.col("syndrome_session").cast(pl.Int32).cast(pl.Int64)
    return pl.coalesce(pl.col("_number").cast(pl.Int64) * 2**32 + days, -1 - pl.col("_episode")).alias("_session")
