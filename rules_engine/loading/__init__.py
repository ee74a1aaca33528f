"""Rulesets: YAML read with places, bases laid under, schemas composed from what is installed, all errors told at
once.
"""

from __future__ import annotations

from rules_engine.loading.load import (
    load_criterion_rules,
    load_grading_rules,
    load_ruleset,
    read_document,
)

__all__ = ["load_criterion_rules", "load_grading_rules", "load_ruleset", "read_document"]
