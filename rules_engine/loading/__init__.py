"""Rulesets: YAML read with places, bases laid under, checked by what is installed, all errors told at once."""

from __future__ import annotations

from rules_engine.loading.effective import effective, flow
from rules_engine.loading.grammar import STRATEGIES
from rules_engine.loading.load import (
    load_criterion_rules,
    load_grading_rules,
    load_ruleset,
    read_document,
    ruleset_schema,
)
from rules_engine.loading.nodes import Node, path_text, to_plain
from rules_engine.loading.options import properties_of
from rules_engine.loading.scalars import resolve as read_value
from rules_engine.loading.validation import problems_of
from rules_engine.loading.yaml_reader import read_file as read_nodes

__all__ = [
    "STRATEGIES",
    "Node",
    "effective",
    "flow",
    "load_criterion_rules",
    "load_grading_rules",
    "load_ruleset",
    "path_text",
    "problems_of",
    "properties_of",
    "read_document",
    "read_nodes",
    "read_value",
    "ruleset_schema",
    "to_plain",
]
