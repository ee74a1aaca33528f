"""The toolbox that response criteria are made of; docs/criteria.md shows how the built-in ones use it."""

from rules_engine.criteria.best_response import best_overall_response
from rules_engine.criteria.confirmation import derive_confirmed_pairs
from rules_engine.criteria.new_lesions import derive_new_lesion_visits, derive_new_lesions
from rules_engine.criteria.numbers import has_fallen_by, has_risen_by, hundredths
from rules_engine.criteria.progression import first_trial_pfs, progression
from rules_engine.criteria.reassessment import Reading, derive_reassessed
from rules_engine.criteria.reporting import reported
from rules_engine.criteria.responses import (
    RuleNames,
    lesion_response,
    nontarget_response,
    overall_response,
    target_response,
)
from rules_engine.criteria.timepoints import (
    derive_backdating,
    derive_history,
    derive_judged_visits,
    derive_judgement,
    derive_nadir,
    derive_timepoints,
)
from rules_engine.criteria.visits import derive_visits

__all__ = [
    "Reading",
    "RuleNames",
    "best_overall_response",
    "derive_backdating",
    "derive_confirmed_pairs",
    "derive_history",
    "derive_judged_visits",
    "derive_judgement",
    "derive_nadir",
    "derive_new_lesion_visits",
    "derive_new_lesions",
    "derive_reassessed",
    "derive_timepoints",
    "derive_visits",
    "first_trial_pfs",
    "has_fallen_by",
    "has_risen_by",
    "hundredths",
    "lesion_response",
    "nontarget_response",
    "overall_response",
    "progression",
    "reported",
    "target_response",
]
