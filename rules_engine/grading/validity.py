"""Is the grade that an investigator reported one that the term has, and does it agree with the outcome of the event?

A doubtful grade is never shifted to the nearest one: it is kept, coded and listed for a query.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules_engine.grading.rules import GradingRules

OK: Final = "OK"
GRADE_NOT_INTEGER: Final = "GRADE_NOT_INTEGER"
GRADE_ZERO: Final = "GRADE_ZERO"
GRADE_NOT_DEFINED: Final = "GRADE_NOT_DEFINED"
TERM_UNKNOWN: Final = "TERM_UNKNOWN"
GRADE5_NOT_FATAL: Final = "GRADE5_NOT_FATAL"
FATAL_NOT_GRADE5: Final = "FATAL_NOT_GRADE5"
FATAL_TERM_HAS_NO_GRADE5: Final = "FATAL_TERM_HAS_NO_GRADE5"
SER_GRADE: Final = "SER_GRADE"
DEATH_NOT_RECORDED: Final = "DEATH_NOT_RECORDED"

#: Grades of an adverse event; 0 is no event, and grade 5 is death.
LOWEST, HIGHEST = 1, 5
LIFE_THREATENING = 4
#: From which grade on an event or a laboratory value is severe: the field's usual cut.
SEVERE = 3

#: `3`, `3.0`, `Grade 3`, `G3`; no roman numerals, no ranges.
_GRADE: Final = r"(?i)^(?:grade\s*|g\s*)?(\d+)(?:\.0+)?$"


def reported_grade(text: pl.Expr) -> pl.Expr:
    """The whole number in a reported grade, 0 included; null where it is none or not between 0 and 5."""
    number = text.str.strip_chars().str.extract(_GRADE).cast(pl.Int64, strict=False)
    return pl.when(number.is_between(0, HIGHEST)).then(number).cast(pl.Int8)


def event_grade(text: pl.Expr) -> pl.Expr:
    """The reported grade where it is 1 to 5; null otherwise."""
    number = reported_grade(text)
    return pl.when(number >= LOWEST).then(number)


def grade_code(text: pl.Expr, allowed: pl.Expr) -> pl.Expr:
    """Verdict on a reported grade; null where none was reported.

    `allowed` holds the grades of the term as digits (`1345`), null where the term is not in the dictionary.
    """
    number = reported_grade(text)
    is_defined = allowed.str.contains(number.cast(pl.String), literal=True)
    return (
        pl.when(text.is_null())
        .then(pl.lit(None, pl.String))
        .when(number.is_null())
        .then(pl.lit(GRADE_NOT_INTEGER))
        .when(number == 0)
        .then(pl.lit(GRADE_ZERO))
        .when(allowed.is_null())
        .then(pl.lit(TERM_UNKNOWN))
        .when(is_defined)
        .then(pl.lit(OK))
        .otherwise(pl.lit(GRADE_NOT_DEFINED))
    )


def consistency_codes(
    grade: pl.Expr, allowed: pl.Expr, fatal: pl.Expr, serious: pl.Expr, hospitalised: pl.Expr,
    death: pl.Expr | None = None,
) -> pl.Expr:  # fmt: skip
    """Codes of what does not fit together, joined by `;`; null where all does.

    `fatal` is true where the event is recorded as the cause of death or its outcome as fatal. `serious` and
    `hospitalised` are null where a study does not record them; `serious` is then not judged. `death` is the day of death
    of the subject, null where none is recorded; without `death` this is not judged.
    """
    is_fatal = fatal.fill_null(value=False)
    below_five = (grade < HIGHEST).fill_null(value=False)
    has_no_five = (~allowed.str.contains(str(HIGHEST), literal=True)).fill_null(value=False)
    checks = {
        GRADE5_NOT_FATAL: (grade == HIGHEST).fill_null(value=False) & ~is_fatal,
        FATAL_NOT_GRADE5: is_fatal & below_five,
        FATAL_TERM_HAS_NO_GRADE5: is_fatal & below_five & has_no_five,
        SER_GRADE: ((grade >= LIFE_THREATENING) & ~serious | (grade < SEVERE) & hospitalised).fill_null(value=False),
    }
    if death is not None:
        checks[DEATH_NOT_RECORDED] = ((grade == HIGHEST).fill_null(value=False) | is_fatal) & death.is_null()
    codes = [pl.when(odd).then(pl.lit(code)) for code, odd in checks.items()]
    return pl.concat_str(codes, separator=";", ignore_nulls=True).replace("", None)


def allowed_digits(rules: GradingRules) -> dict[str, str]:
    """Grades that each term has, as digits."""
    return {term: "".join(map(str, grades.allowed)) for term, grades in rules.terms.items()}
