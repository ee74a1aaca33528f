"""What running a case says: passed, or each expectation that was not met, with expected and actual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one case. `mismatches` is empty where it passed."""

    id: str
    title: str
    file: str
    mismatches: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Every expectation was met."""
        return not self.mismatches

    def as_dict(self) -> dict[str, Any]:
        """The outcome as plain data, for `--json`."""
        return {
            "id": self.id,
            "title": self.title,
            "file": self.file,
            "passed": self.passed,
            "mismatches": list(self.mismatches),
        }


@dataclass(frozen=True, slots=True)
class Case:
    """One case as read: the file that it stands in, and what it says."""

    file: str
    stated: Mapping[str, Any]

    def outcome(self, mismatches: Iterable[str] = ()) -> Outcome:
        """The outcome of this case."""
        return Outcome(str(self.stated.get("id")), str(self.stated.get("title", "")), self.file, tuple(mismatches))


def compare(where: str, expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    """One line for each expected key whose actual value differs. Only the keys that are expected are compared."""
    lines = []
    for key, wanted in expected.items():
        if key not in actual:
            lines.append(f"{where}{key}: expected {show(wanted)}, but a case of this kind has no {key}")
        elif not is_same(wanted, actual[key]):
            lines.append(f"{where}{key}: expected {show(wanted)}, actual {show(actual[key])}")
    return lines


def is_same(expected: Any, actual: Any) -> bool:
    """Equality of case values: dates as ISO text, numbers exactly as decimals, text as it stands."""
    if isinstance(expected, bool) or isinstance(actual, bool) or expected is None or actual is None:
        return expected is actual
    if isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        return len(expected) == len(actual) and all(map(is_same, expected, actual))
    if isinstance(expected, (int, float, Decimal)) and isinstance(actual, (int, float, Decimal)):
        return Decimal(str(expected)) == Decimal(str(actual))
    return show(expected) == show(actual)


def show(value: Any) -> str:
    """A case value as a person writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(show, value)) + "]"
    return str(value)
