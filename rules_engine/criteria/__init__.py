"""The toolbox that response criteria are made of; docs/criteria.md shows how the built-in ones use it."""

from rules_engine.criteria.best_response import best_overall_response
from rules_engine.criteria.components import (
    complete_timepoints,
    derive_combined,
    table_objections,
    table_schema,
    worst_of_day,
)
from rules_engine.criteria.confirmation import derive_confirmed_pairs
from rules_engine.criteria.lesions import LOCAL_THERAPY, Measure, contribution
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
from rules_engine.criteria.subjects import (
    PUBLISHED_SCHEMA,
    SUBJECT_RESPONSE_SCHEMA,
    in_units,
    percent_change,
    subject_responses,
    timepoint_responses,
)
from rules_engine.criteria.timepoints import (
    derive_backdating,
    derive_history,
    derive_judged_visits,
    derive_judgement,
    derive_nadir,
    derive_timepoints,
)
from rules_engine.criteria.validation import baseline_age_findings, derive_lesion_findings
from rules_engine.criteria.visits import derive_baselines, derive_visits

__all__ = [
    "LOCAL_THERAPY",
    "PUBLISHED_SCHEMA",
    "SUBJECT_RESPONSE_SCHEMA",
    "Measure",
    "Reading",
    "RuleNames",
    "baseline_age_findings",
    "best_overall_response",
    "complete_timepoints",
    "contribution",
    "derive_backdating",
    "derive_baselines",
    "derive_combined",
    "derive_confirmed_pairs",
    "derive_history",
    "derive_judged_visits",
    "derive_judgement",
    "derive_lesion_findings",
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
    "in_units",
    "lesion_response",
    "nontarget_response",
    "overall_response",
    "percent_change",
    "progression",
    "reported",
    "subject_responses",
    "table_objections",
    "table_schema",
    "target_response",
    "timepoint_responses",
    "worst_of_day",
]
