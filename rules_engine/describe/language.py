"""English: lists, numbers with their units, sentences, and the words of a value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

#: Units that do not change with the number.
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_FIXED = frozenset({"mm", "%", "ng/mL"})


def joined(parts: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def number(value: float) -> str:
    """A number as a person writes it, with all its digits."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def percent(share: float) -> str:
    """A share as a percentage, with all its digits: 0.95 is `95%`."""
    return f"{(Decimal(str(share)) * 100).normalize():f}%"


def with_unit(value: float, unit: str) -> str:
    """`28 days`, `1 day`, `5 mm`, `20%`."""
    if not unit:
        return number(value)
    if unit == "%":
        return f"{number(value)}%"
    if value == 1 and unit.endswith("s") and unit not in _FIXED:
        return f"{number(value)} {unit[:-1]}"
    return f"{number(value)} {unit}"


def counted(value: float, unit: str, manner: str) -> str:
    """A number as a sentence needs it: with its unit, as a `percent`, or a small one as a word (`words`)."""
    if manner == "percent":
        return percent(value)
    if manner == "words" and isinstance(value, int) and 0 <= value < len(_SMALL):
        return _SMALL[value]
    return with_unit(value, unit)


def spoken(key: str) -> str:
    """A key or a name as words: `new_therapy` is `new therapy`."""
    return re.sub(r"[_.]+", " ", key).strip()


def capitalised(text: str) -> str:
    """The text with a capital first letter; a code that begins with a small letter (iUPD) stays as it is."""
    first = text.split(" ", 1)[0]
    return text if any(letter.isupper() for letter in first) else text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """The text with a capital letter and a full stop."""
    told = capitalised(text.strip())
    return told if not told or told[-1] in ".!?:" else f"{told}."


def without_code(text: str) -> str:
    """A description of a schema without the marks around names."""
    return text.replace("`", "")


def plain(value: Any) -> str:
    """A value of a shape that nothing is known of, in words."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, Mapping):
        return "; ".join(f"{spoken(str(key))}: {plain(item)}" for key, item in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(plain(item) for item in value) or "none"
    return str(value)


def yaml_word(value: Any) -> str:
    """A value as YAML writes it, by which words are found."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)) and not value:
        return "[]"
    if isinstance(value, Mapping) and not value:
        return "{}"
    return number(value) if isinstance(value, (int, float)) else str(value)
