"""What the treatments of a study may be: component of the regimen or kind of therapy outside it, proposed from their names.

The names stand in `therapies.yaml`. A name that points to two things, or to none, is not decided.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

#: Columns of `treatments` that a name may decide.
DECIDED = ("component", "kind")


@dataclass(frozen=True)
class Recognised:
    """Names as they are in the data: by column of `treatments` and code those that are known, and those that are not."""

    known: Mapping[str, Mapping[str, list[str]]]
    unknown: list[str]

    @property
    def names(self) -> list[str]:
        """All names that are known."""
        return sorted(name for codes in self.known.values() for names in codes.values() for name in names)

    def told(self) -> str:
        """In a line what was taken for what."""
        parts = [f"{', '.join(names)}: {code}" for codes in self.known.values() for code, names in codes.items()]
        left = f"not recognised: {', '.join(self.unknown)}" if self.unknown else ""
        return "; ".join(part for part in [*parts, left] if part)

    def cases(self, name_column: str, column: str, otherwise: str | None = None) -> dict[str, Any] | None:
        """The value of `component` or `kind` as the section `data` states it; None where no name decides it."""
        codes = self.known.get(column, {})
        if not codes:
            return None
        cases: list[dict[str, Any]] = [
            {"where": [{"column": name_column, "in": names}], "value": code} for code, names in codes.items()
        ]
        return {"cases": [*cases, *([{"value": otherwise}] if otherwise is not None else [])]}


def recognise(names: Iterable[str]) -> Recognised:
    """What each treatment of these names is, by the words in it."""
    known: dict[str, dict[str, list[str]]] = {}
    unknown = []
    for name in sorted(set(names)):
        said = f" {_folded(name)} "
        found = {place for word, place in _words().items() if f" {word} " in said}
        if len(found) == 1:
            column, code = found.pop()
            known.setdefault(column, {}).setdefault(code, []).append(name)
        else:
            unknown.append(name)
    order = {
        column: {code: known[column][code] for code in sorted(known[column])} for column in DECIDED if column in known
    }
    return Recognised(order, unknown)


@lru_cache
def _words() -> Mapping[str, tuple[str, str]]:
    stated = yaml.safe_load(files(__package__).joinpath("therapies.yaml").read_text("utf-8"))
    return {
        _folded(word): (column, code)
        for column, codes in stated.items()
        for code, words in codes.items()
        for word in words
    }


def _folded(name: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", name.lower()))
