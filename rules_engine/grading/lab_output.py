"""Graded results put together: numbers of reasons, cut-offs and tests become words, and the grade of the baseline joins
each record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_

import polars as pl

from rules_engine.grading.combine import combined_grade
from rules_engine.grading.cutoffs import LLN, ULN
from rules_engine.grading.event_dates import study_day
from rules_engine.grading.lab_columns import (
    DIRECTIONS,
    FLAGS,
    GRADED_LABS_SCHEMA,
    IONIZED_PREFERRED,
    NO_ALBUMIN,
    NO_TERM,
    NOT_LAB_GRADABLE,
    REASONS,
    reason_code,
)
from rules_engine.grading.lab_tests import LabTests
from rules_engine.grading.options import LabOptions
from rules_engine.grading.rules import Direction, GradingRules

Graded = Mapping[Direction, pl.DataFrame]

#: Flags that the grading of either direction raises.
_OF_DIRECTIONS = ("partial_evidence", "qualifier_assumed", "base_missing", "status_borrowed", "beyond_text")


def assemble(
    work: pl.DataFrame, graded: Graded, tests: LabTests, rules: GradingRules, options: LabOptions
) -> pl.DataFrame:
    """The columns of `GRADED_LABS_SCHEMA` for every result, in the order of `work`."""
    grades = _grades(work, graded, tests, options)
    flags = _flags(work, graded, tests, grades)
    rows = {name: grades[name] for name in ("atoxgrl", "atoxgrh", "atoxgr")}
    base_row = work["base_row"]
    base = work.select(base="_base_number", base_lln=f"_base_{LLN}", base_uln=f"_base_{ULN}")
    row_ids = [cutoff.row_id for cutoff in rules.cutoffs]
    columns = {
        "analyte_key": _words(tests.table["key"], tests.number),
        "analyte_name": _words([rules.analyte_names.get(key or "") for key in tests.table["key"]], tests.number),
        "ady": work.select(study_day(pl.col("date"), pl.col("_treatment_start"))).to_series(),
        "value_number": work["number"],
        "base": base["base"],
        "base_unit": _words(tests.table["unit"], work["test"].gather(base_row)),
        "base_lln": base["base_lln"],
        "base_uln": base["base_uln"],
        "bnrind": _words(("LOW", "NORMAL", "HIGH"), base.select(_side()).to_series()),
        "is_baseline_record": work["is_baseline_record"],
        "is_post_baseline": work["is_post_baseline"],
        "on_treatment": work.select(
            (pl.col("after_start") & (pl.col("date") <= pl.col("_treatment_end"))).fill_null(value=False)
        ).to_series(),
        "in_window": work.select(
            pl.col("is_post_baseline") & (pl.col("date") <= pl.col("_window_end")).fill_null(value=True)
        ).to_series(),
        "atoxdscl": _words(_terms(tests, rules, "low"), tests.number),
        "atoxdsch": _words(_terms(tests, rules, "high"), tests.number),
        **rows,
        **{f"b{name.removeprefix('a')}": grade.gather(base_row) for name, grade in rows.items()},
        "reason_low": _words(REASONS, grades["reason_low"]),
        "reason_high": _words(REASONS, grades["reason_high"]),
        "grade_reason": _words(REASONS, grades["reason"]),
        "grade_flags": flags,
        "rule_low": _words(row_ids, grades["rule_low"]),
        "rule_high": _words(row_ids, grades["rule_high"]),
        "rule_row_id": _words(row_ids, grades["rule"]),
        "ctcae_version": _words([rules.version], pl.zeros(work.height, pl.UInt8, eager=True)),
    }
    return pl.DataFrame([columns[name].cast(kind).alias(name) for name, kind in GRADED_LABS_SCHEMA.items()])


def _words(words: Sequence[str | None] | pl.Series, numbers: pl.Series) -> pl.Series:
    """The word of each number; null for null."""
    return pl.Series(values=list(words), dtype=pl.Categorical()).gather(numbers)


def _terms(tests: LabTests, rules: GradingRules, direction: Direction) -> list[str | None]:
    """The term of each test that is graded in this direction."""
    return [None if key is None else rules.term_of(key, direction) for key in tests.table["key"]]


def _grades(work: pl.DataFrame, graded: Graded, tests: LabTests, options: LabOptions) -> pl.DataFrame:
    """Grades, and numbers of the rule and the reason, per direction and of both together."""
    no_term, clinical = REASONS.index(NO_TERM), REASONS.index(NOT_LAB_GRADABLE)
    has_term = {
        direction: (tests.table[f"reason_{direction}"].fill_null(len(REASONS)) > clinical).gather(tests.number)
        for direction in DIRECTIONS
    }
    facts = pl.DataFrame({
        "refused": work.select(_refusal(options)).to_series(),
        **{f"has_{direction}": has_term[direction] for direction in DIRECTIONS},
        **{f"{name}_{direction}": graded[direction][name] for direction in DIRECTIONS for name in ("grade", "rule", "reason")},
    })  # fmt: skip
    kept = pl.col("refused").is_null()
    facts = facts.with_columns(
        atoxgrl=pl.when(kept).then("grade_low"),
        atoxgrh=pl.when(kept).then("grade_high"),
        # A direction without a term has nothing to explain.
        **{
            f"reason_{direction}": pl.when(pl.col(f"reason_{direction}") == no_term)
            .then(None)
            .otherwise(pl.coalesce("refused", f"reason_{direction}"))
            for direction in DIRECTIONS
        },
        **{f"rule_{direction}": pl.when(kept).then(f"rule_{direction}") for direction in DIRECTIONS},
    )
    facts = facts.with_columns(
        atoxgr=combined_grade(_if_true("has_low"), _if_true("has_high"), pl.col("atoxgrl"), pl.col("atoxgrh"))
    )
    # Of two directions without a grade the one that has a term says why.
    reasons = [_if_true(f"has_{direction}", f"reason_{direction}") for direction in DIRECTIONS]
    return facts.with_columns(
        rule=pl.when(pl.col("atoxgr") < 0).then("rule_low").when(pl.col("atoxgr") > 0).then("rule_high"),
        reason=pl.when(pl.col("atoxgr").is_null()).then(
            pl.coalesce(*reasons, "reason_low", "reason_high", reason_code(NO_TERM))
        ),
    )


def _refusal(options: LabOptions) -> pl.Expr:
    """Why the options leave a calcium result without a grade (number of the reason); null where they do not."""
    return (
        pl.when(pl.col("beside_ionized") & (options.calcium_of_one_day == "ionized"))
        .then(reason_code(IONIZED_PREFERRED))
        .when(pl.col("uncorrected_calcium") & (options.uncorrected_calcium == "na"))
        .then(reason_code(NO_ALBUMIN))
    )


def _if_true(flag: str, then: str | None = None) -> pl.Expr:
    """`then` (else: true) where the flag is set, null elsewhere."""
    return pl.when(flag).then(pl.lit(value=True) if then is None else pl.col(then))


def _flags(work: pl.DataFrame, graded: Graded, tests: LabTests, grades: pl.DataFrame) -> pl.Series:
    """The flags of each result that a term is graded by, joined by `;`."""
    converted = reduce(
        or_, [(tests.table[f"factor_{direction}"] != 1.0).fill_null(value=False) for direction in DIRECTIONS]
    )
    raised = {
        name: work[name]
        for name in (
            "censored",
            "base_unit_differs",
            "range_invalid",
            "range_doubted",
            "range_filled",
            "calcium_corrected",
            "uncorrected_calcium",
        )
    }
    raised |= {flag: graded["low"][flag] | graded["high"][flag] for flag in _OF_DIRECTIONS}
    raised["unit_converted"] = converted.gather(tests.number)
    # Graded all the same where only multiples of the limits are asked for.
    raised["unit_unknown"] = tests.table["scale_unit"].is_null().gather(tests.number)
    # A record that is no later than the baseline is not meant to have one.
    raised["base_missing"] &= work["is_post_baseline"]
    bits = [raised[column].cast(pl.UInt16) * 2**position for position, column in enumerate(FLAGS.values())]
    mask = sum(bits[1:], bits[0])
    words: list[str | None] = [None] * (int(mask.max() or 0) + 1)
    for number in mask.unique().to_list():
        words[number] = ";".join(flag for position, flag in enumerate(FLAGS) if number >> position & 1) or None
    has_term = grades["has_low"] | grades["has_high"]
    return _words(words, mask.zip_with(has_term, pl.Series([None], dtype=pl.UInt16)))


def _side() -> pl.Expr:
    """Where the baseline lies: 0 below the range of its record, 1 in it, 2 above it."""
    value, low, high = pl.col("base"), pl.col("base_lln"), pl.col("base_uln")
    return (
        pl.when(value > high)
        .then(pl.lit(2, pl.UInt8))
        .when(value < low)
        .then(pl.lit(0, pl.UInt8))
        .when(low.is_not_null() & high.is_not_null() & value.is_not_null())
        .then(pl.lit(1, pl.UInt8))
    )
