"""The columns that grading adds to laboratory results, and the codes in them: reasons for no grade, and flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from rules_engine.grading.rules import Direction

DIRECTIONS: Final[tuple[Direction, ...]] = ("low", "high")

#: Text of few different values, held compactly: a study may have millions of results.
_WORD: Final = pl.Categorical()

#: Columns that grading adds to the laboratory results.
#:
#: `analyte_key` is the ruleset's name of the analyte, `analyte_name` what it is called. `ady` is the study day: the first
#: treatment is day 1, there is no day 0. `base…` is the baseline record in
#: its own unit. `atoxgrl` and `atoxgrh` are 0 to 4, `atoxgr` is signed (-4 to 4); null = not gradable. Why is said per
#: direction (`reason_low`, `reason_high`), and in `grade_reason` where `atoxgr` is null. `rule_low` and `rule_high` name
#: the cut-off that decided a grade of 1 or more, `rule_row_id` that of `atoxgr`. `grade_flags` are joined by `;`.
#: `on_treatment`: taken after the first treatment began, and not after the day of the last one. `in_window`: after baseline,
#: and not after the last day of observation.
GRADED_LABS_SCHEMA: Final[dict[str, pl.DataType]] = {
    "analyte_key": _WORD,
    "analyte_name": _WORD,
    "ady": pl.Int32(),
    "value_number": pl.Float64(),
    "base": pl.Float64(),
    "base_unit": _WORD,
    "base_lln": pl.Float64(),
    "base_uln": pl.Float64(),
    "bnrind": _WORD,
    "is_baseline_record": pl.Boolean(),
    "is_post_baseline": pl.Boolean(),
    "on_treatment": pl.Boolean(),
    "in_window": pl.Boolean(),
    "atoxdscl": _WORD,
    "atoxdsch": _WORD,
    "atoxgrl": pl.Int8(),
    "atoxgrh": pl.Int8(),
    "atoxgr": pl.Int8(),
    "btoxgrl": pl.Int8(),
    "btoxgrh": pl.Int8(),
    "btoxgr": pl.Int8(),
    "reason_low": _WORD,
    "reason_high": _WORD,
    "grade_reason": _WORD,
    "grade_flags": _WORD,
    "rule_low": _WORD,
    "rule_high": _WORD,
    "rule_row_id": _WORD,
    "ctcae_version": _WORD,
}

# Reasons why a result has no grade, those of the test before those of the record.
NO_TERM: Final = "NO_TERM"
NOT_LAB_GRADABLE: Final = "NOT_LAB_GRADABLE"
NOT_ENCODED: Final = "NOT_ENCODED"
NO_VALUE: Final = "NO_VALUE"
NOT_NUMERIC: Final = "NOT_NUMERIC"
VALUE_IMPOSSIBLE: Final = "VALUE_IMPOSSIBLE"
UNIT_UNKNOWN: Final = "UNIT_UNKNOWN"
UNIT_UNSUITABLE: Final = "UNIT_UNSUITABLE"
UNIT_CONTRADICTS_RANGE: Final = "UNIT_CONTRADICTS_RANGE"
NO_BASELINE: Final = "NO_BASELINE"
RANGE_INVALID: Final = "RANGE_INVALID"
NO_RANGE: Final = "NO_RANGE"
NO_ALBUMIN: Final = "NO_ALBUMIN"
IONIZED_PREFERRED: Final = "IONIZED_PREFERRED"
QUALIFIER_UNKNOWN: Final = "QUALIFIER_UNKNOWN"
REASONS: Final = (
    NO_TERM, NOT_LAB_GRADABLE, NOT_ENCODED, NO_VALUE, NOT_NUMERIC, VALUE_IMPOSSIBLE, UNIT_UNKNOWN, UNIT_UNSUITABLE,
    UNIT_CONTRADICTS_RANGE, NO_BASELINE, RANGE_INVALID, NO_RANGE, NO_ALBUMIN, IONIZED_PREFERRED,
    QUALIFIER_UNKNOWN,
)  # fmt: skip


def reason_code(reason: str) -> pl.Expr:
    """The number of a reason: between records millions of reasons are small numbers, and become words at the end."""
    return pl.lit(REASONS.index(reason), pl.UInt8)


#: Flags of a grade, and the columns that they come from.
FLAGS: Final[Mapping[str, str]] = {
    "CENSORED": "censored",
    "BASE_MISSING": "base_missing",
    "BASE_STATUS_FROM_CURRENT_RANGE": "status_borrowed",
    "BASE_UNIT_DIFFERS": "base_unit_differs",
    "BASELINE_BEYOND_TEXT": "beyond_text",
    "QUALIFIER_ASSUMED": "qualifier_assumed",
    "PARTIAL_EVIDENCE": "partial_evidence",
    "UNIT_CONVERTED": "unit_converted",
    "UNIT_UNKNOWN": "unit_unknown",
    "UNIT_CONTRADICTS_RANGE": "range_doubted",
    "RANGE_INVALID": "range_invalid",
    "RANGE_FILLED": "range_filled",
    "CALCIUM_CORRECTED": "calcium_corrected",
    "UNCORRECTED_CALCIUM": "uncorrected_calcium",
}
