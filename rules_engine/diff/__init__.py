"""Two runs side by side: what differs in their rules, which records change by which rule, and what that does to the estimates."""

from __future__ import annotations

from rules_engine.diff.comparison import Comparison, compare_runs
from rules_engine.diff.records import RECORD_SCHEMA
from rules_engine.diff.rules import ABSENT, RuleDifference, compare_rules, with_sentences
from rules_engine.diff.side import Side

__all__ = [
    "ABSENT",
    "RECORD_SCHEMA",
    "Comparison",
    "RuleDifference",
    "Side",
    "compare_rules",
    "compare_runs",
    "with_sentences",
]
