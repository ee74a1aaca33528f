"""Where a rule stands and what it says: options of endpoints, values and rules of criteria, with file and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules_engine.explain.words import as_data, plain
from rules_engine.model import Position, ResponseDefinition, Ruleset


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule or an option that decided something: what it is called, its value, its words, its source and its place.

    `name` is the id of a rule (`recist_1_1.target.pd`) or the key of an option (`pr.pct`, `missed_visits.gap_days`).
    """

    name: str
    text: str = ""
    reference: str = ""
    value: Any = None
    unit: str = ""
    position: Position | None = None

    @property
    def place(self) -> str:
        """File and line; a default, and what a caller gave as a mapping, stand in no file."""
        return "no file" if self.position is None else f"{self.position.file}:{self.position.line}"

    @property
    def stated(self) -> str:
        """The name with its value: `pr.pct = 30 %`."""
        if self.value is None:
            return self.name
        return f"{self.name} = {plain(self.value)}{f' {self.unit}' if self.unit else ''}"

    @property
    def cited(self) -> str:
        """The rule by name and place, without its words."""
        return f"[{self.stated}; {self.place}]"

    def __str__(self) -> str:
        words = f'"{self.text}" ' if self.text else ""
        return f"{words}[{'; '.join(part for part in (self.stated, self.reference, self.place) if part)}]"

    def as_dict(self) -> dict[str, Any]:
        """The rule as plain data."""
        return {
            "name": self.name,
            "text": self.text or None,
            "reference": self.reference or None,
            "value": as_data(self.value),
            "unit": self.unit or None,
            "file": self.position.file if self.position else None,
            "line": self.position.line if self.position else None,
        }


@dataclass(frozen=True, slots=True)
class CriterionBook:
    """The words of one response stream: rules of its criterion by id, and the values in force by key."""

    ruleset: Ruleset
    response: ResponseDefinition

    @property
    def options(self) -> Mapping[str, Any]:
        """The values in force."""
        return self.response.rules.options if self.response.rules is not None else {}

    def rule(self, rule_id: str) -> Rule:
        """The rule of this id; without words where the ruleset has none."""
        return self._of(rule_id, None, None)

    def value(self, key: str) -> Rule:
        """The value of an option, at the place that states it."""
        stated = self.ruleset.positions.get(f"responses.{self.response.name}.options.{key}")
        return self._of(key, self.options.get(key), stated)

    def _of(self, name: str, value: Any, position: Position | None) -> Rule:
        said = self.response.rules.statements.get(name) if self.response.rules is not None else None
        if said is None:
            return Rule(name, value=value, position=position)
        return Rule(name, said.text, said.reference, value, said.unit, position or said.position)
