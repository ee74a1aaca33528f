"""What an unquoted word of YAML means here: what it means in JSON, so that nothing turns into a surprise.

`no`, `off`, `2024-01-02`, `12:30:00`, `007` and `.inf` stay the text that they are (YAML 1.1 would make them
something else).
"""

from __future__ import annotations

import re

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]+|(?<=[0-9])\.)?([eE][-+]?[0-9]+)?")
_NUMERIC_START = frozenset("+-.0123456789")

#: Digits that every reader of numbers keeps.
_MAX_DIGITS = 18


def resolve(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar. Raises `ValueError` for a number that cannot be held."""
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if text[0] not in _NUMERIC_START or not any("0" <= letter <= "9" for letter in text):
        return text
    if _INTEGER.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            raise ValueError("the number has more digits than can be held exactly")
        return int(text)
    if _NUMBER.fullmatch(text) and not text.lstrip("+-").startswith(("e", "E")):
        number = float(text)
        if abs(number) == float("inf"):
            raise ValueError("the number is too large")
        return number
    return text


def is_text_unquoted(text: str) -> bool:
    """True where `text`, written without quotes, would be read as that very text."""
    try:
        return resolve(text) == text and isinstance(resolve(text), str)
    except ValueError:
        return False
