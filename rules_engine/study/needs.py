"""What a ruleset needs and a study may lack: one error that names the endpoint and the table."""

from __future__ import annotations

from rules_engine.model import Ruleset
from rules_engine.study.study import Study


def require_tables(study: Study, ruleset: Ruleset) -> None:
    """Raise `StudyError` where the study lacks a table or column that the ruleset needs."""
