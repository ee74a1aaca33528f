"""What may stand at a place of a ruleset that is being typed: keys, words and names, from the schema and the rulesets it builds on."""

from __future__ import annotations

from rules_engine.completion.suggestions import Completion, Suggestion, complete

__all__ = ["Completion", "Suggestion", "complete"]
