"""GCIG criteria of ovarian cancer (Rustin et al., Int J Gynecol Cancer 2011;21:419-423): CA-125, and CA-125 with RECIST."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import rules_engine
from rules_engine.vocabulary import Criterion, RulesetFolder, Table

from rules_engine_gcig_ca125.ca125 import GCIG_CA125
from rules_engine_gcig_ca125.combined import ASSESSMENTS, GCIG_COMBINED

RULES_ENGINE_HOOKS = "1.1"


@rules_engine.hookimpl
def rules_engine_criteria() -> Sequence[Criterion]:
    """Offer the response by CA-125, and that by CA-125 and RECIST."""
    return [GCIG_CA125, GCIG_COMBINED]


@rules_engine.hookimpl
def rules_engine_tables() -> Sequence[Table]:
    """Offer the table of assessments."""
    return [ASSESSMENTS]


@rules_engine.hookimpl
def rules_engine_rulesets() -> Sequence[RulesetFolder]:
    """Offer the rulesets of this folder."""
    return [RulesetFolder("gcig_ca125", Path(__file__).parent / "rulesets")]
