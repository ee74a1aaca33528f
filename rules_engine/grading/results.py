"""Results as a laboratory reports them: numbers, `<5`, `>1000`, words of a dipstick."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rules_engine.grading.rules import GradingRules


def read_results(values: pl.Series, analytes: pl.Series, rules: GradingRules) -> pl.DataFrame:
    """One row per result: `number` (null = none reported), `value` (what is compared with cut-offs) and `censored`.

    Nearly all results are plain numbers; only the others are looked at closely.
    """
    plain = values.cast(pl.Float64, strict=False)
    number = pl.DataFrame({"number": plain}).select(pl.when(pl.col("number").is_finite()).then("number")).to_series()
    read = pl.DataFrame({"number": number, "value": number}).with_columns(censored=pl.lit(value=False))
    odd = (plain.is_null() & values.is_not_null()).arg_true()
    if odd.is_empty():
        return read
    result = pl.col("result")
    closely = (
        pl.DataFrame({"result": values.gather(odd), "analyte": analytes.gather(odd)})
        .with_columns(
            number=pl.coalesce(reported_number(result), word_number(pl.col("analyte"), result, rules.value_words))
        )
        .select(
            "number",
            value=moved_off_limit(pl.col("number"), result, rules.tolerance),
            censored=is_censored(result).fill_null(value=False),
        )
    )
    return pl.DataFrame([read[name].scatter(odd, closely[name]) for name in read.columns])


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
