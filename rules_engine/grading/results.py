"""Results as a laboratory reports them: numbers, `<5`, `>1000`, words of a dipstick."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def reported_number(result: pl.Expr) -> pl.Expr:
    """The number in a result, without a `<` or `>` before it; null where there is none."""
    text = result.str.strip_chars()
    number = text.str.slice(_sign_length(text)).str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def is_below_number(result: pl.Expr) -> pl.Expr:
    """The result says `<x`: below x by an unknown amount."""
    text = result.str.strip_chars()
    return text.str.starts_with("<") & ~text.str.starts_with("<=")


def is_above_number(result: pl.Expr) -> pl.Expr:
    """The result says `>x`: above x by an unknown amount."""
    text = result.str.strip_chars()
    return text.str.starts_with(">") & ~text.str.starts_with(">=")


def is_censored(result: pl.Expr) -> pl.Expr:
    """The result is a limit of the method and no measured number."""
    return result.str.strip_chars().str.contains("^[<>≤≥]")


def _sign_length(text: pl.Expr) -> pl.Expr:
    one = text.str.starts_with("<") | text.str.starts_with(">") | text.str.starts_with("≤") | text.str.starts_with("≥")
    two = text.str.starts_with("<=") | text.str.starts_with(">=")
    return pl.when(two).then(pl.lit(2)).when(one).then(pl.lit(1)).otherwise(pl.lit(0))


def moved_off_limit(number: pl.Expr, result: pl.Expr, tolerance: float) -> pl.Expr:
    """The number to compare with cut-offs: `<x` lies below x, `>x` above, by more than the tolerance."""
    step = 2 * tolerance * pl.max_horizontal(pl.lit(1.0), number.abs())
    return (
        pl.when(is_below_number(result))
        .then(number - step)
        .when(is_above_number(result))
        .then(number + step)
        .otherwise(number)
    )


def word_number(analyte: pl.Expr, result: pl.Expr, words: Mapping[str, Mapping[str, float]]) -> pl.Expr:
    """The number that a word stands for in a semi-quantitative test; null for any other result."""
    number = pl.lit(None, pl.Float64)
    word = result.str.strip_chars().str.to_lowercase()
    for key, values in sorted(words.items()):
        meaning = word.replace_strict(dict(values), default=None, return_dtype=pl.Float64)
        number = pl.when(analyte == key).then(meaning).otherwise(number)
    return number
