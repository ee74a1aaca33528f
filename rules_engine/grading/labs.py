"""Laboratory results to grades: one row per result in, the same rows with grades out.

Order of work: the analyte and unit of each result are looked up, its number and limits are read and judged, missing
limits are filled where the laboratory is known, total calcium is corrected, the baseline is chosen, and every result is
tested against the cut-offs of its analyte and unit, low and high. Grades from a laboratory value end at 4.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import polars as pl

from rules_engine.grading.baseline import derive_baseline
from rules_engine.grading.calcium import derive_corrected_calcium
from rules_engine.grading.cutoffs import (
    BASE_LLN,
    BASE_ULN,
    BASELINE,
    FACTS,
    LLN,
    MI_CUTOFF,
    ULN,
    VALUE,
    Judgement,
    Policy,
    fill_facts,
    judgement_of,
)
from rules_engine.grading.lab_columns import (
    DIRECTIONS,
    GRADED_LABS_SCHEMA,
    NO_BASELINE,
    NO_RANGE,
    NO_VALUE,
    NOT_NUMERIC,
    QUALIFIER_UNKNOWN,
    RANGE_INVALID,
    REASONS,
    UNIT_CONTRADICTS_RANGE,
    UNIT_UNKNOWN,
    UNIT_UNSUITABLE,
    VALUE_IMPOSSIBLE,
    reason_code,
)
from rules_engine.grading.lab_facts import doubt_ranges, ranges_of, read_facts, with_ranges
from rules_engine.grading.lab_output import assemble
from rules_engine.grading.lab_people import PEOPLE, LabPeople, find_people
from rules_engine.grading.lab_tests import LabTests, find_tests, numbered_scales
from rules_engine.grading.options import LabOptions
from rules_engine.grading.rules import Direction, GradingRules, References, Scale


def derive_lab_grades(
    labs: pl.LazyFrame, rules: GradingRules, options: LabOptions, context: pl.LazyFrame
) -> pl.LazyFrame:
    """Add the columns of `GRADED_LABS_SCHEMA` to canonical laboratory results.

    `context` is one row per subject with `treatment_start` (Date); subjects without one have no derived baseline. Where it
    has `window_end`, results after it are not `in_window`; `sex` and `birth_date` matter where missing ranges are filled
    from other subjects.
    """
    schema = {**labs.collect_schema(), **GRADED_LABS_SCHEMA}
    known = context.collect_schema()
    people = context.select(
        "subject",
        *[
            pl.col(name).cast(kind) if name in known else pl.lit(None, kind).alias(name)
            for name, kind in PEOPLE.items()
        ],
    )

    def grade() -> pl.DataFrame:
        # The results are not joined as a whole, which would copy all of their columns.
        results_, people_ = pl.collect_all([labs, people])
        return grade_results(results_, people_, rules, options).select(list(schema))

    return pl.defer(grade, schema=pl.Schema(schema))


#: Results are graded in portions of about this many rows, so that what is in between does not fill the memory.
PORTION: Final = 1_000_000


def grade_results(labs: pl.DataFrame, people: pl.DataFrame, rules: GradingRules, options: LabOptions) -> pl.DataFrame:
    """Grade collected results; see `derive_lab_grades`. `people` has the columns of `PEOPLE` for each subject.

    Rows keep their order; only where there are very many and subjects are not together, they are sorted by subject.
    """
    if labs.height > PORTION and not labs["subject"].is_sorted():
        labs = labs.sort("subject", maintain_order=True)
    tests = find_tests(labs, rules)
    who = find_people(labs["subject"], people)
    ranges = ranges_of(labs, who, tests, rules, options)
    grader = Grader(rules, options)
    portions = []
    for first, last in pairwise(_edges(labs["subject"])):
        some = LabTests(tests.table, tests.number.slice(first, last - first))
        portion = labs.slice(first, last - first)
        portions.append(_grade_portion(portion, who.part(first, last), some, ranges, grader))
    return labs.with_columns(pl.concat(portions, rechunk=True).get_columns())


def _edges(subjects: pl.Series) -> list[int]:
    """The rows at which portions begin, and where the last one ends.

    A portion ends where a subject ends: everything but the ranges of laboratories is decided within a subject.
    """
    rows = subjects.len()
    portions = max(1, round(rows / PORTION))
    marks = (rows * number // portions for number in range(1, portions))
    return [*sorted({0, *(int(subjects.search_sorted(subjects[mark], side="left")) for mark in marks)}), rows]


def _grade_portion(
    labs: pl.DataFrame, people: LabPeople, tests: LabTests, ranges: pl.DataFrame | None, grader: Grader
) -> pl.DataFrame:
    """Grade some subjects' results: the columns of `GRADED_LABS_SCHEMA`, in their order."""
    rules, options = grader.rules, grader.options
    work = (
        read_facts(labs, people, tests, rules, options)
        .pipe(with_ranges, ranges, options)
        .pipe(doubt_ranges, tests, rules)
        .pipe(derive_corrected_calcium, tests, rules)
        .pipe(derive_baseline, tests, rules, options)
    )
    graded = {direction: grade_direction(work, tests, grader, direction) for direction in DIRECTIONS}
    return assemble(work, graded, tests, rules, options)


#: Columns that stand in the unit of a result.
_IN_UNIT: Final = (VALUE, ULN, LLN, MI_CUTOFF, BASELINE, BASE_ULN, BASE_LLN)

#: What is found out about each result in each direction; grades, rules and reasons are null where there is none.
_EVALUATED: Final[dict[str, pl.DataType]] = {
    "grade": pl.Int8(),
    "rule": pl.UInt16(),
    "reason": pl.UInt8(),
    "partial_evidence": pl.Boolean(),
    "qualifier_assumed": pl.Boolean(),
    "base_missing": pl.Boolean(),
    "status_borrowed": pl.Boolean(),
    "beyond_text": pl.Boolean(),
}


class Grader:
    """Grades results of any scale of a ruleset; how a scale is judged is put together once, however many portions there are."""

    def __init__(self, rules: GradingRules, options: LabOptions) -> None:
        self.rules, self.options = rules, options
        self._policy = Policy(rules.tolerance, options.on_unknown, options.require_current_range)
        self._numbers = {cutoff.row_id: number for number, cutoff in enumerate(rules.cutoffs)}
        self._scales = numbered_scales(rules)
        self._known: dict[int, tuple[Judgement, pl.Expr]] = {}

    def grade(self, facts: pl.LazyFrame, scale: int) -> pl.LazyFrame:
        """Results of one scale, whose value, limits and baseline stand in its unit, to the columns of `_EVALUATED`."""
        judgement, reason = self._judgement(scale)
        recorded = [pl.col(fact).alias(f"{fact}_recorded") for fact in FACTS]
        judged = judgement.of(facts.with_columns(recorded).with_columns(*fill_facts(self._policy)))
        is_refused = pl.col("range_doubted") & (self.options.contradicting_range == "na")
        return judged.select(
            *[pl.when(~is_refused).then(name).alias(name) for name in ("grade", "rule")],
            pl.when(is_refused | pl.col("grade").is_null()).then(reason).alias("reason"),
            *[flag for flag, kind in _EVALUATED.items() if kind == pl.Boolean()],
        )

    def _judgement(self, number: int) -> tuple[Judgement, pl.Expr]:
        """How results of a scale are judged, and why they have no grade if they have none."""
        if number not in self._known:
            scale = self._scales[number]
            self._known[number] = (
                judgement_of(scale, self._policy, self._numbers),
                _why_not(scale, self.options),
            )
        return self._known[number]


def grade_direction(work: pl.DataFrame, tests: LabTests, grader: Grader, direction: Direction) -> pl.DataFrame:
    """Grade, rule, flags and reason (numbers) of every result in one direction, in the order of `work`."""
    facts = work.select(
        *_IN_UNIT, *FACTS, "range_invalid", "range_doubted",
        number_reason=_number_reason(), factor=tests.of_results(f"factor_{direction}"),
    )  # fmt: skip
    scales = pl.DataFrame([tests.of_results(f"scale_{direction}").alias("scale")]).with_row_index("row")
    of_scales = scales.drop_nulls("scale").group_by("scale", maintain_order=True).agg("row")
    parts = [pl.DataFrame(schema=_EVALUATED)]
    for scale, rows in zip(of_scales["scale"], of_scales["row"], strict=True):
        part = facts.lazy().select(pl.all().gather(rows))  # of which only what the cut-offs ask for is moved
        if _is_converted(tests, scale, direction):
            part = part.with_columns(pl.col(name) * pl.col("factor") for name in _IN_UNIT)
        parts.append(grader.grade(part, scale).collect(engine="in-memory"))
    rows = of_scales["row"].explode(empty_as_null=False)
    found = _in_their_places(pl.concat(parts), rows, work.height)
    without_scale = _without_scale(facts["number_reason"], tests.of_results(f"reason_{direction}"))
    return found.with_columns(pl.coalesce(without_scale, "reason").alias("reason"))


def _in_their_places(evaluated: pl.DataFrame, rows: pl.Series, height: int) -> pl.DataFrame:
    """What was found about the results in these rows, among all results; nothing was found about the others."""
    place = pl.repeat(None, height, dtype=pl.UInt32, eager=True)
    place.scatter(rows, pl.int_range(evaluated.height, dtype=pl.UInt32, eager=True))
    columns = []
    for name, kind in _EVALUATED.items():
        if kind == pl.Boolean():  # flags, which few results have
            column = pl.repeat(value=False, n=height, eager=True)
            column.scatter(rows.filter(evaluated[name]), values=True)
        else:
            column = evaluated[name].gather(place)
        columns.append(column.alias(name))
    return pl.DataFrame(columns)


def _without_scale(of_number: pl.Series, of_test: pl.Series) -> pl.Series:
    """Why results have no grade whose test has no scale. A result that is missing altogether has no unit either: what is
    missing is the number.
    """
    is_of_unit = pl.col("test").is_in([REASONS.index(UNIT_UNKNOWN), REASONS.index(UNIT_UNSUITABLE)])
    reasons = pl.DataFrame({"number": of_number, "test": of_test})
    return reasons.select(pl.when(is_of_unit).then(pl.coalesce("number", "test")).otherwise("test")).to_series()


def _is_converted(tests: LabTests, scale: int, direction: Direction) -> bool:
    """Results of some test stand in another unit than their scale: value, limits and baseline are then brought to it alike,
    unrounded.
    """
    of_scale = tests.table[f"scale_{direction}"] == scale
    return bool((tests.table[f"factor_{direction}"].filter(of_scale) != 1.0).any())


def _number_reason() -> pl.Expr:
    """Why a result has no number; null where it has one."""
    return (
        pl.when(pl.col(VALUE).is_not_null())
        .then(pl.lit(None, pl.UInt8))
        .when("impossible")
        .then(reason_code(VALUE_IMPOSSIBLE))
        .when("not_numeric")
        .then(reason_code(NOT_NUMERIC))
        .otherwise(reason_code(NO_VALUE))
    )


def _why_not(scale: Scale, options: LabOptions) -> pl.Expr:
    """Why a result of this scale has no grade, if it has none."""
    references: tuple[References, ...] = ("uln", "lln")
    missing = [pl.col(limit).is_null() for limit in references if scale.refers_to(limit)]
    without_range = pl.any_horizontal(missing) if missing else pl.lit(value=False)
    return (
        pl.when(pl.col(VALUE).is_null())
        .then("number_reason")
        .when(pl.col("range_doubted") & (options.contradicting_range == "na"))
        .then(reason_code(UNIT_CONTRADICTS_RANGE))
        .when(pl.lit(scale.all_need_baseline) & pl.col(BASELINE).is_null())
        .then(reason_code(NO_BASELINE))
        .when(without_range & pl.col("range_invalid"))
        .then(reason_code(RANGE_INVALID))
        .when(without_range)
        .then(reason_code(NO_RANGE))
        .otherwise(reason_code(QUALIFIER_UNKNOWN))
    )
