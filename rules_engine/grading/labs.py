"""Laboratory results to grades: one row per result in, the same rows with grades out.

Order of work: the analyte and unit of each result are looked up, its number and limits are read and judged, missing
limits are filled where the laboratory is known, total calcium is corrected, the baseline is chosen, and every result is
tested against the cut-offs of its analyte and unit, low and high. Grades from a laboratory value end at 4.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    Policy,
    derive_grade,
    fill_facts,
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
from rules_engine.grading.lab_facts import PEOPLE, doubt_ranges, ranges_of, read_facts, with_ranges
from rules_engine.grading.lab_output import assemble
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
PORTION: Final = 500_000


def grade_results(labs: pl.DataFrame, people: pl.DataFrame, rules: GradingRules, options: LabOptions) -> pl.DataFrame:
    """Grade collected results; see `derive_lab_grades`. `people` has the columns of `PEOPLE` for each subject.

    Rows keep their order; only where there are very many and subjects are not together, they are sorted by subject.
    """
    if labs.height > PORTION and not labs["subject"].is_sorted():
        labs = labs.sort("subject", maintain_order=True)
    tests = find_tests(labs, rules)
    ranges = ranges_of(labs, people, tests, rules, options)
    subjects = labs["subject"]
    # A portion ends where a subject ends: everything but the ranges of laboratories is decided within a subject.
    first_rows = {
        int(subjects.search_sorted(subjects[row], side="left")) for row in range(PORTION, labs.height, PORTION)
    }
    edges = [*sorted({0, *first_rows}), labs.height]
    portions = []
    for first, last in pairwise(edges):
        some = LabTests(tests.table, tests.number.slice(first, last - first))
        portion = labs.slice(first, last - first)
        portions.append(_grade_portion(portion, people, some, ranges, rules, options))
    return pl.concat(portions, rechunk=False)


def _grade_portion(
    labs: pl.DataFrame, people: pl.DataFrame, tests: LabTests, ranges: pl.DataFrame | None, rules: GradingRules,
    options: LabOptions,
) -> pl.DataFrame:  # fmt: skip
    """Grade some subjects' results."""
    work = (
        read_facts(labs, people, tests, rules, options)
        .pipe(with_ranges, ranges, options)
        .pipe(doubt_ranges, tests, rules)
        .pipe(derive_corrected_calcium, tests, rules)
        .pipe(derive_baseline, tests, rules, options)
    )
    graded = {direction: grade_direction(work, tests, rules, options, direction) for direction in DIRECTIONS}
    return assemble(labs, work, graded, tests, rules, options)


#: Columns that stand in the unit of a result.
_IN_UNIT: Final = (VALUE, ULN, LLN, MI_CUTOFF, BASELINE, BASE_ULN, BASE_LLN)

_EVALUATED: Final[dict[str, pl.DataType]] = {
    "_row": pl.UInt32(),
    "grade": pl.Int8(),
    "rule": pl.UInt16(),
    "reason": pl.UInt8(),
    "partial_evidence": pl.Boolean(),
    "qualifier_assumed": pl.Boolean(),
    "base_missing": pl.Boolean(),
    "status_borrowed": pl.Boolean(),
    "beyond_text": pl.Boolean(),
}


def grade_direction(
    work: pl.DataFrame, tests: LabTests, rules: GradingRules, options: LabOptions, direction: Direction
) -> pl.DataFrame:
    """Grade, rule, flags and reason (numbers) of every result in one direction, in the order of `work`."""
    scales = numbered_scales(rules)
    numbers = {cutoff.row_id: number for number, cutoff in enumerate(rules.cutoffs)}
    looked_at = work.select(
        "_row", *_IN_UNIT, *FACTS, "not_numeric", "impossible", "range_invalid", "range_doubted",
        scale=tests.of_results(f"scale_{direction}"), factor=tests.of_results(f"factor_{direction}"),
    )  # fmt: skip
    parts = [pl.DataFrame(schema=_EVALUATED)]
    for (scale,), part in looked_at.drop_nulls("scale").partition_by("scale", as_dict=True, include_key=False).items():
        parts.append(_grade_part(part, scales[scale], rules, options, numbers))
    ungraded = work.select("_row", number=_number_reason(), test=tests.of_results(f"reason_{direction}"))
    # A result that is missing altogether has no unit either: what is missing is the number.
    is_of_unit = pl.col("test").is_in([REASONS.index(UNIT_UNKNOWN), REASONS.index(UNIT_UNSUITABLE)])
    without_scale = pl.when(is_of_unit).then(pl.coalesce("number", "test")).otherwise("test")
    return (
        ungraded.join(pl.concat(parts), on="_row", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce(without_scale, "reason").alias("reason"),
            *[pl.col(flag).fill_null(value=False) for flag, kind in _EVALUATED.items() if kind == pl.Boolean()],
        )
        .drop("number", "test")
    )


def _grade_part(
    part: pl.DataFrame, scale: Scale, rules: GradingRules, options: LabOptions, numbers: Mapping[str, int]
) -> pl.DataFrame:
    """Results of one scale; value, limits and baseline are brought to its unit alike, unrounded."""
    policy = Policy(rules.tolerance, options.on_unknown, options.require_current_range)
    is_converted = bool((part["factor"] != 1.0).any())
    in_unit = [pl.col(name) * pl.col("factor") for name in _IN_UNIT] if is_converted else []
    recorded = [pl.col(fact).alias(f"{fact}_recorded") for fact in FACTS]
    facts = part.with_columns(*in_unit, *recorded).with_columns(*fill_facts(policy))
    graded = pl.concat(
        [derive_grade(facts, scale, policy, numbers), facts.select("range_doubted", _reason=_why_not(scale, options))],
        how="horizontal",
    )
    is_refused = pl.col("range_doubted") & (options.contradicting_range == "na")
    return (
        graded.with_columns(pl.when(~is_refused).then(name).alias(name) for name in ("grade", "rule"))
        .with_columns(reason=pl.when(pl.col("grade").is_null()).then("_reason"))
        .select(list(_EVALUATED))
    )


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
        .then(_number_reason())
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
