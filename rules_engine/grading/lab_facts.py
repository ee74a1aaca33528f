"""What grading looks at in a laboratory result: the number, the limits, clinical facts, each read and judged once."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules_engine.grading import results
from rules_engine.grading.cutoffs import LLN, MI_CUTOFF, ULN, VALUE
from rules_engine.grading.lab_people import LabPeople
from rules_engine.grading.lab_tests import LabTests
from rules_engine.grading.limits import NONE, fill_ranges, known_ranges, usable_limits
from rules_engine.grading.options import LabOptions
from rules_engine.grading.rules import GradingRules

#: Columns of the input that may be missing from a study's table, with their type.
OPTIONAL: Final[dict[str, pl.DataType]] = {
    "mi_cutoff": pl.Float64(),
    "duration_h": pl.Float64(),
    "laboratory": pl.String(),
    "time": pl.Time(),
}


def read_facts(
    labs: pl.DataFrame, people: LabPeople, tests: LabTests, rules: GradingRules, options: LabOptions
) -> pl.DataFrame:
    """One row per result, in their order, with only what grading looks at.

    `number` is null where there is none (`not_numeric`: something else was reported) or it cannot be (`impossible`);
    `value` is what is compared with cut-offs.
    """
    given = labs.with_columns(
        pl.col(name).cast(kind, strict=False) if name in labs.columns else pl.lit(None, kind).alias(name)
        for name, kind in OPTIONAL.items()
    ).with_columns(
        people.of_results(name).alias(f"_{name}")
        for name in ("treatment_start", "treatment_start_time", "treatment_end", "window_end")
    )
    work = given.select(
        "subject", "date", "time", "seq", "is_baseline", "laboratory",
        "_treatment_start", "_treatment_end", "_window_end",
        _is_after_start(options).alias("after_start"),
        *usable_limits(pl.col(LLN), pl.col(ULN)),
        pl.when(pl.col(MI_CUTOFF).is_finite() & (pl.col(MI_CUTOFF) > 0)).then(MI_CUTOFF),
        "symptomatic", "intervention", "on_anticoagulant", "fasting",
        (pl.col("duration_h") > rules.prolonged_hours).alias("prolonged"),
        stratum=_stratum(given, people, options),
    ).with_columns(results.read_results(labs["value"], tests.of_results("key"), rules).get_columns())  # fmt: skip
    work = work.with_columns(
        tests.number.alias("test"),
        person=people.number,
        _never_zero=tests.of_results("never_zero"),
        _reported=labs["value"].is_not_null(),
    )
    judged = _judge_numbers(work).drop("_never_zero", "_reported")
    return _infarction_levels(judged, tests, options).with_row_index("_row")


def _is_after_start(options: LabOptions) -> pl.Expr:
    """The sample was taken after the first treatment began; null where there was none, or the day is not known.

    A sample of that very day counts as taken before, unless the option or the clock times of both say otherwise.
    """
    day, start = pl.col("date"), pl.col("_treatment_start")
    if options.baseline_first_day == "before":
        return day > start
    if options.baseline_first_day == "after":
        return day >= start
    is_later = (pl.col("time") > pl.col("_treatment_start_time")).fill_null(value=False)
    return (day > start) | ((day == start) & is_later)


def _judge_numbers(work: pl.DataFrame) -> pl.DataFrame:
    """No result is below 0, and some analytes cannot be 0; such numbers are no results."""
    number = pl.col("number")
    impossible = ((number < 0) | (pl.col("_never_zero") & (number == 0))).fill_null(value=False)
    return work.with_columns(
        not_numeric=pl.col("_reported") & number.is_null(),
        impossible=impossible,
        number=pl.when(~impossible).then(number),
        value=pl.when(~impossible).then(VALUE),
        censored=pl.col("censored") & ~impossible,
    )


def _infarction_levels(work: pl.DataFrame, tests: LabTests, options: LabOptions) -> pl.DataFrame:
    """Levels of an infarction that the protocol states, for results that bring none."""
    if not options.mi_cutoff:
        return work
    stated = tests.table["key"].replace_strict(dict(options.mi_cutoff), default=None, return_dtype=pl.Float64)
    return work.with_columns(pl.coalesce(MI_CUTOFF, stated.gather(tests.number)).alias(MI_CUTOFF))


def _stratum(labs: pl.DataFrame, people: LabPeople, options: LabOptions) -> pl.Series:
    """Sex and age band of the subject on the day of the sample; null where either is not known, and where nobody asks."""
    if not _fills_ranges(labs, options):
        return pl.Series([None], dtype=pl.String).new_from_index(0, labs.height)
    facts = pl.DataFrame([labs["date"], people.of_results("sex"), people.of_results("born")])
    day, born = pl.col("date"), pl.col("born")
    anniversary = day.dt.month() * 100 + day.dt.day() >= born.dt.month() * 100 + born.dt.day()
    age = day.dt.year() - born.dt.year() - pl.when(anniversary).then(0).otherwise(1)
    reached = [(age >= bound).cast(pl.Int8) for bound in options.age_strata]
    band = pl.sum_horizontal(reached, ignore_nulls=False) if reached else age * 0
    words = pl.concat_str(pl.col("sex").str.to_uppercase(), band.cast(pl.String), separator=" ")
    return facts.select(words.alias("stratum")).to_series()


def _fills_ranges(labs: pl.DataFrame, options: LabOptions) -> bool:
    """Whether missing limits are filled: only where a study says which laboratory did a test."""
    return (
        options.missing_range != NONE and "laboratory" in labs.columns and labs["laboratory"].null_count() < labs.height
    )


def with_ranges(work: pl.DataFrame, ranges: pl.DataFrame | None, options: LabOptions) -> pl.DataFrame:
    """Missing limits filled as the options say; see `limits.fill_ranges`."""
    return fill_ranges(work, ranges, options.missing_range)


def doubt_ranges(work: pl.DataFrame, tests: LabTests, rules: GradingRules) -> pl.DataFrame:
    """Add `range_doubted`: a limit of normal lies so far from where its own grade 1 ends at a number that the two stand in
    different units. One such limit is enough to doubt both, and the unit.
    """
    factor = rules.plausibility.range_factor
    if factor is None:
        return work.with_columns(range_doubted=pl.lit(value=False))
    mildest = {LLN: tests.of_results("mildest_low"), ULN: tests.of_results("mildest_high")}
    too_far = [
        # A limit of 0 is how some laboratories write that there is none.
        (pl.col(limit) > number * factor) | ((pl.col(limit) * factor < number) & (pl.col(limit) > 0))
        for limit, number in mildest.items()
    ]
    return work.with_columns(range_doubted=pl.any_horizontal(one.fill_null(value=False) for one in too_far))


def ranges_of(
    labs: pl.DataFrame, people: LabPeople, tests: LabTests, rules: GradingRules, options: LabOptions
) -> pl.DataFrame | None:
    """The ranges that missing ones are filled from; None where a study does not say which laboratory did a test."""
    if not _fills_ranges(labs, options):
        return None
    named = labs["laboratory"].is_not_null()
    some = LabPeople(people.table, people.number.filter(named)), LabTests(tests.table, tests.number.filter(named))
    return known_ranges(read_facts(labs.filter(named), *some, rules, options))
