"""Worked cases as data: three public formats and the runner that holds the engine against them (docs/cases.md)."""

from __future__ import annotations

from rules_engine.casebook.outcomes import Outcome
from rules_engine.casebook.runner import run_cases

__all__ = ["Outcome", "run_cases"]
