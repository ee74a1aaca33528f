"""Grading by tables of cut-offs: CTCAE, whichever version a ruleset names.

The cut-offs, terms and grades stand in the ruleset (`rulesets/ctcae_v5` and its neighbours); how they are read
stands in `rules_engine.grading`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import rules_engine
from rules_engine import grading
from rules_engine.grading.document_schema import DOCUMENT_SCHEMA
from rules_engine.grading.limits import SAME_LABORATORY
from rules_engine.vocabulary import Grading


def grade_labs(
    labs: pl.LazyFrame, document: Mapping[str, Any], options: Mapping[str, Any], context: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per laboratory result in, the same rows out with the columns of `grading.GRADED_LABS_SCHEMA`."""
    return grading.derive_lab_grades(labs, grading.read_rules(document), grading.lab_options(options), context)


def grade_events(
    events: pl.LazyFrame, document: Mapping[str, Any], options: Mapping[str, Any], context: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per adverse event record in, the same rows out with the columns of `grading.GRADED_EVENTS_SCHEMA`."""
    return grading.derive_event_grades(events, grading.read_rules(document), grading.event_options(options), context)


def check(document: Mapping[str, Any], options: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
    """Options that name what is no term of the dictionary."""
    return grading.unknown_terms(grading.read_rules(document), grading.event_options(options))


def notes(document: Mapping[str, Any]) -> Sequence[str]:
    """What the ruleset does not hold of its version."""
    return grading.gaps(grading.read_rules(document))


def needs_all_subjects(options: Mapping[str, Any]) -> str:
    """Why results of one subject cannot be graded alone: their missing ranges may come from other subjects."""
    if grading.lab_options(options).missing_range != SAME_LABORATORY:
        return ""
    return "missing ranges of normal are filled from other subjects of the laboratory (labs.options.missing_range)"


CTCAE = Grading(
    id="ctcae",
    version="1.0",
    title="Grades by tables of cut-offs and terms, such as the NCI's CTCAE",
    reference="NCI Common Terminology Criteria for Adverse Events, versions 4.03 (2010), 5.0 (2017) and, in part, 6.0 (2025)",
    options_schema=grading.OPTIONS_SCHEMA,
    grade_labs=grade_labs,
    grade_events=grade_events,
    lab_findings=grading.lab_findings,
    lab_tally=grading.tally_ungraded,
    lab_conclude=grading.conclude_ungraded,
    needs_all_subjects=needs_all_subjects,
    event_findings=grading.event_findings,
    document_schema=DOCUMENT_SCHEMA,
    check=check,
    notes=notes,
)


@rules_engine.hookimpl
def rules_engine_gradings() -> Sequence[Grading]:
    """Offer the grading."""
    return [CTCAE]
