"""Laboratory grades in numbers, as analysis results: worst grades after baseline, shifts from baseline, Hy's law."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

from rules_engine.grading.exposure import exposure_rule
from rules_engine.grading.population import Population, is_marked, is_safe, long, percentage
from rules_engine.grading.validity import SEVERE
from rules_engine.grading.worst import WORST_SCHEMA, derive_worst_grades
from rules_engine.vocabulary import ARD_SCHEMA

#: Name of the analysis in the results.
ANALYSIS: Final = "laboratory"
METHOD: Final = "worst grade per subject in the window"
GRADES: Final = (0, 1, 2, 3, 4)
MISSING: Final = "missing"
_LEVEL: Final = ("analyte_key", "direction", "term")
#: In what two rows of worst grades must agree to count alike: who the subject is, and what the grades are.
_COUNTED_BY: Final = ("_group", "_is_safe", *_LEVEL, "worst_grade", "baseline_grade", "is_emergent")
#: Columns of a tally: `_rows` subjects that are alike in the others.
TALLY_SCHEMA: Final[dict[str, pl.DataType]] = {
    name: {**WORST_SCHEMA, "_group": pl.String(), "_is_safe": pl.Boolean(), "_rows": pl.Int64()}[name]
    for name in (*_COUNTED_BY, "_rows")
}


def summarise_labs(
    labs: pl.LazyFrame, subjects: pl.LazyFrame, by: str | None = None, *, hys_law: pl.LazyFrame | None = None
) -> pl.LazyFrame:
    """Numbers of subjects by worst laboratory grade, in the columns of `ARD_SCHEMA`.

    `labs` is graded (`GRADED_LABS_SCHEMA`), `subjects` as for `summarise_events`, `hys_law` what `derive_hys_law` gave.

    `variable` `worst`: `level` is analyte and direction (`ALT high`), `label` the term; `subjects` have a gradable value in
    the window and are the denominator of `percent_…`; `grade_0` to `grade_4`, `grade_ge_1`, `grade_ge_3`; `emergent`: worse
    than at baseline (a missing baseline grade counts as 0); `not_gradable`: subjects with results, none of which could be
    graded. `variable` `shift`: `level` is `ALT high from 1`, `statistic` `to_0` to `to_4`; without a baseline grade the level
    ends in `missing`. `variable` `hys_law`: `transaminase`, `bilirubin`, `case`, `case_without_cholestasis`, of the subjects
    with both tests, who are `tested`, of all.
    """

    tally = tally_worst_grades(derive_worst_grades(labs), subjects, by)
    return summarise_tally(tally, subjects, by, hys_law=hys_law)


def tally_worst_grades(worst: pl.LazyFrame, subjects: pl.LazyFrame, by: str | None = None) -> pl.LazyFrame:
    """How many worst grades (`WORST_SCHEMA`) are alike in all that is counted: a few hundred rows, however many subjects.

    Tallies of some subjects each, one under the other, are as good as that of all.
    """
    group = pl.lit(None, pl.String) if by is None else pl.col(by).cast(pl.String)

    def tally() -> pl.DataFrame:
        worst_, people = pl.collect_all([worst, subjects])
        marked = people.select("subject", _group=group, _is_safe=is_safe(people)).lazy()
        counted = worst_.lazy().join(marked, on="subject", how="inner").group_by(_COUNTED_BY).agg(_rows=pl.len())
        return (
            counted.select(pl.col(name).cast(kind) for name, kind in TALLY_SCHEMA.items()).sort(_COUNTED_BY).collect()
        )

    return pl.defer(tally, schema=pl.Schema(TALLY_SCHEMA))


def summarise_tally(
    tally: pl.LazyFrame, subjects: pl.LazyFrame, by: str | None = None, *, hys_law: pl.LazyFrame | None = None
) -> pl.LazyFrame:
    """As `summarise_labs`, from the tallied worst grades of all subjects (`tally_worst_grades`, by the same column or none)."""

    def summarise() -> pl.DataFrame:
        alike, people, *more = pl.collect_all([tally, subjects, *([] if hys_law is None else [hys_law])])
        population = Population.of(people, by, None, exposure_rule({}))
        if is_marked(people):
            alike = alike.filter("_is_safe")
        parts = [_worst(alike, population), _shifts(alike, population)]
        if more:
            parts += _hys_law(more[0].join(population.subjects, on="subject", how="inner"), population)
        published = [population.published(part, ANALYSIS, METHOD) for part in parts]
        return pl.concat([pl.DataFrame(schema=ARD_SCHEMA), *published])

    return pl.defer(summarise, schema=pl.Schema(ARD_SCHEMA))


def _rows_where(condition: pl.Expr) -> pl.Expr:
    """How many rows fulfil the condition, out of the numbers of those that are alike."""
    return pl.col("_rows").filter(condition).sum()


def _worst(alike: pl.DataFrame, population: Population) -> pl.DataFrame:
    grade = pl.col("worst_grade")
    numbers = [
        _rows_where(grade.is_not_null()).alias("subjects"),
        *[_rows_where(grade == one).alias(f"grade_{one}") for one in GRADES],
        _rows_where(grade >= 1).alias("grade_ge_1"),
        _rows_where(grade >= SEVERE).alias("grade_ge_3"),
        _rows_where(pl.col("is_emergent")).alias("emergent"),
        _rows_where(grade.is_null()).alias("not_gradable"),
    ]
    graded = pl.col("subjects")
    table = population.by_every_group(alike, numbers, *_LEVEL).with_columns(
        graded.alias("_of"),
        *(
            percentage(pl.col(name), graded).alias(f"percent_{name}")
            for name in ("grade_ge_1", "grade_ge_3", "grade_4", "emergent")
        ),
    )
    return long(_named(table, _level()), "worst")


def _shifts(alike: pl.DataFrame, population: Population) -> pl.DataFrame:
    """Subjects by grade at baseline and worst grade after it."""
    gradable = alike.drop_nulls("worst_grade").with_columns(
        base=pl.col("baseline_grade").cast(pl.String).fill_null(MISSING)
    )
    numbers = [_rows_where(pl.col("worst_grade") == one).alias(f"to_{one}") for one in GRADES]
    table = population.by_every_group(gradable, numbers, *_LEVEL, "base")
    level = pl.concat_str(_level(), pl.lit(" from "), "base")
    return long(_named(table, level).drop("base"), "shift")


def _level() -> pl.Expr:
    return pl.concat_str("analyte_key", pl.lit(" "), "direction")


def _named(table: pl.DataFrame, level: pl.Expr) -> pl.DataFrame:
    """Lines by analyte and direction, the total before the groups, in one order."""
    named = table.with_columns(level=level, label=pl.col("term"))
    return named.sort("_group", "level", nulls_last=False).drop(_LEVEL)


def _hys_law(cases: pl.DataFrame, population: Population) -> Iterator[pl.DataFrame]:
    lines = {
        "tested": ("Transaminase and bilirubin in the window", pl.lit(value=True)),
        "transaminase": ("Transaminase risen", pl.col("transaminase_risen")),
        "bilirubin": ("Bilirubin risen", pl.col("bilirubin_risen")),
        "case": ("Hy's law met", pl.col("is_case")),
        "case_without_cholestasis": ("Hy's law met, without cholestasis", pl.col("is_case") & ~pl.col("cholestasis")),
    }
    tested = population.by_group(cases, [pl.len().alias("_of")])
    for level, (label, condition) in lines.items():
        marked = cases.with_columns(_is=condition.fill_null(value=False))
        table = population.by_group(marked, [pl.col("_is").sum().alias("subjects")])
        whole = population.groups().select("_group", _of="_size") if level == "tested" else tested
        known = table.join(whole, on="_group", how="left", nulls_equal=True, maintain_order="left")
        percent = percentage(pl.col("subjects"), pl.col("_of"))
        yield long(known.with_columns(percent=percent, level=pl.lit(level), label=pl.lit(label)), "hys_law")
