"""Findings at a glance: how many of each rule, with the words of one of them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rules_engine.findings import SEVERITIES
from rules_engine.pages import notebook


@dataclass(frozen=True)
class FindingsOverview:
    """A findings frame (`findings.SCHEMA`) told by severity and rule. `str()` is one line per rule."""

    findings: pl.DataFrame

    def by_rule(self) -> pl.DataFrame:
        """One row per rule: severity (errors first), rule_id, n, and the message of its first finding."""
        rank = pl.col("severity").replace_strict({name: place for place, name in enumerate(SEVERITIES)}, default=None)
        return (
            self.findings.group_by("severity", "rule_id", maintain_order=True)
            .agg(n=pl.len(), example=pl.col("message").first())
            .sort(rank, -pl.col("n").cast(pl.Int64), "rule_id")
        )

    def __str__(self) -> str:
        return "\n".join(
            f"{n:>7}  {severity:<8}{rule}: {example}" for severity, rule, n, example in self.by_rule().rows()
        )

    def _repr_html_(self) -> str:
        """One row per rule, errors first."""
        rows = self.by_rule().rows()
        if not rows:
            return notebook.card("No findings: nothing in the data is odd")
        return notebook.card(
            f"{self.findings.height:,} findings",
            notebook.table(["Severity", "Rule", "Findings", "The first of them"], rows),
        )
