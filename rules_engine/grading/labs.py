"""Laboratory results to grades: one row per result in, the same rows with grades out.

Order of work: the analyte and unit of each result are looked up, total calcium is corrected, the baseline is chosen,
and every result is tested against the cut-offs of its analyte and unit, low and high. Grades from a laboratory value
end at 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import polars as pl

from rules_engine.grading import results
from rules_engine.grading.baseline import derive_baseline
from rules_engine.grading.calcium import derive_corrected_calcium
from rules_engine.grading.combine import combined_grade
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
from rules_engine.grading.options import LabOptions
from rules_engine.grading.rules import Direction, GradingRules, Scale

#: Columns that grading adds to the laboratory results.
#:
#: `analyte_key` is the ruleset's name of the analyte. `base…` is the baseline record in its own unit. `atoxgrl` and
#: `atoxgrh` are 0 to 4, `atoxgr` is signed (-4 to 4); null = not gradable, with the reason in `grade_reason` where
#: `atoxgr` is null. `grade_flags` are joined by `;`. `rule_row_id` is the cut-off that decided `atoxgr`, null for 0.
GRADED_LABS_SCHEMA: Final[dict[str, pl.DataType]] = {
    "analyte_key": pl.String(),
    "value_number": pl.Float64(),
    "base": pl.Float64(),
    "base_unit": pl.String(),
    "base_lln": pl.Float64(),
    "base_uln": pl.Float64(),
    "bnrind": pl.String(),
    "is_baseline_record": pl.Boolean(),
    "is_post_baseline": pl.Boolean(),
    "atoxdscl": pl.String(),
    "atoxdsch": pl.String(),
    "atoxgrl": pl.Int8(),
    "atoxgrh": pl.Int8(),
    "atoxgr": pl.Int8(),
    "btoxgrl": pl.Int8(),
    "btoxgrh": pl.Int8(),
    "btoxgr": pl.Int8(),
    "grade_reason": pl.String(),
    "grade_flags": pl.String(),
    "rule_row_id": pl.String(),
    "ctcae_version": pl.String(),
}

# Reasons why a result has no grade.
NO_VALUE: Final = "NO_VALUE"
NO_RANGE: Final = "NO_RANGE"
NO_BASELINE: Final = "NO_BASELINE"
NO_ALBUMIN: Final = "NO_ALBUMIN"
UNIT_UNKNOWN: Final = "UNIT_UNKNOWN"
QUALIFIER_UNKNOWN: Final = "QUALIFIER_UNKNOWN"
NOT_LAB_GRADABLE: Final = "NOT_LAB_GRADABLE"
NO_TERM: Final = "NO_TERM"
REASONS: Final = (
    NO_VALUE, NO_RANGE, NO_BASELINE, NO_ALBUMIN, UNIT_UNKNOWN, QUALIFIER_UNKNOWN, NOT_LAB_GRADABLE, NO_TERM,
)  # fmt: skip

#: Flags of a grade, and the columns that they come from.
FLAGS: Final[Mapping[str, str]] = {
    "CENSORED": "censored",
    "BASE_MISSING": "base_missing",
    "BASE_STATUS_FROM_CURRENT_RANGE": "status_borrowed",
    "BASE_UNIT_DIFFERS": "base_unit_differs",
    "QUALIFIER_ASSUMED": "qualifier_assumed",
    "PARTIAL_EVIDENCE": "partial_evidence",
    "UNIT_CONVERTED": "unit_converted",
    "CALCIUM_CORRECTED": "calcium_corrected",
    "UNCORRECTED_CALCIUM": "uncorrected_calcium",
}

DIRECTIONS: Final[tuple[Direction, ...]] = ("low", "high")
#: Columns of the input that may be missing from a study's table, with their type.
OPTIONAL: Final[dict[str, pl.DataType]] = {"mi_cutoff": pl.Float64(), "duration_h": pl.Float64()}


def derive_lab_grades(
    labs: pl.LazyFrame, rules: GradingRules, options: LabOptions, context: pl.LazyFrame
) -> pl.LazyFrame:
    """Add the columns of `GRADED_LABS_SCHEMA` to canonical laboratory results.

    `context` is one row per subject with `treatment_start` (Date); subjects without one have no derived baseline.
    """
    present = labs.collect_schema()
    schema = {**present, **GRADED_LABS_SCHEMA}
    starts = context.select("subject", "treatment_start")

    def grade() -> pl.DataFrame:
        # The results are not joined as a whole, which would copy all of their columns.
        results_, starts_ = pl.collect_all([labs, starts])
        return grade_results(results_, starts_, rules, options).select(list(schema))

    return pl.defer(grade, schema=pl.Schema(schema))


#: Results are graded in portions of about this many rows, so that what is in between does not fill the memory.
PORTION: Final = 500_000


def grade_results(labs: pl.DataFrame, starts: pl.DataFrame, rules: GradingRules, options: LabOptions) -> pl.DataFrame:
    """Grade collected results; see `derive_lab_grades`.

    Rows keep their order; only where there are very many and subjects are not together, they are sorted by subject.
    """
    if labs.height <= PORTION:
        return _grade_portion(labs, starts, rules, options)
    together = labs if labs["subject"].is_sorted() else labs.sort("subject", maintain_order=True)
    subjects = together["subject"]
    # A portion ends where a subject ends: everything is decided within a subject.
    first_rows = {int(subjects.search_sorted(subjects[row], side="left")) for row in range(0, labs.height, PORTION)}
    edges = [*sorted(first_rows), labs.height]
    portions = [together.slice(first, last - first) for first, last in pairwise(edges)]
    return pl.concat([_grade_portion(portion, starts, rules, options) for portion in portions], rechunk=False)


def _grade_portion(labs: pl.DataFrame, starts: pl.DataFrame, rules: GradingRules, options: LabOptions) -> pl.DataFrame:
    """Grade some subjects' results. `starts` has the first day of treatment of each subject."""
    start = labs.select("subject").join(starts, on="subject", how="left", maintain_order="left")["treatment_start"]
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in OPTIONAL.items() if name not in labs.columns]
    given = [pl.col(name).cast(dtype, strict=False) for name, dtype in OPTIONAL.items() if name in labs.columns]
    work = _derive_facts(labs.with_columns(*missing, *given, start.alias("_treatment_start")), rules, options)
    work = derive_corrected_calcium(work, rules)
    work = _derive_scales(work, rules)
    work = derive_baseline(work, rules, options)
    policy = Policy(rules.tolerance, options.on_unknown, options.require_current_range)
    graded = {direction: _grade_direction(work, rules, policy, direction) for direction in DIRECTIONS}
    return _assemble(labs, work, graded, rules, options)


def _derive_facts(labs: pl.DataFrame, rules: GradingRules, options: LabOptions) -> pl.DataFrame:
    """Only what grading looks at: numbers, facts, and the analyte's key."""
    pairs = labs.select("analyte", "unit").unique()
    named = [rules.analytes.get((name or "").strip().upper()) for name in pairs["analyte"]]
    keys = pl.DataFrame(
        {
            "analyte": pairs["analyte"],
            "unit": pairs["unit"],
            "key": named,
            "scale_unit": [rules.unit_of(key, unit) for key, unit in zip(named, pairs["unit"], strict=True)],
        },
        schema={"analyte": pl.String, "unit": pl.String, "key": pl.String, "scale_unit": pl.String},
    )
    limits = [pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in (LLN, ULN, MI_CUTOFF)]
    cutoffs = {key: float(level) for key, level in options.mi_cutoff.items()}
    if cutoffs:
        stated = pl.col("key").replace_strict(cutoffs, default=None, return_dtype=pl.Float64)
        limits[-1] = pl.coalesce(limits[-1], stated).alias(MI_CUTOFF)
    keyed = labs.join(keys, on=["analyte", "unit"], how="left", nulls_equal=True, maintain_order="left")
    return (
        keyed.select(
            "subject", "date", "seq", "is_baseline", "_treatment_start", "unit", "key", "scale_unit", *limits,
            "symptomatic", "intervention", "on_anticoagulant", "fasting",
            (pl.col("duration_h") > rules.prolonged_hours).alias("prolonged"),
        )
        .with_columns(results.read_results(keyed["value"], keyed["key"], rules).get_columns())
        .with_row_index("_row")
    )  # fmt: skip


def _derive_scales(work: pl.DataFrame, rules: GradingRules) -> pl.DataFrame:
    """For each direction the number of the scale (`scale_low` …), the factor to its unit, or the reason why there is
    none.
    """
    scales = _numbered_scales(rules)
    pairs = work.select("key", "scale_unit").unique()
    rows = []
    for key, unit in pairs.iter_rows():
        row: dict[str, Any] = {"key": key, "scale_unit": unit}
        for direction in DIRECTIONS:
            number, factor, reason = _find_scale(rules, scales, key, unit, direction)
            row |= {f"scale_{direction}": number, f"factor_{direction}": factor, f"no_scale_{direction}": reason}
        rows.append(row)
    types: dict[str, Any] = {"key": pl.String, "scale_unit": pl.String}
    for direction in DIRECTIONS:
        types |= {f"scale_{direction}": pl.Int32, f"factor_{direction}": pl.Float64, f"no_scale_{direction}": pl.String}
    found = pl.DataFrame(rows, schema=types)
    return work.join(found, on=["key", "scale_unit"], how="left", nulls_equal=True, maintain_order="left")


def _numbered_scales(rules: GradingRules) -> list[Scale]:
    return [scale for _key, scales in sorted(rules.scales.items()) for scale in scales]


def _find_scale(
    rules: GradingRules, scales: list[Scale], key: str | None, unit: str | None, direction: Direction
) -> tuple[int | None, float | None, str | None]:
    """Number of the scale, factor to its unit, reason. A printed unit is graded as it stands; another one is
    converted.
    """
    if key is None:
        return None, None, NO_TERM
    candidates = rules.scales.get((key, direction))
    if not candidates:
        return None, None, NOT_LAB_GRADABLE if (key, direction) in rules.clinical_only else NO_TERM
    for scale in candidates:
        if scale.unit is None or scale.unit == unit:
            return scales.index(scale), 1.0, None
    factor = rules.factor(key, unit, candidates[0].unit or "") if unit is not None else None
    if factor is None:
        return None, None, UNIT_UNKNOWN
    return scales.index(candidates[0]), factor, None


#: Columns that stand in the unit of a result.
_IN_UNIT: Final = (VALUE, ULN, LLN, MI_CUTOFF, BASELINE, BASE_ULN, BASE_LLN)

_EVALUATED: Final[dict[str, pl.DataType]] = {
    "_row": pl.UInt32(),
    "grade": pl.Int8(),
    "rule": pl.String(),
    "partial_evidence": pl.Boolean(),
    "qualifier_assumed": pl.Boolean(),
    "base_missing": pl.Boolean(),
    "status_borrowed": pl.Boolean(),
    "reason": pl.String(),
}


def _grade_direction(work: pl.DataFrame, rules: GradingRules, policy: Policy, direction: Direction) -> pl.DataFrame:
    """Grade, rule, flags and reason of every result in one direction, in the order of `work`."""
    number = f"scale_{direction}"
    parts = [pl.DataFrame(schema=_EVALUATED)]
    scales = _numbered_scales(rules)
    looked_at = work.select(number, "_row", f"factor_{direction}", *_IN_UNIT, *FACTS)
    for (scale,), part in looked_at.drop_nulls(number).partition_by(number, as_dict=True, include_key=False).items():
        parts.append(_grade_part(part, scales[scale], policy, direction))
    graded = pl.concat(parts)
    return (
        work.select("_row", reason_without=pl.col(f"no_scale_{direction}"))
        .join(graded, on="_row", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce("reason_without", "reason").alias("reason"),
            *[pl.col(flag).fill_null(value=False) for flag in _EVALUATED if _EVALUATED[flag] == pl.Boolean()],
        )
        .drop("reason_without")
    )


def _grade_part(part: pl.DataFrame, scale: Scale, policy: Policy, direction: Direction) -> pl.DataFrame:
    """Results of one scale; value, limits and baseline are brought to its unit alike, unrounded."""
    factor = pl.col(f"factor_{direction}")
    is_converted = bool((part[f"factor_{direction}"] != 1.0).any())
    in_unit = [pl.col(name) * factor for name in _IN_UNIT] if is_converted else []
    recorded = [pl.col(fact).alias(f"{fact}_recorded") for fact in FACTS]
    facts = part.with_columns(*in_unit, *recorded).with_columns(*fill_facts(policy))
    limits_missing = [
        pl.col(name).is_null()
        for name, reference in ((ULN, "uln"), (LLN, "lln"))
        if scale.refers_to(reference)  # type: ignore[arg-type]
    ]
    without_range = pl.any_horizontal(limits_missing) if limits_missing else pl.lit(value=False)
    reason = (
        pl.when(pl.col(VALUE).is_null())
        .then(pl.lit(NO_VALUE))
        .when(pl.lit(scale.all_need_baseline) & pl.col(BASELINE).is_null())
        .then(pl.lit(NO_BASELINE))
        .when(without_range)
        .then(pl.lit(NO_RANGE))
        .otherwise(pl.lit(QUALIFIER_UNKNOWN))
    )
    graded = derive_grade(facts, scale, policy).with_columns(facts.select(reason).to_series().alias("_reason"))
    return graded.with_columns(reason=pl.when(pl.col("grade").is_null()).then("_reason")).select(list(_EVALUATED))


def _assemble(
    labs: pl.DataFrame,
    work: pl.DataFrame,
    graded: Mapping[Direction, pl.DataFrame],
    rules: GradingRules,
    options: LabOptions,
) -> pl.DataFrame:
    low, high = graded["low"], graded["high"]
    terms = {
        direction: {key[0]: scales[0].term for key, scales in rules.scales.items() if key[1] == direction}
        for direction in DIRECTIONS
    }
    refused = pl.lit(value=False)
    if options.uncorrected_calcium == "na":
        refused = pl.col("uncorrected_calcium")
    columns = work.select(
        "key", "number", "base_row", "is_baseline_record", "is_post_baseline", "base_unit_differs", "censored",
        "calcium_corrected", "uncorrected_calcium",
        atoxgrl=pl.when(~refused).then(low["grade"]),
        atoxgrh=pl.when(~refused).then(high["grade"]),
        refused=refused,
        unit_converted=((pl.col("factor_low") != 1.0) | (pl.col("factor_high") != 1.0)).fill_null(value=False),
    ).with_columns(
        atoxdscl=pl.col("key").replace_strict(terms["low"], default=None, return_dtype=pl.String),
        atoxdsch=pl.col("key").replace_strict(terms["high"], default=None, return_dtype=pl.String),
        **{flag: low[flag] | high[flag] for flag, kind in _EVALUATED.items() if kind == pl.Boolean()},
    )  # fmt: skip
    columns = columns.with_columns(
        atoxgr=combined_grade(pl.col("atoxdscl"), pl.col("atoxdsch"), pl.col("atoxgrl"), pl.col("atoxgrh"))
    )
    # Of two directions without a grade the one that has a term says why.
    reason = (
        pl.when("refused")
        .then(pl.lit(NO_ALBUMIN))
        .when(pl.col("atoxdscl").is_not_null())
        .then(pl.coalesce(low["reason"], high["reason"]))
        .when(pl.col("atoxdsch").is_not_null())
        .then(high["reason"])
        .when((low["reason"] == NOT_LAB_GRADABLE) | (high["reason"] == NOT_LAB_GRADABLE))
        .then(pl.lit(NOT_LAB_GRADABLE))
        .otherwise(pl.lit(NO_TERM))
    )
    # A record that is no later than the baseline is not meant to have one.
    columns = columns.with_columns(pl.col("base_missing") & pl.col("is_post_baseline"))
    base_row = columns["base_row"]
    texts = [pl.when(column).then(pl.lit(flag)) for flag, column in FLAGS.items()]
    has_term = pl.col("atoxdscl").is_not_null() | pl.col("atoxdsch").is_not_null()
    out = columns.select(
        analyte_key="key",
        value_number="number",
        base=work["number"].gather(base_row),
        base_unit=work["unit"].gather(base_row),
        base_lln=work[LLN].gather(base_row),
        base_uln=work[ULN].gather(base_row),
        bnrind=pl.lit(None, pl.String),
        is_baseline_record="is_baseline_record",
        is_post_baseline="is_post_baseline",
        atoxdscl="atoxdscl",
        atoxdsch="atoxdsch",
        atoxgrl="atoxgrl",
        atoxgrh="atoxgrh",
        atoxgr="atoxgr",
        btoxgrl=columns["atoxgrl"].gather(base_row),
        btoxgrh=columns["atoxgrh"].gather(base_row),
        btoxgr=columns["atoxgr"].gather(base_row),
        grade_reason=pl.when(pl.col("atoxgr").is_null()).then(reason),
        grade_flags=pl.when(has_term).then(pl.concat_str(texts, separator=";", ignore_nulls=True).replace("", None)),
        rule_row_id=pl.when(pl.col("atoxgr") < 0).then(low["rule"]).when(pl.col("atoxgr") > 0).then(high["rule"]),
        ctcae_version=pl.lit(rules.version),
    ).with_columns(
        bnrind=pl.when(pl.col("base") > pl.col("base_uln"))
        .then(pl.lit("HIGH"))
        .when(pl.col("base") < pl.col("base_lln"))
        .then(pl.lit("LOW"))
        .when(pl.col("base_lln").is_not_null() & pl.col("base_uln").is_not_null() & pl.col("base").is_not_null())
        .then(pl.lit("NORMAL"))
    )
    return labs.with_columns(out.get_columns())
