"""Odd lesion data, said aloud: faults of the baseline, of single records, and of what follows from them.

Nothing here changes a response; what the engine did with the odd record is told in `action`.
"""

from __future__ import annotations

import polars as pl

from rules_engine.criteria.lesion_records import LesionRecords, derive_from_records, derive_once
from rules_engine.criteria.lesions import Measure
from rules_engine.criteria.sharing import derive_shared
from rules_engine.criteria.validation.of_baseline import (
    baseline_age_findings,
    findings_of_baseline,
    findings_of_baseline_visit,
)
from rules_engine.criteria.validation.of_new_lesions import findings_of_new_lesions
from rules_engine.criteria.validation.of_records import findings_of_records, local_therapy_findings
from rules_engine.criteria.validation.of_timepoints import findings_of_timepoints
from rules_engine.findings import concat_findings
from rules_engine.model import CriterionRules

__all__ = ["baseline_age_findings", "derive_lesion_findings"]


def derive_lesion_findings(
    lesions: pl.LazyFrame, rules: CriterionRules, timepoints: pl.LazyFrame, *, measure: Measure | None = None
) -> pl.LazyFrame:
    """Findings about the lesions of one reading; `timepoints` is what the criterion made of them.

    `measure` is what the criterion adds up, where that is not the diameter of the RECIST family.
    """

    def by_the_rules(records: LesionRecords) -> pl.LazyFrame:
        return concat_findings(
            [
                derive_shared(records, rules, _about_baseline, measure),
                *findings_of_new_lesions(records, rules),
                *findings_of_timepoints(records, rules, timepoints, measure),
            ]
        )

    return concat_findings(
        [
            derive_once(lesions, findings_whatever_the_rules),
            derive_from_records(lesions, by_the_rules),
            *local_therapy_findings(lesions, rules),
        ]
    )


def _about_baseline(records: LesionRecords, rules: CriterionRules, measure: Measure | None) -> pl.LazyFrame:
    return concat_findings(findings_of_baseline(records, rules, measure))


def findings_whatever_the_rules(records: LesionRecords) -> pl.LazyFrame:
    """What is odd about the records of a reading to every criterion alike."""
    return concat_findings([*findings_of_baseline_visit(records.rows), *findings_of_records(records)])
