"""Numbers, dates and lists as a person writes them. Lengths come in whole hundredths of a millimetre and stay exact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rules_engine.contracts import UNITS_PER_MM

_MINUS = "−"


def millimetres(length_x100: int | None) -> Decimal | None:
    """A length in millimetres, exactly."""
    return None if length_x100 is None else Decimal(length_x100) / UNITS_PER_MM


def mm(length_x100: int, *, sign: bool = False) -> str:
    """A length as text: one decimal, two where there are two; with `sign` as a change."""
    exact = Decimal(abs(length_x100)) / UNITS_PER_MM
    text = f"{exact:.1f}" if length_x100 % 10 == 0 else f"{exact:.2f}"
    before = (_MINUS if length_x100 < 0 else "+") if sign else ""
    return f"{before}{text} mm"


def change_percent(value: int, reference: int) -> Fraction | None:
    """The change from a reference in percent, exactly; None from a reference of 0."""
    return None if reference == 0 else Fraction(100 * (value - reference), reference)


def percent(change: Fraction, limits: Sequence[Any] = ()) -> str:
    """A change in percent with one decimal; with more where one decimal would feign that it is exactly one of the limits."""
    for places in range(1, 6):
        shown = _rounded(abs(change), places)
        feigned = any(Decimal(str(limit)) == shown and Fraction(str(limit)) != abs(change) for limit in limits)
        if not feigned:
            break
    sign = _MINUS if change < 0 else "+"
    return f"{sign if shown or change else ''}{shown:.{places}f} %"


def _rounded(number: Fraction, places: int) -> Decimal:
    """Half away from zero, as a person rounds."""
    scaled = number * 10**places
    return Decimal(int(scaled + Fraction(1, 2))) / Decimal(10**places)


def plain(value: Any) -> str:
    """A number of a ruleset without a needless `.0`."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def days(count: int) -> str:
    """A number of days with its word."""
    return f"{count} day" if abs(count) == 1 else f"{count} days"


def listed(items: Iterable[str], word: str = "and") -> str:
    """`a, b and c`."""
    texts = list(items)
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}" if texts else ""


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `4th` …"""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def as_data(value: Any) -> Any:
    """A value as JSON has it: dates as ISO text, decimals as numbers, tuples as lists."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: as_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_data(item) for item in value]
    return value
