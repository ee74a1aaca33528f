"""Where a value in force was stated: file and line, or nowhere (a default of the schema)."""

from __future__ import annotations

from dataclasses import dataclass

from rules_engine.loading import path_text
from rules_engine.model import Ruleset


@dataclass(frozen=True, slots=True)
class Places:
    """The places of a ruleset's values."""

    ruleset: Ruleset

    def of(self, *path: str) -> str | None:
        """`file:line` of the value at a path, or the words for where else it was stated; None for a default."""
        position = self.ruleset.positions.get(path_text(path))
        return None if position is None else position.line_text
