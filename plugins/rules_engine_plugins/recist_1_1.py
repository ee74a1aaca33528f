"""RECIST 1.1: Response Evaluation Criteria in Solid Tumours (Eisenhauer et al., Eur J Cancer 2009;45:228-247)."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from rules_engine.criteria import (
    LOCAL_THERAPY,
    RuleNames,
    derive_baselines,
    derive_judged_visits,
    derive_lesion_findings,
    derive_timepoints,
    options,
)
from rules_engine.hookspecs import hookimpl
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import Criterion

NAMES = RuleNames(
    target="recist_1_1.target",
    nontarget="recist_1_1.nontarget",
    new_lesion="recist_1_1.new_lesion",
    overall="recist_1_1.overall",
)


def assess(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """One timepoint response per subject and visit after baseline, from whole diameters."""
    return derive_timepoints(lesions, rules, NAMES)


def inspect(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """What each visit was judged by."""
    return derive_judged_visits(lesions, rules, NAMES)


RECIST_1_1 = Criterion(
    id="recist_1_1",
    version="1.0",
    title="RECIST 1.1",
    reference="Eisenhauer EA et al. Eur J Cancer 2009;45:228-247",
    options_schema=options.options_schema(options.RECIST),
    responses=("CR", "PR", "SD", "NON-CR/NON-PD", "NED", "PD", "NE"),
    assess=assess,
    validate=derive_lesion_findings,
    inspect=inspect,
    extra_columns=(LOCAL_THERAPY,),
    baselines=derive_baselines,
    columns=("subject", "visit_date", "is_baseline", "lesion_id", "role", "mm_x100"),
)


@hookimpl
def rules_engine_criteria() -> Sequence[Criterion]:
    """Offer RECIST 1.1."""
    return [RECIST_1_1]
