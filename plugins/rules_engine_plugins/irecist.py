"""iRECIST: response under immunotherapy (Seymour et al., Lancet Oncol 2017;18:e143-e152).

The categories are those of RECIST 1.1; a progression is unconfirmed (iUPD) until a later scan confirms (iCPD) or resets it.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from rules_engine.criteria import (
    LOCAL_THERAPY,
    Reading,
    RuleNames,
    derive_baselines,
    derive_lesion_findings,
    derive_reassessed,
    options,
    reported,
)
from rules_engine.hookspecs import hookimpl
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import Criterion
from rules_engine.wording import Wording

NAMES = RuleNames(
    target="recist_1_1.target",
    nontarget="recist_1_1.nontarget",
    new_lesion="irecist.iupd",
    overall="irecist.open",
)

WORDING = {
    "equivocal.backdate": Wording(
        "Lesion uncertain at first",
        "New lesions",
        says="A new lesion that was uncertain when first seen is an iUPD at the assessment that makes it certain; nothing is dated "
        "back.",
        when=False,
    ),
}


def assess(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """One timepoint response per subject and visit after baseline; progression waits for its confirmation."""
    return derive_reassessed(lesions, Reading(rules, NAMES)).pipe(reported, rules)


def inspect(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """What each visit was judged by, and the state that it met."""
    return derive_reassessed(lesions, Reading(rules, NAMES, evidence=True))


IRECIST = Criterion(
    id="irecist",
    version="1.0",
    title="iRECIST",
    reference="Seymour L et al. Lancet Oncol 2017;18:e143-e152",
    options_schema=options.options_schema(options.RECIST, options.IRECIST, wording=WORDING),
    responses=("iCR", "iPR", "iSD", "NON-iCR/NON-iUPD", "NED", "iCPD", "iUPD", "NE"),
    assess=assess,
    validate=derive_lesion_findings,
    inspect=inspect,
    check=options.confirmation_window,
    extra_columns=(LOCAL_THERAPY,),
    baselines=derive_baselines,
    columns=("subject", "visit_date", "is_baseline", "lesion_id", "role", "mm_x100"),
)


@hookimpl
def rules_engine_criteria() -> Sequence[Criterion]:
    """Offer iRECIST."""
    return [IRECIST]
