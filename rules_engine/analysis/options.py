"""Options of an analysis: what the ruleset states, completed with the defaults of the estimator's own schema."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, TypeAlias

from rules_engine.numerics import np

if TYPE_CHECKING:
    from numpy.typing import NDArray


Numbers: TypeAlias = "NDArray[np.float64]"
Flags: TypeAlias = "NDArray[np.bool_]"


def with_defaults(options: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The options with every key of the schema: as stated, else the schema's default, else None."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    defaults = {key: prop.get("default") for key, prop in properties.items()}
    return {**defaults, **{key: value for key, value in options.items() if value is not None}}


def normal_quantile(conf_level: float) -> float:
    """The two-sided standard normal quantile of a confidence level: 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + conf_level) / 2)


def days_of(months: float, days_per_month: float) -> float:
    """Months in days, computed on the decimal numbers as written, so that a whole number of days stays whole."""
    return float(Fraction(str(months)) * Fraction(str(days_per_month)))


def level_text(number: float) -> str:
    """How a level is written in results: `12`, not `12.0`."""
    return f"{number:g}"


def cross_product(left: Numbers, right: Numbers) -> Numbers:
    """`left` transposed times `right`, added up in one order whatever the number of threads (a BLAS product is not)."""
    left_columns = left[:, None] if left.ndim == 1 else left
    right_columns = right[:, None] if right.ndim == 1 else right
    product: Numbers = np.einsum("ij,ik->jk", left_columns, right_columns)
    return product


def inner_product(left: Numbers, right: Numbers) -> float:
    """Sum of products of two columns, in one order whatever the number of threads."""
    return float(np.einsum("i,i->", left, right))


def effective_size(weight: Numbers) -> float:
    """How many subjects of equal weight tell as much (Kish 1965): the square of the sum over the sum of squares."""
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0
