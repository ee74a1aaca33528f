"""Rulesets in plain English, as a statistical analysis plan would say them: from the ruleset as resolved and the plugins' schemas."""

from __future__ import annotations

from rules_engine.describe.derivations import Derivations, derivations
from rules_engine.describe.description import Description, definition_blocks, describe_ruleset
from rules_engine.describe.idle import options_without_effect
from rules_engine.describe.study import study_facts

__all__ = [
    "Derivations",
    "Description",
    "definition_blocks",
    "derivations",
    "describe_ruleset",
    "options_without_effect",
    "study_facts",
]
