"""mRECIST, and iRECIST where pseudoprogression is suspected: the criterion of the first trial.

mRECIST runs at every visit. A progression that the investigator does not suspect to be pseudoprogression is final; a suspected one
waits for confirmation or reset as under iRECIST. No publication defines the combination: its choices are options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl
from rules_engine.criteria import (
    LOCAL_THERAPY,
    Reading,
    RuleNames,
    derive_baselines,
    derive_lesion_findings,
    derive_reassessed,
    derive_timepoints,
    options,
    reported,
)
from rules_engine.hookspecs import hookimpl
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import Criterion

MRECIST = RuleNames(
    target="mrecist.target",
    nontarget="mrecist.nontarget",
    new_lesion="mrecist.new_lesion",
    overall="recist_1_1.overall",
)
WHOLE = RuleNames(
    target="recist_1_1.target",
    nontarget="recist_1_1.nontarget",
    new_lesion="irecist.iupd",
    overall="irecist.open",
)


def assess(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """One timepoint response per subject and visit after baseline; a suspected progression waits for its confirmation."""
    plain = derive_timepoints(lesions, rules, MRECIST).select(
        "subject", "visit_date", basis_overall="overall", basis_progression_date="progression_date"
    )
    return _reassessed(lesions, rules).pipe(reported, rules, basis=plain)


def inspect(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """What each visit was judged by, and the state that it met."""
    return _reassessed(lesions, rules, evidence=True)


def _reassessed(lesions: pl.LazyFrame, rules: CriterionRules, *, evidence: bool = False) -> pl.LazyFrame:
    whole = rules["hybrid.basis"] == "whole"
    reading = Reading(rules, MRECIST, suspected_only=True, parallel=whole, evidence=evidence)
    return derive_reassessed(lesions, reading, whole_reading(lesions, rules) if whole else None)


def whole_reading(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """The iRECIST reading of whole diameters that runs beside mRECIST: code, state and reasons per visit."""
    as_irecist = {key: value for key, value in rules.options.items() if not key.startswith(("mrecist.", "hybrid."))}
    as_irecist = {key: value for key, value in as_irecist.items() if not key.endswith(".porta_hepatis")}
    as_irecist["pd.abs_mm"] = rules["hybrid.whole_pd_abs_mm"]
    whole = replace(rules, options=as_irecist)
    return derive_reassessed(lesions, Reading(whole, WHOLE)).select(
        "subject",
        "visit_date",
        parallel_code="code",
        parallel_state="state",
        parallel_reasons="confirmation_reasons",
    )


MRECIST_IRECIST = Criterion(
    id="mrecist_irecist",
    version="1.0",
    title="mRECIST, with iRECIST where pseudoprogression is suspected",
    reference="Lencioni R, Llovet JM. Semin Liver Dis 2010;30:52-60; Seymour L et al. Lancet Oncol 2017;18:e143-e152",
    options_schema=options.options_schema(options.RECIST, options.MRECIST, options.IRECIST, options.HYBRID),
    responses=(
        "CR", "iCR", "PR", "iPR", "SD", "iSD", "NON-CR/NON-PD", "NON-iCR/NON-iUPD", "NED", "PD", "iCPD", "iUPD", "NE",
    ),
    assess=assess,
    validate=derive_lesion_findings,
    inspect=inspect,
    check=options.confirmation_window,
    extra_columns=(LOCAL_THERAPY,),
    baselines=derive_baselines,
    columns=("subject", "visit_date", "is_baseline", "lesion_id", "role", "viable_mm_x100"),
)  # fmt: skip


@hookimpl
def rules_engine_criteria() -> Sequence[Criterion]:
    """Offer mRECIST with re-assessment per iRECIST."""
    return [MRECIST_IRECIST]
