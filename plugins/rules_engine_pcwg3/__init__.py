"""PCWG3 (Scher et al., J Clin Oncol 2016;34:1402-1418): soft tissue and bone to one response, the 2+2 rule, and PSA."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import rules_engine
from rules_engine.vocabulary import Criterion, RulesetFolder, Table

from rules_engine_pcwg3.overall import ASSESSMENTS, PCWG3
from rules_engine_pcwg3.psa import PCWG3_PSA

RULES_ENGINE_HOOKS = "1.1"


@rules_engine.hookimpl
def rules_engine_criteria() -> Sequence[Criterion]:
    """Offer the response of soft tissue and bone, and that of PSA."""
    return [PCWG3, PCWG3_PSA]


@rules_engine.hookimpl
def rules_engine_tables() -> Sequence[Table]:
    """Offer the table of assessments."""
    return [ASSESSMENTS]


@rules_engine.hookimpl
def rules_engine_rulesets() -> Sequence[RulesetFolder]:
    """Offer the rulesets of this folder."""
    return [RulesetFolder("pcwg3", Path(__file__).parent / "rulesets")]
