"""Toxicity grading: laboratory values against the cut-offs of a ruleset, and the grades that investigators report.

Which version of CTCAE applies is the ruleset's matter; nothing here knows one.
"""

from rules_engine.grading.cases import grade_case, grade_cases
from rules_engine.grading.context import CONTEXT_SCHEMA, derive_context
from rules_engine.grading.events import GRADED_EVENTS_SCHEMA, derive_event_grades, unknown_terms
from rules_engine.grading.findings import conclude_ungraded, event_findings, lab_findings, tally_ungraded
from rules_engine.grading.hys_law import HYS_LAW_FRAME, derive_hys_law, hys_law_findings
from rules_engine.grading.lab_columns import GRADED_LABS_SCHEMA
from rules_engine.grading.lab_summaries import summarise_labs, summarise_tally, tally_worst_grades
from rules_engine.grading.labs import derive_lab_grades
from rules_engine.grading.options import OPTIONS_SCHEMA, EventOptions, LabOptions, event_options, lab_options
from rules_engine.grading.questions import (
    combine_atoxgr,
    consistency,
    date_imputation,
    eair,
    grade_validity,
    occurrence_flags,
    sort_order,
    summary,
    term_match,
    treatment_emergent,
)
from rules_engine.grading.rules import GradingRules, gaps, read_rules
from rules_engine.grading.summaries import counted_columns, summarise_events
from rules_engine.grading.worst import WORST_SCHEMA, derive_worst_flags, derive_worst_grades, reconcile

__all__ = [
    "CONTEXT_SCHEMA",
    "GRADED_EVENTS_SCHEMA",
    "GRADED_LABS_SCHEMA",
    "HYS_LAW_FRAME",
    "OPTIONS_SCHEMA",
    "WORST_SCHEMA",
    "EventOptions",
    "GradingRules",
    "LabOptions",
    "combine_atoxgr",
    "conclude_ungraded",
    "consistency",
    "counted_columns",
    "date_imputation",
    "derive_context",
    "derive_event_grades",
    "derive_hys_law",
    "derive_lab_grades",
    "derive_worst_flags",
    "derive_worst_grades",
    "eair",
    "event_findings",
    "event_options",
    "gaps",
    "grade_case",
    "grade_cases",
    "grade_validity",
    "hys_law_findings",
    "lab_findings",
    "lab_options",
    "occurrence_flags",
    "read_rules",
    "reconcile",
    "sort_order",
    "summarise_events",
    "summarise_labs",
    "summarise_tally",
    "summary",
    "tally_ungraded",
    "tally_worst_grades",
    "term_match",
    "treatment_emergent",
    "unknown_terms",
]
