"""Analysis results as rows, one row per number (the analysis results data, ARD)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import polars as pl

from rules_engine.vocabulary import ARD_OF_ENGINE, ARD_SCHEMA

#: What an estimator returns: `ARD_SCHEMA` without the columns that the engine adds.
ESTIMATE_SCHEMA: dict[str, pl.DataType] = {
    name: dtype for name, dtype in ARD_SCHEMA.items() if name not in ARD_OF_ENGINE
}

COUNT, ONE_DECIMAL, TWO_DECIMALS, THREE_DECIMALS = "d", ".1f", ".2f", ".3f"
PERCENT, P_VALUE = ".1%", ".4f"


@dataclass
class Estimates:
    """Collects the rows of one estimate; `method` and `group_variable` hold for all of them.

    `sizes` are the subjects of each group: a number rests on those of its group and of the one it is compared with.
    """

    method: str
    group_variable: str | None
    rows: list[dict[str, object]] = field(default_factory=list)
    sizes: dict[str | None, int] = field(default_factory=dict)

    def add(
        self,
        statistic: str,
        label: str,
        value: float | None,
        number_format: str,
        *,
        group: str | None = None,
        comparison: str | None = None,
        variable: str | None = None,
        level: str | None = None,
        note: str | None = None,
        n: int | None = None,
    ) -> None:
        """Add one number. A value that is no finite number becomes null and must come with its reason."""
        known = value is not None and math.isfinite(value)
        self.rows.append(
            {
                "group_variable": self.group_variable,
                "group": group,
                "comparison": comparison,
                "variable": variable,
                "level": level,
                "statistic": statistic,
                "label": label,
                "value": float(value) if known and value is not None else None,
                "note": note if note is not None or known else "not estimable",
                "n": self._rests_on(group, comparison) if n is None else n,
                "format": number_format,
                "method": self.method,
            }
        )

    def _rests_on(self, group: str | None, comparison: str | None) -> int:
        if group is None:
            return sum(self.sizes.values())
        return self.sizes.get(group, 0) + (0 if comparison is None else self.sizes.get(comparison, 0))

    def frame(self) -> pl.DataFrame:
        """The rows as a frame of `ESTIMATE_SCHEMA`, in the order in which they were added."""
        return pl.DataFrame(self.rows, schema=ESTIMATE_SCHEMA)
